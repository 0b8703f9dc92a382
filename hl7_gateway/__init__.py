"""HL7 v2: results as ORU^R01 messages over MLLP."""
