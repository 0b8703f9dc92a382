"""A kept report as lines of text: its content tree (PS3.3 C.17.3), for people who read it on a page."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_gateway.source_items import UNREADABLE
from domain.errors import InstanceInvalid

_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class ContentLine:
    """One content item."""

    depth: int
    #: Relationship to the item above it; "" for the root.
    relationship: str
    #: Meaning of its concept name.
    name: str
    #: Its value in words; "" for a container.
    value: str


def content_lines(report: bytes) -> tuple[ContentLine, ...]:
    """Give the content tree of a Part 10 file, from its root down. Raises InstanceInvalid when it is none."""
    try:
        return tuple(_lines(dcmread(io.BytesIO(report)), 0))
    except (InvalidDicomError, *UNREADABLE) as error:
        raise InstanceInvalid(f"the kept report cannot be read ({type(error).__name__})") from error


def _lines(item: Dataset, depth: int) -> Iterator[ContentLine]:
    names = item.get("ConceptNameCodeSequence") or []
    name = str(names[0].get("CodeMeaning", "")) if names else ""
    yield ContentLine(depth, str(item.get("RelationshipType", "")), name, _value(item))
    if depth < _DEEPEST:
        for child in item.get("ContentSequence") or []:
            yield from _lines(child, depth + 1)


def _value(item: Dataset) -> str:
    """Give the value of a content item by its Value Type (0040,A040)."""
    kind = str(item.get("ValueType", ""))
    if kind == "CODE":
        return _meaning(item, "ConceptCodeSequence")
    if kind == "NUM":
        measured = item.get("MeasuredValueSequence") or []
        return (
            f"{measured[0].get('NumericValue', '')} {_meaning(measured[0], 'MeasurementUnitsCodeSequence')}"
            if measured
            else ""
        )
    if kind in {"IMAGE", "COMPOSITE"}:
        referenced = item.get("ReferencedSOPSequence") or []
        return str(referenced[0].get("ReferencedSOPInstanceUID", "")) if referenced else ""
    keywords = {"TEXT": "TextValue", "UIDREF": "UID", "PNAME": "PersonName", "DATETIME": "DateTime", "DATE": "Date"}
    return str(item.get(keywords[kind], "")) if kind in keywords else ""


def _meaning(item: Dataset, keyword: str) -> str:
    codes = item.get(keyword) or []
    return str(codes[0].get("CodeMeaning", "")) if codes else ""
