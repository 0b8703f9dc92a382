"""The report as Basic Text SR: what a reader needs first, what machines look for coded."""

import io
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_gateway.report import BASIC_TEXT_SR, build_report
from domain.priority import ReadingPriority
from tests.unit.report.builders import (
    IMAGE_UID,
    NOT_DETECTED,
    UNDETERMINED,
    built,
    content,
    named,
    received,
    walk,
)


def _text_report(**changes: Any) -> Dataset:
    return dcmread(io.BytesIO(build_report(content(**changes), [received()], BASIC_TEXT_SR)))


def _first_words(sr: Dataset) -> str:
    return str(next(item.TextValue for item in walk(named(sr, "121072")[0]) if item.ValueType == "TEXT"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Pneumonia suspected: probability 87.31 %, at or above the threshold of 42 %. Reading priority HIGH."),
        (
            NOT_DETECTED,
            "Pneumonia not detected: probability 10 %, below the threshold of 42 %, which does not exclude it.",
        ),
        (UNDETERMINED, "Pneumonia undetermined: not analysed, because not a frontal projection (view position LL)."),
        ({"reading_priority": ReadingPriority.STAT}, "Reading priority STAT."),
    ],
    ids=["suspected", "not detected", "undetermined", "STAT"],
)
def test_the_first_sentence_is_the_result(changes: dict[str, Any], words: str) -> None:
    """A reader who stops after one sentence knows the result, its numbers and the priority."""
    assert words in _first_words(_text_report(**changes))


@pytest.mark.parametrize("changes", [{}, NOT_DETECTED, UNDETERMINED])
def test_it_holds_only_what_the_class_allows(changes: dict[str, Any]) -> None:
    """No number items: PS3.3 A.35.1 has none."""
    kinds = {item.ValueType for item in walk(_text_report(**changes))}
    assert kinds <= {"CONTAINER", "TEXT", "CODE", "IMAGE", "UIDREF"}


def test_it_says_the_same_as_the_measurement_report() -> None:
    """Tracking UID, algorithm, presence and priority are those of the other forms, and so is the disclaimer."""
    text, measured = _text_report(), built()
    assert named(text, "112040")[0].UID == named(measured, "112040")[0].UID
    for concept in ("111001", "111003", "122405"):
        assert named(text, concept)[0].TextValue == named(measured, concept)[0].TextValue
    for concept in ("121052", "260870009"):
        codes = [named(sr, concept)[0].ConceptCodeSequence[0].CodeValue for sr in (text, measured)]
        assert codes[0] == codes[1]
    assert any("not for diagnosis" in item.TextValue for item in named(text, "121073"))


def test_it_points_to_the_image_and_to_the_heat_map() -> None:
    """The sentence is inferred from the analysed image; the capture is named where it is sent."""
    sr = _text_report(capture_sop_instance_uid="2.25.77")
    (source,) = named(sr, "121112")
    (picture,) = named(sr, "130401")
    assert source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IMAGE_UID
    assert picture.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.77"


def test_it_is_as_preliminary_as_the_others() -> None:
    """Flags, series and study are the same in every form."""
    text, measured = _text_report(), built()
    for keyword in ("CompletionFlag", "PreliminaryFlag", "VerificationFlag", "SeriesInstanceUID", "StudyInstanceUID"):
        assert text[keyword] == measured[keyword]
