"""A received header, made fit to be quoted."""

import struct
from copy import deepcopy

import pytest
from highdicom.sr import Comprehensive3DSR, MeasurementReport
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_gateway.report_tree import report_tree
from dicom_gateway.source_header import mended_header, normalised_header
from dicom_gateway.source_text import SourceText
from domain.errors import InstanceInvalid
from tests.unit.report.builders import AWFUL, COMPLETE, IMAGE_UID, MINIMAL, content, received
from tests.unit.report.character_sets import CHARACTER_SETS, Case

_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "PatientOrientation",
)


def _text(ds: Dataset, keyword: str) -> str | None:
    return SourceText(ds).read(keyword)[0] if keyword in ds else None


def test_faultless_header_needs_no_mending() -> None:
    """A header without fault comes out with every value as it was."""
    source = received()
    normalised = mended_header(source)
    assert normalised.mended == ()
    for element in normalised.header:
        assert element.value == source[element.tag].value


def test_missing_elements_are_empty_and_named() -> None:
    """What must exist and does not becomes empty, never invented, and is reported as mended."""
    normalised = mended_header(received(MINIMAL))
    assert all(not normalised.header[keyword].value for keyword in _TYPE_2)
    assert set(normalised.mended) == set(_TYPE_2)
    for keyword in ("ImagerPixelSpacing", "PatientAge", "Rows", "TimezoneOffsetFromUTC", "StudyDescription"):
        assert keyword not in normalised.header


def test_awful_header_is_mended_and_says_where() -> None:
    """Each fault is mended, and only the faulty elements are named."""
    normalised = mended_header(received(AWFUL))
    assert set(normalised.mended) == {
        "PatientBirthDate",
        "PatientSex",
        "PatientAge",
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "ReferringPhysicianName",
        "PatientOrientation",
        "ImagerPixelSpacing",
        "TimezoneOffsetFromUTC",
    }
    assert "PatientIdentityRemoved" not in normalised.header


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PatientSex", b"M", "M"),
        ("PatientSex", b"Male", "M"),
        ("PatientSex", b"FEMALE", "F"),
        ("PatientSex", b"other", "O"),
        ("PatientSex", b"X", ""),
        ("StudyDate", b"20240229", "20240229"),
        ("StudyDate", b"2024.02.29", "20240229"),
        ("StudyDate", b"2024-02-29", "20240229"),
        ("StudyDate", b"20230229", ""),
        ("StudyDate", b"00000000", ""),
        ("StudyDate", b"20240101-", ""),
        ("StudyTime", b"10", "10"),
        ("StudyTime", b"1011", "1011"),
        ("StudyTime", b"101112.123456", "101112.123456"),
        ("StudyTime", b"10:11:12", "101112"),
        ("StudyTime", b"235960", "235959"),
        ("StudyTime", b"240000", ""),
        ("StudyTime", b"101112.1234567", ""),
        ("PatientAge", b"54Y", "054Y"),
        ("PatientAge", b"54", None),
        ("PatientOrientation", b"R\\FP", "R\\FP"),
        ("PatientOrientation", b"L", ""),
        ("ImagerPixelSpacing", b"0.1 \\ 0.20", "0.1\\0.20"),
        ("ImagerPixelSpacing", b"0.1", None),
        ("ImagerPixelSpacing", b"0.1\\0", None),
        ("ImagerPixelSpacing", b"nan\\0.1", None),
        ("ImagerPixelSpacing", b"1e999\\0.1", None),
        ("ImagerPixelSpacing", b"0.13900000000000001\\0.1", "0.139\\0.1"),
        ("TimezoneOffsetFromUTC", b"-1200", "-1200"),
        ("TimezoneOffsetFromUTC", b"+1400", "+1400"),
        ("TimezoneOffsetFromUTC", b"-0000", None),
        ("TimezoneOffsetFromUTC", b"+1500", None),
        ("TimezoneOffsetFromUTC", b"UTC", None),
        ("Modality", b"dx", "DX"),
        ("Modality", b"D/X", None),
        ("StudyDescription", b"a\\b\x07c", "a b c"),
        ("StudyDescription", 70 * b"x", 64 * "x"),
        ("AccessionNumber", b"12345678901234567890", "12345678901234567890"),
        ("PatientID", b"  47 11 \0", "47 11"),
        ("PatientID", b"47\\11", "47\\11"),
        ("PatientName", b"Doe\\Jane", "Doe Jane"),
        ("PatientName", b"Doe^Jane\r\n", "Doe^Jane"),
    ],
)
def test_each_rule(keyword: str, value: bytes, expected: str | None) -> None:
    """One value in gives the valid one out; None is an element left out."""
    assert _text(normalised_header(received(**{keyword: value})), keyword) == expected


