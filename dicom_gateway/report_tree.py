"""The content tree of a report: TID 1500 Measurement Report, PS3.16.

One Imaging Measurements group (TID 1501) says what was looked for, where, by which algorithm, and what came
of it. A tree for an undetermined study is the same without numbers: the presence is "Undetermined" and a
comment gives the reason.
"""

from collections.abc import Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurement,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from dicom_gateway import codes
from dicom_gateway.report_content import ReportContent
from dicom_gateway.report_words import (
    DISCLAIMER,
    HEAT_MAP_REFERENCE,
    algorithm_parameters,
    distinct_percentages,
    statement,
)
from dicom_gateway.uids import device_observer_uid, tracking_uid


def report_tree(content: ReportContent, images: Sequence[Dataset]) -> Dataset:
    """Give the root container of the report.

    `images` are normalised headers of every image that was considered, in the order in which the Image
    Library shall list them.
    """
    report = MeasurementReport(
        observation_context=observation_context(content),
        procedure_reported=codes.IMAGING_PROCEDURE,
        imaging_measurements=[_measurement_group(content, images)],
        title=codes.IMAGING_MEASUREMENT_REPORT,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(codes.ENGLISH_UNITED_STATES),
    )
    root: Dataset = report[0]
    # highdicom's own Image Library cannot leave out an orientation or a spacing that the header lacks.
    root.ContentSequence.insert(len(root.ContentSequence) - 1, _image_library(images))
    return root


def observation_context(content: ReportContent) -> ObservationContext:
    """TID 1001 with one observer, TID 1004: the algorithm. Its version stands for a serial number."""
    attributes = DeviceObserverIdentifyingAttributes(
        uid=device_observer_uid(content.manufacturer, content.model_name, content.model_version),
        name=content.model_name,
        manufacturer_name=content.manufacturer,
        model_name=content.model_name,
        serial_number=content.model_version,
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DEVICE, attributes))


def _measurement_group(content: ReportContent, images: Sequence[Dataset]) -> MeasurementsAndQualitativeEvaluations:
    """TID 1501."""
    finding = codes.PNEUMONIA[content.finding_scheme]
    source = analysed_image(content, images)
    identifier, uid = tracking(content, images)
    evaluations = {
        codes.PRESENCE_OF_PROPERTY: codes.PRESENCE[content.assessment],
        codes.PRIORITY: codes.TRIAGE_PRIORITY[content.reading_priority],
    }
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=uid, identifier=identifier),
        finding_type=finding,
        finding_sites=[FindingSite(codes.LUNG)],
        algorithm_id=_algorithm(content),
        measurements=_measurements(content, source),
        qualitative_evaluations=[QualitativeEvaluation(name, value) for name, value in evaluations.items()],
        source_images=None if source is None else [SourceImageForMeasurementGroup(*_reference(source))],
    )
    comments = (_comment(text) for text in (statement(content), DISCLAIMER))
    group[0].ContentSequence.extend([*explanation(content), *comments])
    return group


