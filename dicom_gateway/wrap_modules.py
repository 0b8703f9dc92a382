"""The modules of a DX or CR instance that say whose picture it is and how it was taken."""

from dataclasses import dataclass

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

#: SOP classes by modality; DX is the one for presentation.
SOP_CLASSES = {
    "DX": uid.DigitalXRayImageStorageForPresentation,
    "CR": uid.ComputedRadiographyImageStorage,
}
#: View Code Sequence by View Position: PS3.16 CID 4010.
_VIEWS = {
    "AP": ("399348003", "antero-posterior"),
    "PA": ("272479007", "postero-anterior"),
    "LL": ("399173006", "left lateral"),
    "RL": ("399198007", "right lateral"),
}
#: Directions of rows and columns: PS3.3 C.7.6.1.1.1.
_LATERAL_ORIENTATION, _FRONTAL_ORIENTATION = ["A", "F"], ["L", "F"]
#: Anatomic Region Sequence by Body Part Examined: PS3.16 CID 4031.
_REGIONS = {
    "ABDOMEN": ("818981001", "Abdomen"),
    "CHEST": ("816094009", "Chest"),
    "HAND": ("85562004", "Hand"),
}


@dataclass(frozen=True, slots=True)
class SourceLabels:
    """Who, when and how: the attributes around the pixels. Empty is sent empty, or left out where that is legal."""

    #: "DX" or "CR".
    modality: str = "DX"
    patient_id: str = ""
    patient_name: str = ""
    #: DA, YYYYMMDD.
    patient_birth_date: str = ""
    #: M, F, O or empty.
    patient_sex: str = ""
    #: AS, such as 003Y.
    patient_age: str = ""
    body_part: str = "CHEST"
    #: L or R of a paired body part; empty of an unpaired one.
    laterality: str = ""
    #: AP, PA, LL or RL.
    view_position: str = "PA"
    study_date: str = ""
    #: TM, HHMMSS.
    study_time: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_description: str = ""
    series_number: int = 1
    instance_number: int = 1
    #: What the order asked for: STAT, HIGH, ROUTINE; empty leaves the element out.
    requested_procedure_priority: str = ""
    #: Row and column spacing at the detector.
    pixel_spacing_mm: tuple[float, float] = (0.15, 0.15)
    #: Empty UIDs are derived.
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""


def describe(ds: Dataset, labels: SourceLabels) -> None:
    """Write every module of the IOD but Image Pixel and the LUTs."""
    _describe_patient_and_study(ds, labels)
    _describe_series_and_equipment(ds, labels)
    _describe_image(ds, labels)
    if labels.modality == "DX":
        _describe_detector(ds, labels)
        _describe_view(ds, labels)
    else:
        ds.PixelSpacing = list(labels.pixel_spacing_mm)
        ds.ImagerPixelSpacing = list(labels.pixel_spacing_mm)
        ds.ViewPosition = labels.view_position
        if labels.laterality:
            ds.Laterality = labels.laterality


def describe_lossy_compression(ds: Dataset, ratio: float, method: str) -> None:
    """Say that the pixels went through lossy compression (PS3.3 C.7.6.1.1.5)."""
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio = f"{ratio:.4g}"
    ds.LossyImageCompressionMethod = method


def _describe_patient_and_study(ds: Dataset, labels: SourceLabels) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientID = labels.patient_id
    ds.PatientName = labels.patient_name
    ds.PatientBirthDate = labels.patient_birth_date
    ds.PatientSex = labels.patient_sex
    if labels.patient_age:
        ds.PatientAge = labels.patient_age
    ds.StudyDate = labels.study_date
    ds.StudyTime = labels.study_time
    ds.AccessionNumber = labels.accession_number
    ds.StudyID = labels.study_id
    ds.ReferringPhysicianName = ""
    if labels.study_description:
        ds.StudyDescription = labels.study_description
    if labels.requested_procedure_priority:
        ds.RequestedProcedurePriority = labels.requested_procedure_priority


def _describe_series_and_equipment(ds: Dataset, labels: SourceLabels) -> None:
    ds.Modality = labels.modality
    ds.SeriesNumber = labels.series_number
    ds.BodyPartExamined = labels.body_part
    ds.Manufacturer = "cxr-triage"
    # Not the service's own model name: the picture is to be analysed, not skipped as own output.
    ds.ManufacturerModelName = "picture import"
    ds.SoftwareVersions = "1"


def _describe_image(ds: Dataset, labels: SourceLabels) -> None:
    ds.InstanceNumber = labels.instance_number
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ContentDate = labels.study_date
    ds.ContentTime = labels.study_time
    ds.AcquisitionDate = labels.study_date
    ds.AcquisitionTime = labels.study_time
    is_lateral = labels.view_position in ("LL", "RL")
    ds.PatientOrientation = _LATERAL_ORIENTATION if is_lateral else _FRONTAL_ORIENTATION
    ds.BurnedInAnnotation = "NO"


def _describe_detector(ds: Dataset, labels: SourceLabels) -> None:
    """DX Series, DX Detector, DX Image: PS3.3 C.8.11.1, C.8.11.4, C.8.11.3."""
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.ImagerPixelSpacing = list(labels.pixel_spacing_mm)
    ds.DetectorType = ""
    ds.PixelIntensityRelationship = "LOG"
    ds.AcquisitionDeviceProcessingDescription = ""
    ds.ImageLaterality = labels.laterality or "U"
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.PositionerType = ""
    ds.AcquisitionContextSequence = Sequence()


def _describe_view(ds: Dataset, labels: SourceLabels) -> None:
    """DX Anatomy Imaged and DX Positioning: PS3.3 C.8.11.2 and C.8.11.5."""
    region = _REGIONS.get(labels.body_part)
    ds.AnatomicRegionSequence = Sequence([_code(*region)] if region else [])
    ds.ViewPosition = labels.view_position
    view = _VIEWS.get(labels.view_position)
    if view:
        ds.ViewCodeSequence = Sequence([_code(*view)])
        ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence()


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item
