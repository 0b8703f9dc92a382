"""Derived UIDs are stable and distinct, and text is told from UIDs."""

import pytest
from pydicom.uid import UID

from dicom_gateway import uids


@pytest.mark.parametrize(
    "text",
    ["1.2", "1.2.840.10008.1.1", "2.25.0", "0.0", "1.2.003.04", "3.1", "1." + 62 * "9"],
)
def test_valid_uids(text: str) -> None:
    """UIDs of PS3.5 section 9.1 pass, and so do the leading zeros that modalities send."""
    assert uids.is_valid_uid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        ".1.2",
        "1.2.",
        "1..2",
        "1.2a",
        "1.2 ",
        "1.2\n",
        "1.2\0",
        "1.-2",
        "1.²",
        "1.٣",
        "1." + 63 * "9",
        "../../x",
    ],
)
def test_invalid_uids(text: str) -> None:
    """Everything else does not, padding and foreign digits included."""
    assert not uids.is_valid_uid(text)


def test_derivation_is_pinned() -> None:
    """The rule never changes: a sent report would lose its identity."""
    assert uids.derived_uid("a", "b") == "2.25.168736090335135416308007145231968990265"
    assert uids.report_sop_instance_uid("1.2.3", 1, "1.0.0") == "2.25.236179019598238363186367680906150531978"
    assert uids.IMPLEMENTATION_CLASS_UID == "2.25.99199361034162322413274471473457836783"


def test_boundaries_of_parts_count() -> None:
    """Parts that read the same when joined are different parts."""
    lists = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ("1:a", "bc")]
    assert len({uids.derived_uid(*parts) for parts in lists}) == len(lists)


def test_each_kind_of_uid_is_its_own() -> None:
    """Report, series, tracking and device UIDs of the same texts differ, and all are valid."""
    made = [
        uids.report_sop_instance_uid("1.2.3", 1, "x"),
        uids.report_sop_instance_uid("1.2.3", 1, "x", "1.2.840.10008.5.1.4.1.1.88.22"),
        uids.report_sop_instance_uid("1.2.3", 1, "x", shows_heat_map=True),
        uids.report_series_uid("1.2.3"),
        uids.capture_sop_instance_uid("1.2.3", 1, "x"),
        uids.capture_series_uid("1.2.3"),
        uids.tracking_uid("1.2.3", "SCT:1", "x"),
        uids.tracking_uid("1.2.3", "SCT:1", "y"),
        uids.device_observer_uid("maker", "x", "1"),
    ]
    assert len(set(made)) == len(made)
    assert all(UID(uid).is_valid and uids.is_valid_uid(uid) for uid in made)


def test_implementation_identity_fits_the_file_meta() -> None:
    """The class UID is valid and the version name fits an SH of 16 characters."""
    assert UID(uids.IMPLEMENTATION_CLASS_UID).is_valid
    assert 1 <= len(uids.IMPLEMENTATION_VERSION_NAME) <= 16


def test_series_of_ours_are_known_by_their_study() -> None:
    """Reports and captures of a study, and of no other, are recognised without looking anything up."""
    made = (uids.report_series_uid("1.2.3"), uids.capture_series_uid("1.2.3"))
    assert all(uids.is_own_series("1.2.3", series) for series in made)
    assert not any(uids.is_own_series("1.2.4", series) for series in (*made, "1.2.4.1"))
