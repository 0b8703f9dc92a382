"""What the report says, and the mistakes that no validator finds."""

import io
from typing import Any

import pytest
from highdicom.sr import srread
from pydicom.dataset import Dataset

from dicom_gateway.codes import FindingScheme
from dicom_gateway.report import COMPREHENSIVE_3D_SR, build_report
from dicom_gateway.uids import capture_series_uid, is_valid_uid, tracking_uid
from domain.finding import OperatingPoint
from domain.priority import ReadingPriority
from tests.unit.report.builders import (
    IMAGE_UID,
    MINIMAL,
    NOT_DETECTED,
    OTHER_IMAGE_UID,
    STUDY_UID,
    UNDETERMINED,
    built,
    content,
    named,
    received,
    walk,
)

_KINDS = pytest.mark.parametrize(
    "changes",
    [{}, NOT_DETECTED, UNDETERMINED, {"finding_scheme": FindingScheme.RADLEX}],
    ids=["suspected", "not detected", "undetermined", "RadLex"],
)


def _code(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)


def _number(item: Dataset) -> float:
    return float(item.MeasuredValueSequence[0].NumericValue)


def _only(items: list[Dataset]) -> Dataset:
    assert len(items) == 1
    return items[0]


def _group(sr: Dataset) -> Dataset:
    return _only(named(sr, "125007"))


def _comments(sr: Dataset) -> str:
    return " ".join(item.TextValue for item in named(_group(sr), "121106"))


@_KINDS
def test_language_is_stated(changes: dict[str, Any]) -> None:
    """The report states its language, US English."""
    assert _code(_only(named(built(content(**changes)), "121049"))) == "en-US"


@_KINDS
def test_tracking_identifier_and_uid_are_present(changes: dict[str, Any]) -> None:
    """The measurement group has one Tracking Identifier and one valid Tracking Unique Identifier."""
    group = _group(built(content(**changes)))
    assert _only(named(group, "112039")).TextValue
    assert is_valid_uid(_only(named(group, "112040")).UID)


@_KINDS
def test_algorithm_is_identified(changes: dict[str, Any]) -> None:
    """Name, version, maker, family and parameters of the algorithm are in the group, scored or not."""
    group = _group(built(content(**changes)))
    assert _only(named(group, "111001")).TextValue == "cxr-pneumonia"
    assert _only(named(group, "111003")).TextValue == "1.2.3"
    assert _only(named(group, "122405")).TextValue == "Example Maker"
    assert _code(_only(named(group, "111000"))) == "123110"
    assert named(group, "111002")[0].TextValue == "150 x 150 pixels, area resize"


def test_operating_point_is_described() -> None:
    """The performance at the operating point, and where it was measured, are among the parameters."""
    text = named(built(), "111002")[1].TextValue
    for expected in ("balanced", "0.42", "sensitivity 0.95", "specificity 0.81", "test set A"):
        assert expected in text


@pytest.mark.parametrize(
    ("concept", "number", "unit"),
    [
        ("111012", 87.31, "%"),
        ("122411", 42.0, "%"),
        ("110910", 2500, "{pixels}"),
        ("110911", 2048, "{pixels}"),
        ("111026", 0.14, "mm"),
        ("111066", 0.139, "mm"),
    ],
)
def test_numbers_have_their_value_and_unit(concept: str, number: float, unit: str) -> None:
    """Each number stands in its own unit; horizontal spacing is the second of Imager Pixel Spacing."""
    item = _only(named(built(), concept))
    measured = item.MeasuredValueSequence[0]
    assert _number(item) == number
    assert float(measured.get("FloatingPointValue", number)) == number
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == unit


@pytest.mark.parametrize(
    ("changes", "presence", "priority"),
    [
        ({}, "415684004", "394849002"),
        ({"reading_priority": ReadingPriority.STAT}, "415684004", "394849002"),
        (NOT_DETECTED, "260415000", "394848005"),
        (UNDETERMINED, "373068000", "394848005"),
    ],
)
def test_presence_and_priority_follow_the_result(changes: dict[str, Any], presence: str, priority: str) -> None:
    """Presence and triage priority are what the result says."""
    group = _group(built(content(**changes)))
    assert _code(_only(named(group, "121052"))) == presence
    assert _code(_only(named(group, "260870009"))) == priority


def test_stat_is_said_in_words() -> None:
    """STAT, for which no code is used, is in the comment."""
    assert "Reading priority STAT" in _comments(built(content(reading_priority=ReadingPriority.STAT)))


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [(FindingScheme.SNOMED, ("233604007", "SCT")), (FindingScheme.RADLEX, ("RID5350", "RADLEX"))],
)
def test_finding_is_coded_as_the_site_wants(scheme: FindingScheme, expected: tuple[str, str]) -> None:
    """The finding is pneumonia in the chosen scheme, its site the lung in SNOMED."""
    group = _group(built(content(finding_scheme=scheme)))
    finding = _only(named(group, "121071")).ConceptCodeSequence[0]
    assert (finding.CodeValue, finding.CodingSchemeDesignator) == expected
    assert _code(_only(named(group, "363698007"))) == "39607008"


@_KINDS
def test_disclaimer_is_present(changes: dict[str, Any]) -> None:
    """Every report says that it is preliminary, no diagnosis, and for prioritisation only."""
    comments = _comments(built(content(**changes)))
    assert "preliminary, not for diagnosis, for prioritisation only" in comments


