"""The Structured Report of one result, as the bytes of a complete file.

A report is a function of its content and its source headers: the same in gives the same bytes out, with no
clock, random number or order of arrival in between. The content tree comes from highdicom's templates; the
header is written here, element by element, because highdicom's SR classes stamp the present time and their
own identity on it, and copy whole modules of a header that may be invalid (they also cost half the time).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)

from dicom_gateway.own_instance import (
    add_equipment,
    as_file,
    normalised_source,
    quote_patient_and_study,
    references,
    stamp,
)
from dicom_gateway.report_content import ReportContent, ReportContentInvalid
from dicom_gateway.report_text_tree import report_text_tree
from dicom_gateway.report_tree import report_tree
from dicom_gateway.uids import (
    capture_series_uid,
    derived_uid,
    report_series_uid,
    report_sop_instance_uid,
)
from domain.finding import Assessment, OperatingPoint
from domain.priority import ReadingPriority

#: What a measurement report can be written as. IHE AI Results asks for the first; the tree is valid in all three.
COMPREHENSIVE_3D_SR = str(Comprehensive3DSRStorage)
COMPREHENSIVE_SR = str(ComprehensiveSRStorage)
ENHANCED_SR = str(EnhancedSRStorage)
#: Best first: propose all, and build the first that the peer accepts.
REPORT_SOP_CLASSES = (COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, ENHANCED_SR)
#: For a PACS that shows nothing else: the same statements as text.
BASIC_TEXT_SR = str(BasicTextSRStorage)
SERIES_DESCRIPTION = "AI triage: pneumonia (preliminary)"
#: Far above what modalities count, so that viewers list the report after the images.
SERIES_NUMBER = 9901


def build_report(
    content: ReportContent, source_headers: Sequence[Dataset], sop_class_uid: str = COMPREHENSIVE_3D_SR
) -> bytes:
    """Give the report as a Part 10 file in Explicit VR Little Endian.

    `source_headers` are the headers, as received, of every instance that was considered; their order does
    not matter. The report belongs to their study, in a series of its own, and names all of them as evidence.
    Patient and study are quoted from the analysed image, or the first by SOP Instance UID.

    Raises ReportContentInvalid when there is no header, the headers are of several studies, the analysed
    image is not among them, or the SOP class is neither one of `REPORT_SOP_CLASSES` nor `BASIC_TEXT_SR`;
    InstanceInvalid when a header lacks a UID.
    """
    if sop_class_uid not in (*REPORT_SOP_CLASSES, BASIC_TEXT_SR):
        raise ReportContentInvalid(f"SOP class {sop_class_uid} is not one that a report can have")
    images = _normalised(source_headers, content.analysed_sop_instance_uid)
    sr = Dataset()
    quote_patient_and_study(sr, images[0])
    _add_series(sr)
    add_equipment(sr, content.manufacturer, content.model_version)
    _add_document(sr, content, images)
    tree = report_text_tree if sop_class_uid == BASIC_TEXT_SR else report_tree
    sr.update(tree(content, images))
    sr.SOPClassUID = sop_class_uid
    sr.SOPInstanceUID = report_sop_instance_uid(
        sr.StudyInstanceUID,
        content.study_revision,
        content.model_version,
        sop_class_uid,
        shows_heat_map=content.capture_sop_instance_uid is not None,
    )
    return as_file(sr)


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
    normalised = (normalised_source(source) for source in source_headers)
    images = {str(image.SOPInstanceUID): image for image in normalised}
    if not images:
        raise ReportContentInvalid("a report needs at least one source header")
    if len({image.StudyInstanceUID for image in images.values()}) > 1:
        raise ReportContentInvalid("the source headers are of several studies")
    if analysed_uid is not None and analysed_uid not in images:
        raise ReportContentInvalid("the analysed image is not among the source headers")
    return [images[uid] for uid in sorted(images, key=lambda uid: (uid != analysed_uid, uid))]


def _add_series(sr: Dataset) -> None:
    """SR Document Series, PS3.3 C.17.1."""
    sr.Modality = "SR"
    sr.SeriesInstanceUID = report_series_uid(sr.StudyInstanceUID)
    sr.SeriesNumber = SERIES_NUMBER
    sr.SeriesDescription = SERIES_DESCRIPTION
    sr.ReferencedPerformedProcedureStepSequence = []


def _add_document(sr: Dataset, content: ReportContent, images: Sequence[Dataset]) -> None:
    """SR Document General, PS3.3 C.17.2."""
    created_at = stamp(sr, content.created_at)
    sr.InstanceNumber = content.study_revision
    sr.CompletionFlag = "COMPLETE"
    sr.PreliminaryFlag = "PRELIMINARY"
    sr.VerificationFlag = "UNVERIFIED"
    # Of the root content item, PS3.3 C.17.3: the same instant, with its zone in either case.
    sr.ObservationDateTime = f"{created_at:%Y%m%d%H%M%S.%f%z}"
    sr.PerformedProcedureCodeSequence = []
    evidence = [(image.SeriesInstanceUID, image.SOPClassUID, image.SOPInstanceUID) for image in images]
    if content.capture_sop_instance_uid is not None:
        series = capture_series_uid(sr.StudyInstanceUID)
        evidence.append((series, SecondaryCaptureImageStorage, content.capture_sop_instance_uid))
    sr.CurrentRequestedProcedureEvidenceSequence = [references(sr.StudyInstanceUID, evidence)]
    if content.predecessors:
        earlier = [(series, sop_class, instance) for sop_class, instance, series in content.predecessors]
        sr.PredecessorDocumentsSequence = [references(sr.StudyInstanceUID, earlier)]