def explanation(content: ReportContent) -> list[ImageContentItem | TextContentItem]:
    """Give the heat map, if there is one, and where it is found."""
    if content.capture_sop_instance_uid is None:
        return []
    picture = ImageContentItem(
        codes.VISUAL_EXPLANATION,
        referenced_sop_class_uid=SecondaryCaptureImageStorage,
        referenced_sop_instance_uid=content.capture_sop_instance_uid,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    return [picture, _comment(HEAT_MAP_REFERENCE)]


def analysed_image(content: ReportContent, images: Sequence[Dataset]) -> Dataset | None:
    """Give the header of the image that the network read; None when it read none."""
    uid = content.analysed_sop_instance_uid
    return next((image for image in images if image.SOPInstanceUID == uid), None)


def tracking(content: ReportContent, images: Sequence[Dataset]) -> tuple[str, str]:
    """Give Tracking Identifier and Tracking Unique Identifier: of the analysed image, else of the study."""
    source = analysed_image(content, images)
    subject_uid = images[0].StudyInstanceUID if source is None else source.SOPInstanceUID
    # Always the SNOMED code: a site that changes its coding scheme still tracks the same finding.
    snomed = f"SCT:{codes.PNEUMONIA[codes.FindingScheme.SNOMED].value}"
    finding = codes.PNEUMONIA[content.finding_scheme]
    return f"{finding.meaning} by {content.model_name}", tracking_uid(subject_uid, snomed, content.model_name)


def _reference(image: Dataset) -> tuple[str, str]:
    return image.SOPClassUID, image.SOPInstanceUID


def _algorithm(content: ReportContent) -> AlgorithmIdentification:
    """TID 4019."""
    return AlgorithmIdentification(
        name=content.model_name,
        version=content.model_version,
        parameters=algorithm_parameters(content) or None,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        manufacturer=content.manufacturer,
    )


def _measurements(content: ReportContent, source: Dataset | None) -> list[Measurement] | None:
    """TID 300, each with the image as its child: OHIF fails on a NUM without children."""
    if content.probability is None or content.operating_point is None or source is None:
        return None
    numbers = distinct_percentages(content.probability, content.operating_point.threshold)
    names = (codes.CERTAINTY_OF_FINDING, codes.THRESHOLD_VALUE)
    return [
        Measurement(
            name=name,
            value=number,
            unit=codes.PERCENT,
            referenced_images=[SourceImageForMeasurement(*_reference(source))],
        )
        for name, number in zip(names, numbers, strict=True)
    ]


def _comment(text: str) -> TextContentItem:
    return TextContentItem(codes.COMMENT, text, relationship_type=RelationshipTypeValues.CONTAINS)


def _image_library(images: Sequence[Dataset]) -> ContainerContentItem:
    """TID 1600: one group, one entry for each image."""
    group = ContainerContentItem(codes.IMAGE_LIBRARY_GROUP, relationship_type=RelationshipTypeValues.CONTAINS)
    group.ContentSequence = ContentSequence([_library_entry(image) for image in images])
    library = ContainerContentItem(codes.IMAGE_LIBRARY, relationship_type=RelationshipTypeValues.CONTAINS)
    library.ContentSequence = ContentSequence([group])
    return library


def _library_entry(image: Dataset) -> ImageContentItem:
    """TID 1601, described by TID 1602 and 1603 as far as the header knows."""
    entry = ImageContentItem(
        codes.SOURCE,
        referenced_sop_class_uid=image.SOPClassUID,
        referenced_sop_instance_uid=image.SOPInstanceUID,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    modality = codes.MODALITY_OF_SOP_CLASS.get(image.SOPClassUID, codes.OTHER_MODALITY)
    context = RelationshipTypeValues.HAS_ACQ_CONTEXT
    entry.ContentSequence = ContentSequence(
        [CodeContentItem(codes.MODALITY, CodedConcept.from_code(modality), relationship_type=context)]
    )
    for name, text in zip(_ORIENTATIONS, image.PatientOrientation or (), strict=False):
        entry.ContentSequence.append(TextContentItem(name, text, relationship_type=context))
    for name, number, unit in _lengths(image):
        entry.ContentSequence.append(NumContentItem(name, number, unit, relationship_type=context))
    return entry


_ORIENTATIONS = (codes.PATIENT_ORIENTATION_ROW, codes.PATIENT_ORIENTATION_COLUMN)


def _lengths(image: Dataset) -> list[tuple[Code, float, Code]]:
    vertical, horizontal = image.get("ImagerPixelSpacing") or (None, None)
    numbers = [
        (codes.PIXEL_DATA_ROWS, image.get("Rows"), codes.PIXELS),
        (codes.PIXEL_DATA_COLUMNS, image.get("Columns"), codes.PIXELS),
        (codes.HORIZONTAL_PIXEL_SPACING, horizontal, codes.MILLIMETER),
        (codes.VERTICAL_PIXEL_SPACING, vertical, codes.MILLIMETER),
    ]
    return [(name, number, unit) for name, number, unit in numbers if number is not None]
