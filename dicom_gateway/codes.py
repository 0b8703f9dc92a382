"""Every coded concept of the report, by name: code values are never typed where a concept is used.

Sources: PS3.16 (the context group is named beside each), SNOMED CT by way of PS3.16 Annex O, RadLex.
Some SNOMED codes are in no dictionary of pydicom, which is why all of them are spelt here.
"""

from enum import StrEnum

from pydicom.sr.coding import Code
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
)

from domain.finding import Assessment
from domain.priority import ReadingPriority
from domain.study_facts import CodedConcept

# Document, TID 1500.
#: CID 7021.
IMAGING_MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
#: CID 5000.
ENGLISH_UNITED_STATES = Code("en-US", "RFC5646", "English (United States)")
#: CID 100.
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
#: CID 270, value of Observer Type.
DEVICE = Code("121007", "DCM", "Device")

# Image Library, TID 1600 to 1603.
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
SOURCE = Code("260753009", "SCT", "Source")
MODALITY = Code("121139", "DCM", "Modality")
PIXEL_DATA_ROWS = Code("110910", "DCM", "Pixel Data Rows")
PIXEL_DATA_COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
PATIENT_ORIENTATION_ROW = Code("111044", "DCM", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN = Code("111043", "DCM", "Patient Orientation Column")
HORIZONTAL_PIXEL_SPACING = Code("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING = Code("111066", "DCM", "Vertical Pixel Spacing")
PIXELS = Code("{pixels}", "UCUM", "Pixels")
MILLIMETER = Code("mm", "UCUM", "mm")
#: CID 29 by SOP class. Secondary captures are of no modality in particular.
MODALITY_OF_SOP_CLASS = {
    ComputedRadiographyImageStorage: Code("CR", "DCM", "Computed Radiography"),
    DigitalXRayImageStorageForPresentation: Code("DX", "DCM", "Digital Radiography"),
    DigitalXRayImageStorageForProcessing: Code("DX", "DCM", "Digital Radiography"),
}
#: CID 32.
OTHER_MODALITY = Code("OT", "DCM", "Other Modality")

# Measurement group, TID 1501.
LUNG = Code("39607008", "SCT", "Lung structure")
PRESENCE_OF_PROPERTY = Code("121052", "DCM", "Presence of property")
#: Never "present" or "absent": the network suspects, the radiologist finds.
PRESENCE = {
    Assessment.SUSPECTED: Code("415684004", "SCT", "Suspected"),
    Assessment.NOT_DETECTED: Code("260415000", "SCT", "Not detected"),
    Assessment.UNDETERMINED: Code("373068000", "SCT", "Undetermined"),
}
#: CID 6048; in percent.
CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")
THRESHOLD_VALUE = Code("122411", "DCM", "Threshold Value")
PERCENT = Code("%", "UCUM", "Percent")
PRIORITY = Code("260870009", "SCT", "Priority")
_HIGH_PRIORITY = Code("394849002", "SCT", "High priority")
#: SNOMED has no code above high that viewers know: STAT is written in words beside it.
TRIAGE_PRIORITY = {
    ReadingPriority.STAT: _HIGH_PRIORITY,
    ReadingPriority.HIGH: _HIGH_PRIORITY,
    ReadingPriority.ROUTINE: Code("394848005", "SCT", "Normal priority"),
}
#: CID 7162, value of Algorithm Family.
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
COMMENT = Code("121106", "DCM", "Comment")
#: What a picture of an algorithm's reasons is to its finding (TID 1410 and 1411 have it; TID 1501 is extensible).
VISUAL_EXPLANATION = Code("130401", "DCM", "Visual explanation")

#: CID 7202: what the analysed image is to the capture.
SOURCE_IMAGE_FOR_PROCESSING = Code("121322", "DCM", "Source image for image processing operation")

# Basic Text SR, TID 2000. highdicom brings the names of TID 1500's own rows; here they are spelt.
#: CID 7000.
DIAGNOSTIC_IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")
#: Headings, and the text below each.
FINDINGS = Code("121070", "DCM", "Findings")
FINDING = Code("121071", "DCM", "Finding")
IMPRESSIONS = Code("121072", "DCM", "Impressions")
IMPRESSION = Code("121073", "DCM", "Impression")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UNIQUE_IDENTIFIER = Code("112040", "DCM", "Tracking Unique Identifier")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_MANUFACTURER = Code("122405", "DCM", "Algorithm Manufacturer")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
ALGORITHM_FAMILY = Code("111000", "DCM", "Algorithm Family")


def concept(code: Code) -> CodedConcept:
    """Give a code to who does not know DICOM's libraries."""
    return CodedConcept(code.value, code.scheme_designator, code.meaning)


class FindingScheme(StrEnum):
    """The coding scheme in which a site wants the finding."""

    #: SNOMED CT, what DICOM uses by default.
    SNOMED = "SNOMED"
    #: RSNA RadLex.
    RADLEX = "RADLEX"


#: Value of Finding (121071, DCM).
PNEUMONIA = {
    FindingScheme.SNOMED: Code("233604007", "SCT", "Pneumonia"),
    FindingScheme.RADLEX: Code("RID5350", "RADLEX", "pneumonia"),
}
