"""Makes report contents and received headers for the tests, and walks what was built from them."""

import io
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from dicom_gateway.report import build_report
from dicom_gateway.report_content import ReportContent
from domain.finding import Assessment, OperatingPoint, Refusal, RefusalCode
from domain.priority import ReadingPriority

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
SERIES_UID = "1.2.826.0.1.3680043.8.498.1.1"
IMAGE_UID = "1.2.826.0.1.3680043.8.498.1.1.1"
OTHER_IMAGE_UID = "1.2.826.0.1.3680043.8.498.1.1.2"

#: The least that the gateway accepts: the four UIDs.
MINIMAL = {
    "SOPClassUID": str(DigitalXRayImageStorageForPresentation).encode(),
    "SOPInstanceUID": IMAGE_UID.encode(),
    "StudyInstanceUID": STUDY_UID.encode(),
    "SeriesInstanceUID": SERIES_UID.encode(),
}
#: A header without fault.
COMPLETE = MINIMAL | {
    "Modality": b"DX",
    "PatientName": b"Doe^Jane",
    "PatientID": b"4711",
    "PatientBirthDate": b"19700102",
    "PatientSex": b"F",
    "PatientAge": b"054Y",
    "StudyDate": b"20240102",
    "StudyTime": b"101112.5",
    "StudyID": b"S1",
    "StudyDescription": b"Chest PA",
    "AccessionNumber": b"A1",
    "ReferringPhysicianName": b"Roe^Richard",
    "PatientOrientation": b"L\\F",
    "ImagerPixelSpacing": b"0.139\\0.14",
    "Rows": struct.pack("<H", 2500),
    "Columns": struct.pack("<H", 2048),
}
#: What real modalities send, all at once.
AWFUL = COMPLETE | {
    "SpecificCharacterSet": b"\\ISO-IR 100",
    "PatientName": b"SINGLE NAME",
    "PatientBirthDate": b"1970.01.02",
    "PatientSex": b"Female",
    "PatientAge": b"54",
    "StudyDate": b"02/01/2024",
    "StudyTime": b"10:11:12",
    "StudyDescription": b"Chest\\PA " + 80 * b"x",
    "ReferringPhysicianName": b"Roe\\Richard",
    "PatientOrientation": b"left",
    "ImagerPixelSpacing": b"0\\abc",
    "PatientIdentityRemoved": b"YES",
    "TimezoneOffsetFromUTC": b"CET",
}

SCORED: dict[str, Any] = {
    "study_revision": 1,
    "created_at": datetime(2024, 1, 2, 12, 30, 45, 123456, tzinfo=timezone(timedelta(hours=1))),
    "model_name": "cxr-pneumonia",
    "model_version": "1.2.3",
    "manufacturer": "Example Maker",
    "algorithm_parameters": "150 x 150 pixels, area resize",
    "assessment": Assessment.SUSPECTED,
    "probability": 0.8731,
    "operating_point": OperatingPoint("balanced", 0.42, 0.95, 0.81, "test set A"),
    "refusal": None,
    "reading_priority": ReadingPriority.HIGH,
    "analysed_sop_instance_uid": IMAGE_UID,
}
UNDETERMINED: dict[str, Any] = {
    "assessment": Assessment.UNDETERMINED,
    "probability": None,
    "operating_point": None,
    "refusal": Refusal(RefusalCode.NOT_FRONTAL, "view position LL"),
    "reading_priority": ReadingPriority.ROUTINE,
    "analysed_sop_instance_uid": None,
}
NOT_DETECTED: dict[str, Any] = {
    "assessment": Assessment.NOT_DETECTED,
    "probability": 0.1,
    "reading_priority": ReadingPriority.ROUTINE,
}


def content(**changes: Any) -> ReportContent:
    """Give a suspected report's content, with changes."""
    return ReportContent(**(SCORED | changes))


def received(elements: dict[str, bytes] | None = None, /, **changes: bytes | None) -> Dataset:
    """Give a header as it is read from a file, each value the bytes given; None leaves an element out."""
    merged = (COMPLETE if elements is None else elements) | changes
    present = {keyword: value for keyword, value in merged.items() if value is not None}
    encoded = b"".join(_element(keyword, present[keyword]) for keyword in sorted(present, key=_tag))
    return read_dataset(io.BytesIO(encoded), is_implicit_VR=False, is_little_endian=True)


def built(report: ReportContent | None = None, headers: list[Dataset] | None = None) -> Dataset:
    """Build a report and read it back."""
    return dcmread(io.BytesIO(build_report(report or content(), headers or [received()])))


def walk(item: Dataset) -> Iterator[Dataset]:
    """Give a content item and everything below it, in document order."""
    yield item
    for child in item.get("ContentSequence", ()):
        yield from walk(child)


def named(item: Dataset, code_value: str) -> list[Dataset]:
    """Give every content item at or below `item` whose concept name has this code value."""
    return [each for each in walk(item) if each.ConceptNameCodeSequence[0].CodeValue == code_value]


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return int(tag)


def _element(keyword: str, value: bytes) -> bytes:
    tag = _tag(keyword)
    padded = value + b" " * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, dictionary_VR(tag).encode(), len(padded)) + padded
