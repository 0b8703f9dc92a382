"""What is quoted of a study where it is announced: texts, as normalised from its images' headers."""

from dataclasses import dataclass
from typing import NamedTuple


class CodedConcept(NamedTuple):
    """A code, its scheme and its meaning (PS3.3 Table 8.8-1; a CE or CWE of HL7)."""

    value: str
    scheme: str
    meaning: str


class InstanceReference(NamedTuple):
    """One instance: series, SOP class and SOP instance UIDs."""

    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """Patient, study and request of one study. What is not known is an empty text."""

    study_instance_uid: str
    #: DICOM PN: components between "^", component groups between "=".
    patient_name: str
    patient_id: str
    issuer_of_patient_id: str
    #: YYYYMMDD.
    patient_birth_date: str
    #: M, F or O.
    patient_sex: str
    study_id: str
    #: YYYYMMDD.
    study_date: str
    #: HHMMSS.FFFFFF or shorter.
    study_time: str
    #: +HHMM or -HHMM; "" when the source does not say.
    timezone_offset: str
    study_description: str
    accession_number: str
    #: DICOM PN.
    referring_physician: str
    admission_id: str
    requested_procedure_id: str
    requested_procedure_description: str
    requested_procedure_code: CodedConcept | None
    placer_order_number: str
    filler_order_number: str
    #: The analysed image first, the others by SOP Instance UID.
    images: tuple[InstanceReference, ...]
