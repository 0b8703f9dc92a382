import errno
import struct
from io import BytesIO

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from dicom_gateway.instance_identity import InstanceIdentity, InstanceRefused, read_identity
from dicom_gateway.status import Status
from dicom_gateway.uids import capture_series_uid, report_series_uid
from tests.integration.gateway.instances import UIDS, encoded, image


def read(data: bytes, transfer_syntax: str = ExplicitVRLittleEndian, before: bytes = b"") -> InstanceIdentity:
    """Read the identity of a data set that follows other bytes."""
    file = BytesIO(before + data)
    file.seek(len(before))
    return read_identity(file, len(before) + len(data), transfer_syntax)


@pytest.mark.parametrize(
    "transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_the_identity_is_read_in_every_encoding(transfer_syntax: str) -> None:
    """VR, byte order and encapsulation make no difference, nor does what precedes the data set."""
    identity = read(encoded(image(transfer_syntax)), transfer_syntax, before=b"file meta")
    assert identity == InstanceIdentity(
        sop_class_uid=UIDS.sop_class,
        sop_instance_uid=UIDS.sop_instance,
        study_instance_uid=UIDS.study,
        series_instance_uid=UIDS.series,
        modality="CR",
    )


@pytest.mark.parametrize(
    ("elements", "is_ours"),
    [
        ({}, False),
        ({"ManufacturerModelName": "picture import"}, False),
        ({"ManufacturerModelName": "cxr-triage"}, True),
        ({"ManufacturerModelName": "CXR-TRIAGE "}, True),
        ({"SeriesInstanceUID": capture_series_uid(UIDS.study)}, True),
        ({"SeriesInstanceUID": report_series_uid(UIDS.study)}, True),
        ({"SeriesInstanceUID": capture_series_uid("1.2.3")}, False),
    ],
    ids=["a modality's", "a picture's", "our equipment", "padded", "our captures", "our reports", "another study's"],
)
def test_our_own_output_is_recognised(elements: dict[str, str], is_ours: bool) -> None:
    """By its equipment, also when the UIDs were changed; by its derived series, also when the equipment was."""
    assert read(encoded(image(**elements))).is_own_output is is_ours  # type: ignore[arg-type]


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "", "../../etc", "1..2"])
def test_study_and_series_must_be_named(keyword: str, value: str | None) -> None:
    """A missing or impossible UID is C000 and points at its element, without its value."""
    with pytest.raises(InstanceRefused) as refused:
        read(_with_uid(keyword, value))
    assert refused.value.status is Status.CANNOT_UNDERSTAND
    assert refused.value.offending_element == tag_for_keyword(keyword)
    assert not value or value not in refused.value.comment


def test_a_sequence_that_is_cut_off_is_not_understood() -> None:
    """The fault is the data set's, not the disk's: C000, and not A700, which would bring it again and again."""
    sequence = struct.pack("<HH2s2xI", 0x0008, 0x1140, b"SQ", 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    with pytest.raises(InstanceRefused) as refused:
        read(sequence)
    assert refused.value.status is Status.CANNOT_UNDERSTAND


def test_a_disk_that_fails_is_not_the_senders_fault() -> None:
    """An I/O error passes, so that the sender is asked to try again."""

    class BrokenDisk(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "I/O error")

    with pytest.raises(OSError, match="I/O error"):
        read_identity(BrokenDisk(), 100, ExplicitVRLittleEndian)


def _with_uid(keyword: str, value: str | None) -> bytes:
    """Encode an image with this UID, by hand: pydicom would not write an impossible one."""
    ds = image()
    if value is None:
        del ds[keyword]
        return encoded(ds)
    tag = struct.pack("<HH", 0x0020, 0x000D if keyword == "StudyInstanceUID" else 0x000E)
    old, new = (tag + b"UI" + struct.pack("<H", len(uid)) + uid for uid in (_padded(ds[keyword].value), _padded(value)))
    data = encoded(ds)
    assert old in data
    return data.replace(old, new)


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("missing", [1, 2, 100, 700])
def test_a_data_set_that_ends_too_early_is_refused(transfer_syntax: str, missing: int) -> None:
    """Pixels that are not all there are C000, however many are missing."""
    data = encoded(image(transfer_syntax))
    with pytest.raises(InstanceRefused, match=r"ends before|cannot be parsed"):
        read(data[:-missing], transfer_syntax)


def test_a_data_set_that_ends_in_the_header_is_refused() -> None:
    """A header that breaks off inside a value that nobody asked for is noticed too."""
    ds = image()
    del ds.PixelData
    with pytest.raises(InstanceRefused, match="ends before"):
        read(encoded(ds)[:-1])


@pytest.mark.parametrize("data", [b"\xff" * 400, b"\0" * 399, bytes(range(256)) * 3, b"GET / HTTP/1.1\r\n\r\n" * 9])
def test_garbage_is_refused(data: bytes) -> None:
    """Bytes that are no data set are C000, never an error of ours."""
    for transfer_syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        with pytest.raises(InstanceRefused) as refused:
            read(data, transfer_syntax)
        assert refused.value.status is Status.CANNOT_UNDERSTAND


def test_sequences_without_end_are_refused() -> None:
    """Nesting deeper than Python can follow is C000 as well."""
    item = struct.pack("<HHL", 0x0008, 0x1140, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(InstanceRefused, match="cannot be parsed"):
        read(item * 5000, ImplicitVRLittleEndian)


def test_a_header_without_pixels_is_accepted() -> None:
    """Whether there is something to score is not decided here."""
    ds = image()
    del ds.PixelData
    assert read(encoded(ds)).study_instance_uid == UIDS.study


def test_comments_fit_the_element() -> None:
    """Every refusal's words fit into Error Comment."""
    with pytest.raises(InstanceRefused) as refused:
        read(b"\xff" * 400)
    assert len(refused.value.comment) <= 64
