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

from dicom_gateway import codes
from dicom_gateway.report_content import ReportContent
from dicom_gateway.source_text import printable
from dicom_gateway.uids import device_observer_uid, tracking_uid
from domain.finding import Assessment, OperatingPoint

DISCLAIMER = (
    "Output of an AI algorithm: preliminary, not for diagnosis, for prioritisation only. "
    "The reading physician decides, whatever is said here."
)
_DIGITS = 2


def report_tree(content: ReportContent, images: Sequence[Dataset]) -> Dataset:
    """Give the root container of the report.

    `images` are normalised headers of every image that was considered, in the order in which the Image
    Library shall list them.
    """
    report = MeasurementReport(
        observation_context=_observation_context(content),
        procedure_reported=codes.IMAGING_PROCEDURE,
        imaging_measurements=[_measurement_group(content, images)],
        title=codes.IMAGING_MEASUREMENT_REPORT,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(codes.ENGLISH_UNITED_STATES),
    )
    root: Dataset = report[0]
    # highdicom's own Image Library cannot leave out an orientation or a spacing that the header lacks.
    root.ContentSequence.insert(len(root.ContentSequence) - 1, _image_library(images))
    return root


def _observation_context(content: ReportContent) -> ObservationContext:
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
    source = _analysed_image(content, images)
    subject_uid = images[0].StudyInstanceUID if source is None else source.SOPInstanceUID
    evaluations = {
        codes.PRESENCE_OF_PROPERTY: codes.PRESENCE[content.assessment],
        codes.PRIORITY: codes.TRIAGE_PRIORITY[content.reading_priority],
    }
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            # Always the SNOMED code: a site that changes its coding scheme still tracks the same finding.
            uid=tracking_uid(subject_uid, _SNOMED_PNEUMONIA, content.model_name),
            identifier=f"{finding.meaning} by {content.model_name}",
        ),
        finding_type=finding,
        finding_sites=[FindingSite(codes.LUNG)],
        algorithm_id=_algorithm(content),
        measurements=_measurements(content, source),
        qualitative_evaluations=[QualitativeEvaluation(name, value) for name, value in evaluations.items()],
        source_images=None if source is None else [SourceImageForMeasurementGroup(*_reference(source))],
    )
    group[0].ContentSequence.extend(_comment(text) for text in (_statement(content), DISCLAIMER))
    return group


_SNOMED_PNEUMONIA = "SCT:" + codes.PNEUMONIA[codes.FindingScheme.SNOMED].value


def _analysed_image(content: ReportContent, images: Sequence[Dataset]) -> Dataset | None:
    uid = content.analysed_sop_instance_uid
    return next((image for image in images if image.SOPInstanceUID == uid), None)


def _reference(image: Dataset) -> tuple[str, str]:
    return image.SOPClassUID, image.SOPInstanceUID


def _algorithm(content: ReportContent) -> AlgorithmIdentification:
    """TID 4019."""
    parameters = [printable(content.algorithm_parameters), _operating_point(content.operating_point)]
    return AlgorithmIdentification(
        name=content.model_name,
        version=content.model_version,
        parameters=[text for text in parameters if text] or None,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        manufacturer=content.manufacturer,
    )


def _operating_point(point: OperatingPoint | None) -> str:
    if point is None:
        return ""
    return printable(
        f"Operating point {point.name}: threshold {point.threshold:.4g}, sensitivity {point.sensitivity:.4g}, "
        f"specificity {point.specificity:.4g}, measured on {point.measured_on}"
    )


def _measurements(content: ReportContent, source: Dataset | None) -> list[Measurement] | None:
    """TID 300, each with the image as its child: OHIF fails on a NUM without children."""
    if content.probability is None or content.operating_point is None or source is None:
        return None
    numbers = _distinct_percentages(content.probability, content.operating_point.threshold)
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


def _distinct_percentages(probability: float, threshold: float) -> tuple[float, float]:
    """Give both in percent, rounded unless that would make a probability just below the threshold look equal."""
    exact = (100 * float(probability), 100 * float(threshold))
    rounded = (round(exact[0], _DIGITS), round(exact[1], _DIGITS))
    same_side = (rounded[0] >= rounded[1]) == (probability >= threshold)
    return rounded if same_side else exact


def _statement(content: ReportContent) -> str:
    """Give the result in one sentence for readers of the text."""
    finding = codes.PNEUMONIA[codes.FindingScheme.SNOMED].meaning
    if content.assessment is Assessment.UNDETERMINED:
        result = f"{finding} undetermined: not analysed, because {content.refusal}"
    elif content.assessment is Assessment.SUSPECTED:
        result = f"{finding} suspected: the probability is at or above the threshold"
    else:
        result = f"{finding} not detected: the probability is below the threshold, which does not exclude it"
    return printable(f"{result}. Reading priority {content.reading_priority}.")


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
