"""Seven mistakes that dciodvfy, DCMTK and pixelmed all pass over: not in our reports, and found when planted."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_gateway.codes import FindingScheme
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES, build_report
from tests.unit.report.builders import NOT_DETECTED, SERIES_UID, UNDETERMINED, built, content, named, received, walk
from tests.unit.report.unseen_mistakes import mistakes_in

_SERIES = {SERIES_UID}


def _remove(sr: Dataset, concept: str) -> None:
    for item in walk(sr):
        if "ContentSequence" in item:
            kept = [child for child in item.ContentSequence if child.ConceptNameCodeSequence[0].CodeValue != concept]
            item.ContentSequence = kept


def _wrong_meaning(sr: Dataset) -> None:
    named(sr, "121052")[0].ConceptCodeSequence[0].CodeMeaning = "Absent"


def _unknown_code(sr: Dataset) -> None:
    named(sr, "111012")[0].ConceptNameCodeSequence[0].CodeValue = "199999"


def _image_series(sr: Dataset) -> None:
    sr.SeriesInstanceUID = SERIES_UID


def _wrong_unit(sr: Dataset) -> None:
    unit = named(sr, "111012")[0].MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0]
    unit.CodeValue, unit.CodeMeaning = "mm", "mm"


_PLANTED: dict[str, Callable[[Dataset], None]] = {
    "no tracking UID": lambda sr: _remove(sr, "112040"),
    "no language": lambda sr: _remove(sr, "121049"),
    "wrong code meaning": _wrong_meaning,
    "unknown code": _unknown_code,
    "the image's series": _image_series,
    "no algorithm version": lambda sr: _remove(sr, "111003"),
    "wrong unit": _wrong_unit,
}


@pytest.mark.parametrize("mistake", _PLANTED)
def test_each_mistake_is_found_when_it_is_planted(mistake: str) -> None:
    """The check finds that mistake, and no other."""
    sr = built()
    _PLANTED[mistake](sr)
    assert mistakes_in(sr, _SERIES) == [mistake]


@pytest.mark.parametrize("sop_class", [*REPORT_SOP_CLASSES, BASIC_TEXT_SR])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        NOT_DETECTED,
        UNDETERMINED,
        {"finding_scheme": FindingScheme.RADLEX},
        {"capture_sop_instance_uid": "2.25.77"},
    ],
    ids=["suspected", "not detected", "undetermined", "RadLex", "with heat map"],
)
def test_no_report_has_any_of_them(changes: dict[str, Any], sop_class: str) -> None:
    """Every kind of report in every form passes all seven checks."""
    sr = dcmread(io.BytesIO(build_report(content(**changes), [received()], sop_class)))
    assert mistakes_in(sr, _SERIES) == []
