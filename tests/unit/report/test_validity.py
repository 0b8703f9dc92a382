"""dciodvfy judges what is built."""

import io
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from dicom_gateway.codes import FindingScheme
from dicom_gateway.report import BASIC_TEXT_SR, COMPREHENSIVE_SR, ENHANCED_SR, REPORT_SOP_CLASSES, build_report
from domain.priority import ReadingPriority
from tests.unit.report.builders import (
    AWFUL,
    COMPLETE,
    MINIMAL,
    NOT_DETECTED,
    OTHER_IMAGE_UID,
    UNDETERMINED,
    content,
    received,
)
from tests.unit.report.character_sets import CHARACTER_SETS, Case

_DCIODVFY = Path(sysconfig.get_path("scripts"), "dciodvfy")
_WITH_HEAT_MAP = {"capture_sop_instance_uid": "2.25.7"}
_REVISION_2 = {"study_revision": 2, "predecessors": ((REPORT_SOP_CLASSES[0], "2.25.1", "2.25.2"),)}


def errors_in(report: bytes, folder: Path) -> list[str]:
    """Give dciodvfy's errors in a DICOM file, warnings left out."""
    path = folder / "report.dcm"
    path.write_bytes(report)
    done = subprocess.run([_DCIODVFY, path], capture_output=True, text=True, errors="replace", timeout=30, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert (done.returncode != 0) == bool(errors)
    return errors


@pytest.mark.parametrize("sop_class_uid", [*REPORT_SOP_CLASSES, BASIC_TEXT_SR])
@pytest.mark.parametrize("header", [MINIMAL, COMPLETE, AWFUL], ids=["minimal", "complete", "awful"])
@pytest.mark.parametrize(
    "changes",
    [{}, _WITH_HEAT_MAP, NOT_DETECTED, UNDETERMINED, _REVISION_2],
    ids=["suspected", "with heat map", "not detected", "undetermined", "revision 2"],
)
def test_no_errors_whatever_the_result_the_header_and_the_sop_class(
    changes: dict[str, Any], header: dict[str, bytes], sop_class_uid: str, tmp_path: Path
) -> None:
    """Every kind of report, from every kind of header, as each SOP class, is valid."""
    headers = [received(header), received(header, SOPInstanceUID=OTHER_IMAGE_UID.encode())]
    assert errors_in(build_report(content(**changes), headers, sop_class_uid), tmp_path) == []


@pytest.mark.parametrize("case", CHARACTER_SETS, ids=lambda case: case.name)
def test_no_errors_in_any_character_set(case: Case, tmp_path: Path) -> None:
    """A report that repeats a name from any character set is valid."""
    assert errors_in(build_report(content(), [received(**case.elements)]), tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"finding_scheme": FindingScheme.RADLEX},
        {"reading_priority": ReadingPriority.STAT, **UNDETERMINED},
        {"manufacturer": "Jörg Müller GmbH", "algorithm_parameters": "Schärfe\r\nπ"},
    ],
    ids=["RadLex", "STAT", "own text beyond ASCII"],
)
def test_no_errors_in_other_contents(changes: dict[str, Any], tmp_path: Path) -> None:
    """What a site may configure does not make the report invalid."""
    assert errors_in(build_report(content(**changes), [received()]), tmp_path) == []


def test_no_errors_with_a_time_zone(tmp_path: Path) -> None:
    """A source that states its zone gives a valid report."""
    assert errors_in(build_report(content(), [received(TimezoneOffsetFromUTC=b"-0930")]), tmp_path) == []


@pytest.mark.parametrize("sop_class_uid", [COMPREHENSIVE_SR, ENHANCED_SR, BASIC_TEXT_SR])
def test_the_file_says_the_sop_class_that_was_asked_for(sop_class_uid: str) -> None:
    """The SOP class asked for is in the data set and in the file meta information."""
    sr = dcmread(io.BytesIO(build_report(content(), [received()], sop_class_uid)))
    assert sr.SOPClassUID == sr.file_meta.MediaStorageSOPClassUID == sop_class_uid


def test_the_judge_finds_faults(tmp_path: Path) -> None:
    """The validator is really at work: without a Content Date the same report has an error."""
    sr = dcmread(io.BytesIO(build_report(content(), [received()])))
    del sr.ContentDate
    broken = io.BytesIO()
    sr.save_as(broken, enforce_file_format=True)
    assert errors_in(broken.getvalue(), tmp_path)