@pytest.mark.parametrize("case", CHARACTER_SETS, ids=lambda case: case.name)
def test_names_are_decoded(case: Case) -> None:
    """A name comes out as the same text whatever its character set."""
    header = normalised_header(received(**case.elements))
    assert str(header.PatientName) == case.expected
    assert header.get("SpecificCharacterSet") == (None if case.expected.isascii() else "ISO_IR 192")


@pytest.mark.parametrize("name", ["Latin-1", "Japanese", "Korean", "UTF-8"])
def test_names_that_were_read_before_are_decoded(name: str) -> None:
    """A well declared name that pydicom has converted already comes out the same."""
    case = next(case for case in CHARACTER_SETS if case.name == name)
    source = received(**case.elements)
    assert str(source.PatientName)
    assert str(normalised_header(source).PatientName) == case.expected


@pytest.mark.parametrize(
    ("name", "mended"),
    [
        ("unknown set, UTF-8 text", {"SpecificCharacterSet", "PatientName"}),
        ("undeclared Latin-1", {"PatientName"}),
        ("Latin-1 declared as UTF-8", {"PatientName"}),
        ("Japanese", set()),
        ("misspelt Latin-1", set()),
    ],
)
def test_guessed_text_is_reported(name: str, mended: set[str]) -> None:
    """When the character set had to be guessed, the element is named as mended."""
    case = next(case for case in CHARACTER_SETS if case.name == name)
    assert set(mended_header(received(**case.elements)).mended) == mended


def test_unreadable_escapes_leave_no_escape_behind() -> None:
    """A broken escape sequence is no error, and no control character stays."""
    header = normalised_header(received(PatientName=b"A\x1b$B\xff^\x1b%Zb\x1b"))
    assert "\x1b" not in str(header.PatientName)


@pytest.mark.parametrize("method", [b"Basic profile", None])
def test_deidentification_is_quoted_only_with_its_method(method: bytes | None) -> None:
    """A claim of removed identity needs the method beside it."""
    header = normalised_header(received(PatientIdentityRemoved=b"YES", DeidentificationMethod=method))
    assert ("PatientIdentityRemoved" in header) == (method is not None)


@pytest.mark.parametrize("keyword", sorted(MINIMAL))
def test_uids_are_required(keyword: str) -> None:
    """A header without one of its UIDs is no instance."""
    with pytest.raises(InstanceInvalid, match=keyword):
        mended_header(received(**{keyword: None}))


def test_uids_are_untouched() -> None:
    """A UID keeps its text but for the padding, even where it has leading zeros."""
    header = normalised_header(received(SOPInstanceUID=b"1.2.003\0"))
    assert header.SOPInstanceUID == "1.2.003"


def test_matrix_size_is_read_in_either_byte_order() -> None:
    """Rows and Columns are numbers, whether converted before or not; a wrong length is no number."""
    source = received(Columns=b"\1\2\3\4")
    assert normalised_header(source).Rows == 2500
    assert "Columns" not in normalised_header(source)
    converted = Dataset()
    for keyword, value in MINIMAL.items():
        setattr(converted, keyword, value.decode())
    converted.Rows = 77
    assert normalised_header(converted).Rows == 77


def test_elements_of_another_vr_do_no_harm() -> None:
    """A sequence or a number where text belongs counts as missing, or as its text."""
    source = received()
    source.add_new("PatientID", "SQ", Sequence([Dataset()]))
    source.add_new("StudyID", "US", 7)
    header = normalised_header(source)
    assert header.PatientID == ""
    assert header.StudyID == "7"


def test_no_pixels_and_nothing_private_comes_along() -> None:
    """The normalised header holds what is listed, and nothing else of the source."""
    source = received()
    source.private_block(0x0099, "SOMEONE", create=True).add_new(1, "LO", "private")
    source.PixelData = struct.pack("<H", 1)
    source.OtherPatientIDs = "9"
    header = normalised_header(source)
    assert {element.keyword for element in header} == set(COMPLETE)


def test_source_is_unchanged() -> None:
    """The received header is only read."""
    source = received(AWFUL)
    before = deepcopy(source)
    mended_header(source)
    assert list(source) == list(before)


@pytest.mark.filterwarnings("ignore:The string")  # highdicom doubts names of one part
@pytest.mark.parametrize("elements", [MINIMAL, AWFUL], ids=["minimal", "awful"])
def test_highdicom_accepts_the_header(elements: dict[str, bytes]) -> None:
    """The SR class of highdicom, which refuses such headers as received, takes the normalised one."""
    header = normalised_header(received(elements))
    root = report_tree(content(), [header])
    sr = Comprehensive3DSR(
        evidence=[header],
        content=root,
        series_instance_uid="1.2.3",
        series_number=1,
        sop_instance_uid="1.2.4",
        instance_number=1,
    )
    assert sr.StudyInstanceUID == header.StudyInstanceUID
    assert MeasurementReport.from_sequence([root]).get_image_measurement_groups()
    assert header.SOPInstanceUID == IMAGE_UID
