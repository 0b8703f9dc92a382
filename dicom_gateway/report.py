"""The Structured Report of one result, as the bytes of a complete file.

A report is a function of its content and its source headers: the same in gives the same bytes out, with no
clock, random number or order of arrival in between. The content tree comes from highdicom's templates; the
header is written here, element by element, because highdicom's SR classes stamp the present time and their
own identity on it, and copy whole modules of a header that may be invalid (they also cost half the time).
"""

import io
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
)

from dicom_gateway.report_content import ReportContent, ReportContentInvalid
from dicom_gateway.report_tree import report_tree
from dicom_gateway.source_header import UNICODE, is_ascii, mended_header
from dicom_gateway.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MANUFACTURER_MODEL_NAME,
    derived_uid,
    report_series_uid,
    report_sop_instance_uid,
)
from domain.finding import Assessment, OperatingPoint
from domain.priority import ReadingPriority

#: What a report can be written as. IHE AI Results asks for the first; the tree is valid in all three.
COMPREHENSIVE_3D_SR = str(Comprehensive3DSRStorage)
COMPREHENSIVE_SR = str(ComprehensiveSRStorage)
ENHANCED_SR = str(EnhancedSRStorage)
#: Best first: propose all, and build the first that the peer accepts.
REPORT_SOP_CLASSES = (COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, ENHANCED_SR)
SERIES_DESCRIPTION = "AI triage: pneumonia (preliminary)"
#: Far above what modalities count, so that viewers list the report after the images.
SERIES_NUMBER = 9901

_log = logging.getLogger(__name__)

#: What a report repeats of its source: Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
_REPEATED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "PatientAge",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)


def build_report(
    content: ReportContent, source_headers: Sequence[Dataset], sop_class_uid: str = COMPREHENSIVE_3D_SR
) -> bytes:
    """Give the report as a Part 10 file in Explicit VR Little Endian.

    `source_headers` are the headers, as received, of every instance that was considered; their order does
    not matter. The report belongs to their study, in a series of its own, and names all of them as evidence.
    Patient and study are quoted from the analysed image, or the first by SOP Instance UID.

    Raises ReportContentInvalid when there is no header, the headers are of several studies, the analysed
    image is not among them, or the SOP class is none of `REPORT_SOP_CLASSES`; InstanceInvalid when a header
    lacks a UID.
    """
    if sop_class_uid not in REPORT_SOP_CLASSES:
        raise ReportContentInvalid(f"SOP class {sop_class_uid} is not one that a report can have")
    images = _normalised(source_headers, content.analysed_sop_instance_uid)
    sr = Dataset()
    _add_source_modules(sr, images[0])
    _add_series_and_equipment(sr, content)
    _add_document(sr, content, images)
    sr.update(report_tree(content, images))
    sr.SOPClassUID = sop_class_uid
    sr.SOPInstanceUID = report_sop_instance_uid(
        sr.StudyInstanceUID, content.study_revision, content.model_version, sop_class_uid
    )
    if not is_ascii(sr):
        sr.SpecificCharacterSet = UNICODE
    return _file(sr)


def warm_up() -> None:
    """Build a report and throw it away, so that what loads on first use is loaded before work comes."""
    header = Dataset()
    header.SOPClassUID = DigitalXRayImageStorageForPresentation
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(header, keyword, derived_uid("warm up", keyword))
    content = ReportContent(
        study_revision=1,
        created_at=datetime(2000, 1, 1, tzinfo=UTC),
        model_name="warm-up",
        model_version="0",
        manufacturer="warm-up",
        algorithm_parameters="",
        assessment=Assessment.SUSPECTED,
        probability=0.5,
        operating_point=OperatingPoint("warm-up", 0.5, 0.5, 0.5, "nothing"),
        refusal=None,
        reading_priority=ReadingPriority.HIGH,
        analysed_sop_instance_uid=header.SOPInstanceUID,
    )
    build_report(content, [header])