def test_undetermined_gives_the_reason_and_no_number() -> None:
    """What was not analysed says why in words, and has neither a probability nor a threshold."""
    group = _group(built(content(**UNDETERMINED)))
    assert "not analysed, because not a frontal projection (view position LL)" in _comments(
        built(content(**UNDETERMINED))
    )
    assert [item for item in walk(group) if item.ValueType == "NUM"] == []
    assert [item for item in walk(group) if item.ValueType == "IMAGE"] == []


def test_not_detected_is_no_all_clear() -> None:
    """A negative result says that it does not exclude the finding."""
    assert "does not exclude" in _comments(built(content(**NOT_DETECTED)))


def test_numbers_of_the_finding_point_to_the_analysed_image() -> None:
    """Each number of the group has the image as its child, and so has the group."""
    group = _group(built(headers=[received(), received(SOPInstanceUID=OTHER_IMAGE_UID.encode())]))
    numbers = [item for item in group.ContentSequence if item.ValueType == "NUM"]
    images = [_only(list(number.ContentSequence)) for number in numbers]
    images.append(_only([item for item in group.ContentSequence if item.ValueType == "IMAGE"]))
    assert len(images) == 3
    for image in images:
        assert image.ConceptNameCodeSequence[0].CodeValue == "121112"
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IMAGE_UID


def test_refused_image_may_be_named() -> None:
    """An undetermined report can point to the image that was refused."""
    sr = built(content(**(UNDETERMINED | {"analysed_sop_instance_uid": IMAGE_UID})))
    image = _only([item for item in _group(sr).ContentSequence if item.ValueType == "IMAGE"])
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IMAGE_UID


def test_image_library_lists_all_and_invents_nothing() -> None:
    """Every image is listed; what a header lacks is left out of its entry."""
    sr = built(headers=[received(), received(MINIMAL, SOPInstanceUID=OTHER_IMAGE_UID.encode())])
    entries = named(_only(named(sr, "111028")), "260753009")
    uids = [entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for entry in entries]
    assert uids == [IMAGE_UID, OTHER_IMAGE_UID]
    assert [len(entry.ContentSequence) for entry in entries] == [7, 1]


@pytest.mark.parametrize("threshold", [0.5, 0.123456])
def test_percentages_never_hide_the_side_of_the_threshold(threshold: float) -> None:
    """A probability just below the threshold is not rounded up to it."""
    report = content(
        **NOT_DETECTED
        | {
            "probability": threshold - 1e-7,
            "operating_point": OperatingPoint("point", threshold, 0.9, 0.9, "test set A"),
        }
    )
    sr = built(report)
    assert _number(_only(named(sr, "111012"))) < _number(_only(named(sr, "122411")))


def test_control_characters_do_not_reach_the_text() -> None:
    """Control characters in our own text become spaces."""
    assert named(built(content(algorithm_parameters="a\x1b\r\nb")), "111002")[0].TextValue == "a   b"


def test_tracking_uid_is_the_same_in_the_next_revision_and_version() -> None:
    """One image, finding and model keep their Tracking Unique Identifier."""
    later = content(study_revision=2, model_version="2.0.0", finding_scheme=FindingScheme.RADLEX)
    expected = tracking_uid(IMAGE_UID, "SCT:233604007", "cxr-pneumonia")
    assert {named(built(each), "112040")[0].UID for each in (content(), later)} == {expected}


def test_tracking_uid_of_an_unanalysed_study_is_of_the_study() -> None:
    """Without an analysed image the study is what is tracked."""
    expected = tracking_uid(STUDY_UID, "SCT:233604007", "cxr-pneumonia")
    made = named(built(content(**UNDETERMINED)), "112040")[0].UID
    assert made == expected


@_KINDS
def test_another_reader_understands_the_measurement_group(changes: dict[str, Any]) -> None:
    """highdicom, reading the file as TID 1500, finds one image measurement group with its finding."""
    report = srread(io.BytesIO(build_report(content(**changes), [received()], COMPREHENSIVE_3D_SR)))
    group = _only(report.content.get_image_measurement_groups())
    assert group.finding_type.meaning.lower() == "pneumonia"
    assert group.finding_sites[0].value.value == "39607008"
    assert len(group.get_measurements()) == (0 if changes is UNDETERMINED else 2)


def test_a_heat_map_is_named_where_it_is_sent() -> None:
    """The group refers to the capture as the visual explanation, the evidence lists it, and words say so."""
    sr = built(content(capture_sop_instance_uid="2.25.77"))
    picture = _only(named(_group(sr), "130401"))
    referenced = picture.ReferencedSOPSequence[0]
    assert (picture.ValueType, picture.RelationshipType) == ("IMAGE", "CONTAINS")
    assert referenced.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert referenced.ReferencedSOPInstanceUID == "2.25.77"
    evidence = sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    listed = {s.SeriesInstanceUID: [i.ReferencedSOPInstanceUID for i in s.ReferencedSOPSequence] for s in evidence}
    assert listed[capture_series_uid(STUDY_UID)] == ["2.25.77"]
    assert "AI heat map: pneumonia (not for diagnosis)" in _comments(sr)


def test_a_report_with_a_heat_map_is_another_instance() -> None:
    """Its bytes differ from those without, so its UID does: never two instances under one UID."""
    assert built(content(capture_sop_instance_uid="2.25.77")).SOPInstanceUID != built().SOPInstanceUID
    assert named(built(), "130401") == []


def test_the_statement_holds_both_numbers() -> None:
    """Who reads only the sentence knows probability, threshold and which side of it."""
    assert "suspected: probability 87.31 %, at or above the threshold of 42 %" in _comments(built())
    assert "not detected: probability 10 %, below the threshold of 42 %" in _comments(built(content(**NOT_DETECTED)))
