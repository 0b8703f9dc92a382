"""A report's values agree with each other, or there is no report."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dicom_gateway.report_content import ReportContentInvalid
from domain.errors import Rejected
from domain.finding import Assessment, OperatingPoint, Refusal, RefusalCode
from tests.unit.report.builders import NOT_DETECTED, UNDETERMINED, content

_REFUSAL = Refusal(RefusalCode.NO_IMAGE, "")


@pytest.mark.parametrize("changes", [{}, NOT_DETECTED, UNDETERMINED])
def test_values_that_agree_are_accepted(changes: dict[str, Any]) -> None:
    """Each kind of result makes a content."""
    assert content(**changes).study_revision == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"study_revision": 0},
        {"created_at": datetime(2024, 1, 2)},  # noqa: DTZ001 - a time without a zone is the fault
        {"created_at": datetime(2024, 1, 2, tzinfo=timezone(timedelta(seconds=30)))},
        {"model_name": ""},
        {"model_version": 65 * "1"},
        {"manufacturer": "a\\b"},
        {"manufacturer": "a\nb"},
        {"model_name": " padded"},
        {"analysed_sop_instance_uid": "1.2.x"},
        {"predecessors": (("1.2.3", "not a UID", "1.2.4"),)},
        {"probability": None},
        {"probability": 1.01},
        {"probability": -0.01},
        {"probability": float("nan")},
        {"operating_point": None},
        {"operating_point": OperatingPoint("point", 42.0, 0.9, 0.9, "set")},
        {"analysed_sop_instance_uid": None},
        {"refusal": _REFUSAL},
        {"assessment": Assessment.NOT_DETECTED},
        {"probability": 0.1},
        UNDETERMINED | {"refusal": None},
        UNDETERMINED | {"probability": 0.5},
        UNDETERMINED | {"capture_sop_instance_uid": "2.25.7"},
        NOT_DETECTED | {"capture_sop_instance_uid": "2.25.7"},
        {"capture_sop_instance_uid": "no UID"},
    ],
)
def test_values_that_contradict_are_refused(changes: dict[str, Any]) -> None:
    """A contradiction is refused at once, and for good."""
    with pytest.raises(ReportContentInvalid) as caught:
        content(**changes)
    assert isinstance(caught.value, Rejected)


def test_probability_at_the_threshold_is_suspected() -> None:
    """The threshold itself belongs to the suspicion."""
    assert content(probability=0.42).assessment is Assessment.SUSPECTED