def _normalised(source_headers: Sequence[Dataset], analysed_uid: str | None) -> list[Dataset]:
    """Normalise the headers, each instance once: the analysed one first, the others by SOP Instance UID."""
    images: dict[str, Dataset] = {}
    for source in source_headers:
        normalised = mended_header(source)
        uid = str(normalised.header.SOPInstanceUID)
        if normalised.mended:
            _log.info("mended in the header of %s: %s", uid, ", ".join(normalised.mended))
        images[uid] = normalised.header
    if not images:
        raise ReportContentInvalid("a report needs at least one source header")
    if len({image.StudyInstanceUID for image in images.values()}) > 1:
        raise ReportContentInvalid("the source headers are of several studies")
    if analysed_uid is not None and analysed_uid not in images:
        raise ReportContentInvalid("the analysed image is not among the source headers")
    return [images[uid] for uid in sorted(images, key=lambda uid: (uid != analysed_uid, uid))]


def _add_source_modules(sr: Dataset, image: Dataset) -> None:
    for keyword in _REPEATED:
        if keyword in image:
            sr.add(image[keyword])


def _add_series_and_equipment(sr: Dataset, content: ReportContent) -> None:
    """SR Document Series and Enhanced General Equipment, PS3.3 C.17.1 and C.7.5.2."""
    sr.Modality = "SR"
    sr.SeriesInstanceUID = report_series_uid(sr.StudyInstanceUID)
    sr.SeriesNumber = SERIES_NUMBER
    sr.SeriesDescription = SERIES_DESCRIPTION
    sr.ReferencedPerformedProcedureStepSequence = []
    sr.Manufacturer = content.manufacturer
    sr.ManufacturerModelName = MANUFACTURER_MODEL_NAME
    sr.SoftwareVersions = [IMPLEMENTATION_VERSION_NAME, content.model_version]
    sr.DeviceSerialNumber = content.model_version


def _add_document(sr: Dataset, content: ReportContent, images: Sequence[Dataset]) -> None:
    """SR Document General, PS3.3 C.17.2."""
    created_at = _in_zone_of_source(content.created_at, sr.get("TimezoneOffsetFromUTC"))
    sr.InstanceNumber = content.study_revision
    sr.CompletionFlag = "COMPLETE"
    sr.PreliminaryFlag = "PRELIMINARY"
    sr.VerificationFlag = "UNVERIFIED"
    sr.ContentDate = sr.InstanceCreationDate = f"{created_at:%Y%m%d}"
    sr.ContentTime = sr.InstanceCreationTime = f"{created_at:%H%M%S.%f}"
    # Of the root content item, PS3.3 C.17.3: the same instant, with its zone in either case.
    sr.ObservationDateTime = f"{created_at:%Y%m%d%H%M%S.%f%z}"
    sr.PerformedProcedureCodeSequence = []
    evidence = [(image.SeriesInstanceUID, image.SOPClassUID, image.SOPInstanceUID) for image in images]
    sr.CurrentRequestedProcedureEvidenceSequence = [_references(sr.StudyInstanceUID, evidence)]
    if content.predecessors:
        earlier = [(series, sop_class, instance) for sop_class, instance, series in content.predecessors]
        sr.PredecessorDocumentsSequence = [_references(sr.StudyInstanceUID, earlier)]


def _in_zone_of_source(created_at: datetime, offset: str | None) -> datetime:
    """Give the time on the clock that the repeated dates and times were read from.

    One Timezone Offset governs all of a data set (PS3.3 C.12.1.1.8). Where the source states one, ours are
    converted to it; where it does not, none is stated, for that would date the source's times too.
    """
    if offset is None:
        return created_at
    sign = -1 if offset.startswith("-") else 1
    return created_at.astimezone(timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))))


def _references(study_instance_uid: str, instances: Iterable[tuple[str, str, str]]) -> Dataset:
    """Hierarchical SOP Instance Reference Macro (PS3.3 C.17.2.1) of (series, SOP class, SOP instance) UIDs."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = []
    for series_uid, members in groupby(sorted(set(instances)), key=lambda instance: instance[0]):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = [_reference(sop_class, instance) for _, sop_class, instance in members]
        study.ReferencedSeriesSequence.append(series)
    return study


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class_uid
    reference.ReferencedSOPInstanceUID = sop_instance_uid
    return reference


def _file(sr: Dataset) -> bytes:
    sr.file_meta = FileMetaDataset()
    sr.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    sr.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    sr.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = io.BytesIO()
    dcmwrite(buffer, sr, enforce_file_format=True)
    return buffer.getvalue()
