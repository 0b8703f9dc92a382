"""The content tree of a report in Basic Text SR (PS3.3 A.35.1), for a PACS that shows nothing else.

A Basic Diagnostic Imaging Report, TID 2000, with the statements of the measurement report as text: the IOD has no
numbers. What a reader needs stands in the first section; what machines look for (tracking UID, algorithm, presence,
priority) is coded all the same.
"""

from collections.abc import Iterator, Sequence

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from dicom_gateway import codes
from dicom_gateway.report_content import ReportContent
from dicom_gateway.report_tree import analysed_image, explanation, observation_context, tracking
from dicom_gateway.report_words import DISCLAIMER, algorithm_parameters, statement

_CONTAINS = RelationshipTypeValues.CONTAINS
_CONTEXT = RelationshipTypeValues.HAS_OBS_CONTEXT
_MODIFIER = RelationshipTypeValues.HAS_CONCEPT_MOD


def report_text_tree(content: ReportContent, images: Sequence[Dataset]) -> Dataset:
    """Give the root container; `images` as for `report_tree`."""
    root: Dataset = ContainerContentItem(codes.DIAGNOSTIC_IMAGING_REPORT, template_id="2000")
    root.ContentSequence = ContentSequence(
        [
            *LanguageOfContentItemAndDescendants(codes.ENGLISH_UNITED_STATES),
            *observation_context(content),
            _section(codes.IMPRESSIONS, _impressions(content, analysed_image(content, images))),
            _section(codes.FINDINGS, _findings(content, images)),
        ]
    )
    return root


def _section(heading: Code, items: Iterator[ContentItem]) -> ContainerContentItem:
    section = ContainerContentItem(heading, relationship_type=_CONTAINS)
    section.ContentSequence = ContentSequence(list(items))
    return section


def _impressions(content: ReportContent, source: Dataset | None) -> Iterator[ContentItem]:
    said = TextContentItem(codes.IMPRESSION, statement(content), relationship_type=_CONTAINS)
    if source is not None:
        image = ImageContentItem(
            codes.SOURCE_OF_MEASUREMENT,
            referenced_sop_class_uid=source.SOPClassUID,
            referenced_sop_instance_uid=source.SOPInstanceUID,
            relationship_type=RelationshipTypeValues.INFERRED_FROM,
        )
        said.ContentSequence = ContentSequence([image])
    yield said
    yield from explanation(content)
    yield TextContentItem(codes.IMPRESSION, DISCLAIMER, relationship_type=_CONTAINS)


def _findings(content: ReportContent, images: Sequence[Dataset]) -> Iterator[ContentItem]:
    identifier, uid = tracking(content, images)
    yield TextContentItem(codes.TRACKING_IDENTIFIER, identifier, relationship_type=_CONTEXT)
    yield UIDRefContentItem(codes.TRACKING_UNIQUE_IDENTIFIER, uid, relationship_type=_CONTEXT)
    yield from _algorithm(content)
    coded = {
        codes.FINDING: codes.PNEUMONIA[content.finding_scheme],
        codes.PRESENCE_OF_PROPERTY: codes.PRESENCE[content.assessment],
        codes.PRIORITY: codes.TRIAGE_PRIORITY[content.reading_priority],
    }
    for name, value in coded.items():
        yield CodeContentItem(name, value, relationship_type=_CONTAINS)


def _algorithm(content: ReportContent) -> Iterator[ContentItem]:
    """TID 4019."""
    texts = [
        (codes.ALGORITHM_NAME, content.model_name),
        (codes.ALGORITHM_VERSION, content.model_version),
        (codes.ALGORITHM_MANUFACTURER, content.manufacturer),
        *((codes.ALGORITHM_PARAMETERS, text) for text in algorithm_parameters(content)),
    ]
    for name, text in texts:
        yield TextContentItem(name, text, relationship_type=_MODIFIER)
    yield CodeContentItem(codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE, relationship_type=_MODIFIER)
