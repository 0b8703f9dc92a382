"""Makes contents of ORU messages for the tests, and reads messages back with the library's own parser."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message
from hl7apy.parser import parse_message

from dicom_gateway import codes
from dicom_gateway.source_facts import study_facts
from domain.finding import Assessment
from domain.priority import ReadingPriority
from domain.study_facts import StudyFacts
from hl7_gateway.oru import Addresses, OruContent
from tests.unit.report.builders import IMAGE_UID, received

ADDRESSES = Addresses(
    sending_application="CXR_TRIAGE",
    sending_facility="RADIOLOGY",
    receiving_application="RIS",
    receiving_facility="HOSPITAL",
    processing_id="P",
)
ESCAPES = (("\\F\\", "|"), ("\\S\\", "^"), ("\\T\\", "&"), ("\\R\\", "~"), ("\\E\\", "\\"))


def facts(**changes: Any) -> StudyFacts:
    """What is quoted of a study, with changes."""
    return replace(study_facts([received()], IMAGE_UID), **changes)


def content(**changes: Any) -> OruContent:
    """A suspicion, with changes."""
    made = OruContent(
        control_id="0123456789ABCDEF0123",
        created_at=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
        study=facts(),
        finding=codes.concept(codes.PNEUMONIA[codes.FindingScheme.SNOMED]),
        presence=codes.concept(codes.PRESENCE[Assessment.SUSPECTED]),
        is_suspected=True,
        probability=87.31,
        threshold=42.0,
        priority=codes.concept(codes.TRIAGE_PRIORITY[ReadingPriority.HIGH]),
        reading_priority="HIGH",
        comment="AI triage, preliminary, not for diagnosis: Pneumonia suspected.",
        algorithm_name="cxr-pneumonia",
        algorithm_version="1.2.3",
    )
    return replace(made, **changes)


def parsed(message: bytes) -> Message:
    """Read a message back, strictly by the tables of HL7 v2.5.1."""
    return parse_message(message.decode(), validation_level=VALIDATION_LEVEL.STRICT)


def segments(message: bytes, name: str) -> list[list[str]]:
    """Give each segment of a name as its fields, so that [n] is field n (of MSH too)."""
    lines = [line.split("|") for line in message.decode().split("\r") if line.startswith(f"{name}|")]
    return [[line[0], "|", *line[1:]] if name == "MSH" else line for line in lines]


def unescaped(text: str) -> str:
    """Undo the escapes of HL7 v2.5.1, 2.7, from left to right."""
    shown, rest = "", text
    while rest:
        for escape, char in ESCAPES:
            if rest.startswith(escape):
                shown, rest = shown + char, rest[len(escape) :]
                break
        else:
            shown, rest = shown + rest[0], rest[1:]
    return shown
