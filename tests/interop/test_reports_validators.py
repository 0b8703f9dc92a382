"""DCMTK and pixelmed read every form of report, and find no error."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dicom_gateway.report import BASIC_TEXT_SR, COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, ENHANCED_SR, build_report
from tests.interop.conftest import tool
from tests.unit.report.builders import AWFUL, COMPLETE, MINIMAL, NOT_DETECTED, UNDETERMINED, content, received

_CAPTURE = {"capture_sop_instance_uid": "2.25.77"}
_REVISION_2 = {"study_revision": 2, "predecessors": ((COMPREHENSIVE_3D_SR, "2.25.1", "2.25.2"),)}
_FORMS = [COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, ENHANCED_SR, BASIC_TEXT_SR]
_FORM_NAMES = ["comprehensive 3D", "comprehensive", "enhanced", "basic text"]
_CONTENTS: list[dict[str, Any]] = [{}, _CAPTURE, NOT_DETECTED, UNDETERMINED, _REVISION_2]
_CONTENT_NAMES = ["suspected", "with heat map", "not detected", "undetermined", "revision 2"]

_every_form = pytest.mark.parametrize("sop_class", _FORMS, ids=_FORM_NAMES)
_every_content = pytest.mark.parametrize("changes", _CONTENTS, ids=_CONTENT_NAMES)

#: Where the Debian package pixelmed-apps (libpixelmed-java) has its classes.
_PIXELMED = Path("/usr/share/java/pixelmed.jar")
#: Its rules are one style sheet of six megabytes: Java's defaults for XPath and the stack are too small.
_JAVA_OPTIONS = (
    "-Djdk.xml.xpathExprGrpLimit=0",
    "-Djdk.xml.xpathExprOpLimit=0",
    "-Djdk.xml.xpathTotalOpLimit=0",
    "-Xss8m",
)


def _written(folder: Path, changes: dict[str, Any], sop_class: str, header: dict[str, bytes] = COMPLETE) -> Path:
    path = folder / "report.dcm"
    path.write_bytes(build_report(content(**changes), [received(header)], sop_class))
    return path


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _pixelmed(report: Path) -> str:
    java = tool("java")
    if not _PIXELMED.is_file():
        tool("pixelmed-apps")
    options = ("-checkcontentitemorder", "-checktemplateid")
    return _run(java, *_JAVA_OPTIONS, "-cp", str(_PIXELMED), "com.pixelmed.validate.DicomSRValidator", *options, report)


@_every_form
@_every_content
def test_dsrdump_reads_it_without_complaint(changes: dict[str, Any], sop_class: str, tmp_path: Path) -> None:
    """DCMTK's own check of document, tree and references finds nothing, and shows the result."""
    shown = _run(tool("dsrdump"), "+Pl", _written(tmp_path, changes, sop_class))
    assert "Pneumonia" in shown
    assert [line for line in shown.splitlines() if line.startswith(("W:", "E:", "F:"))] == []


@_every_form
@pytest.mark.parametrize("header", [MINIMAL, AWFUL], ids=["minimal header", "awful header"])
def test_dsr2html_shows_what_a_reader_needs(header: dict[str, bytes], sop_class: str, tmp_path: Path) -> None:
    """The page holds result, number, threshold, priority, disclaimer, and where the heat map is."""
    _run(tool("dsr2html"), _written(tmp_path, _CAPTURE, sop_class, header), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(errors="replace")
    for words in (
        "Pneumonia suspected: probability 87.31 %, at or above the threshold of 42 %",
        "Reading priority HIGH",
        "not for diagnosis",
        "AI heat map: pneumonia",
        "PRELIMINARY",
        "UNVERIFIED",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("changes", "sop_class", "header"),
    [
        (_CAPTURE, COMPREHENSIVE_3D_SR, COMPLETE),
        (NOT_DETECTED | _REVISION_2, COMPREHENSIVE_SR, AWFUL),
        (UNDETERMINED, ENHANCED_SR, MINIMAL),
        (_CAPTURE, BASIC_TEXT_SR, COMPLETE),
    ],
    ids=_FORM_NAMES,
)
def test_pixelmed_finds_no_error(
    changes: dict[str, Any], sop_class: str, header: dict[str, bytes], tmp_path: Path
) -> None:
    """The strictest of the validators knows IOD and template, and has warnings at most."""
    found = _pixelmed(_written(tmp_path, changes, sop_class, header))
    assert "Found Root Template TID_" in found
    assert "IOD validation complete" in found
    assert [line for line in found.splitlines() if "error" in line.lower()] == []


def test_pixelmed_is_really_at_work(tmp_path: Path) -> None:
    """It finds a procedure that the template does not allow."""
    report = _written(tmp_path, {}, ENHANCED_SR)
    report.write_bytes(report.read_bytes().replace(b"363679005", b"363679009"))
    assert "Error: Template 1500" in _pixelmed(report)
