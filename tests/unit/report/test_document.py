"""The report as a DICOM object: header, identity, references, and that it is a function of its input."""

import hashlib
import io
import json
import logging
import os
import subprocess
import sys
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from dicom_gateway import uids
from dicom_gateway.report import BASIC_TEXT_SR, COMPREHENSIVE_3D_SR, REPORT_SOP_CLASSES, build_report, warm_up
from dicom_gateway.report_content import ReportContentInvalid
from domain.errors import InstanceInvalid
from tests.unit.report.builders import (
    AWFUL,
    IMAGE_UID,
    MINIMAL,
    OTHER_IMAGE_UID,
    SERIES_UID,
    STUDY_UID,
    UNDETERMINED,
    built,
    content,
    received,
)
from tests.unit.report.character_sets import CHARACTER_SETS, Case

_OTHER_SERIES_UID = SERIES_UID + ".7"


def _referenced(sequence: list[Dataset]) -> dict[str, list[tuple[str, str]]]:
    """Give the (class, instance) UIDs by series UID."""
    return {
        series.SeriesInstanceUID: [
            (sop.ReferencedSOPClassUID, sop.ReferencedSOPInstanceUID) for sop in series.ReferencedSOPSequence
        ]
        for study in sequence
        for series in study.ReferencedSeriesSequence
    }


def test_flags_say_complete_preliminary_unverified() -> None:
    """The document is complete, and no physician has seen it."""
    sr = built()
    assert (sr.CompletionFlag, sr.PreliminaryFlag, sr.VerificationFlag) == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")


def test_report_is_in_the_study_but_not_in_the_series_of_the_image() -> None:
    """The report stays in the source's study, in a series of its own."""
    sr = built()
    assert sr.StudyInstanceUID == STUDY_UID
    assert sr.SeriesInstanceUID == uids.report_series_uid(STUDY_UID) != SERIES_UID
    assert sr.Modality == "SR"


def test_file_meta_is_ours() -> None:
    """The file is Explicit VR Little Endian, made by us, and mentions no other implementation."""
    data = build_report(content(), [received()])
    meta = dcmread(io.BytesIO(data)).file_meta
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.ImplementationClassUID == uids.IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == uids.IMPLEMENTATION_VERSION_NAME
    assert b"highdicom" not in data.lower()
    assert b"pydicom" not in data.lower()


def test_equipment_is_ours() -> None:
    """The equipment names this service, so that its output is known when it comes back."""
    sr = built()
    assert sr.ManufacturerModelName == uids.MANUFACTURER_MODEL_NAME
    assert list(sr.SoftwareVersions) == [uids.IMPLEMENTATION_VERSION_NAME, "1.2.3"]


def test_patient_and_study_are_quoted() -> None:
    """Patient and study elements are those of the source."""
    source, sr = received(), built()
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "PatientAge",
        "StudyDate",
        "StudyTime",
    ):
        assert sr[keyword].value == source[keyword].value
    for keyword in ("StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName"):
        assert sr[keyword].value == source[keyword].value


@pytest.mark.parametrize("case", CHARACTER_SETS, ids=lambda case: case.name)
def test_patient_name_survives(case: Case) -> None:
    """A name in any character set is the same text in the report, in UTF-8 unless it is ASCII."""
    sr = built(headers=[received(**case.elements)])
    assert str(sr.PatientName) == case.expected
    assert sr.get("SpecificCharacterSet") == (None if case.expected.isascii() else "ISO_IR 192")


@pytest.mark.parametrize("changes", [{}, UNDETERMINED], ids=["suspected", "undetermined"])
def test_every_considered_image_is_evidence(changes: dict[str, Any]) -> None:
    """Current Requested Procedure Evidence holds all images, by series, each once."""
    headers = [
        received(),
        received(SOPInstanceUID=OTHER_IMAGE_UID.encode()),
        received(SOPInstanceUID=OTHER_IMAGE_UID.encode()),
        received(
            SOPInstanceUID=b"1.2.3",
            SeriesInstanceUID=_OTHER_SERIES_UID.encode(),
            SOPClassUID=ComputedRadiographyImageStorage.encode(),
        ),
    ]
    evidence = built(content(**changes), headers).CurrentRequestedProcedureEvidenceSequence
    assert [item.StudyInstanceUID for item in evidence] == [STUDY_UID]
    dx = received().SOPClassUID
    assert _referenced(evidence) == {
        SERIES_UID: [(dx, IMAGE_UID), (dx, OTHER_IMAGE_UID)],
        _OTHER_SERIES_UID: [(ComputedRadiographyImageStorage, "1.2.3")],
    }


def test_revision_names_its_predecessors() -> None:
    """A later revision names every earlier report, in the same study."""
    earlier = ((COMPREHENSIVE_3D_SR, "2.25.11", "2.25.1"), (REPORT_SOP_CLASSES[2], "2.25.22", "2.25.2"))
    sr = built(content(study_revision=3, predecessors=earlier))
    assert [item.StudyInstanceUID for item in sr.PredecessorDocumentsSequence] == [STUDY_UID]
    assert _referenced(sr.PredecessorDocumentsSequence) == {
        "2.25.1": [(COMPREHENSIVE_3D_SR, "2.25.11")],
        "2.25.2": [(REPORT_SOP_CLASSES[2], "2.25.22")],
    }
    assert sr.InstanceNumber == 3


def test_first_revision_has_no_predecessor() -> None:
    """Without an earlier report the sequence is absent: it may not be empty."""
    assert "PredecessorDocumentsSequence" not in built()


def test_times_are_the_wall_clock_of_created_at() -> None:
    """Without a zone in the source, ours are the wall clock given, and no zone is claimed for the source's."""
    sr = built()
    assert (sr.ContentDate, sr.ContentTime) == ("20240102", "123045.123456")
    assert (sr.InstanceCreationDate, sr.InstanceCreationTime) == (sr.ContentDate, sr.ContentTime)
    assert "TimezoneOffsetFromUTC" not in sr
    assert sr.ObservationDateTime == "20240102123045.123456+0100"


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (b"+0100", ("20240102", "123045.123456")),
        (b"+1400", ("20240103", "013045.123456")),
        (b"-0930", ("20240102", "020045.123456")),
    ],
)
def test_times_follow_the_zone_of_the_source(offset: bytes, expected: tuple[str, str]) -> None:
    """With a zone in the source, ours are converted to it, and the zone is stated for all of them."""
    sr = built(headers=[received(TimezoneOffsetFromUTC=offset)])
    assert (sr.ContentDate, sr.ContentTime) == expected
    assert sr.TimezoneOffsetFromUTC == offset.decode()
    assert sr.ObservationDateTime == "".join(expected) + offset.decode()
    assert sr.StudyTime == "101112.5"


def test_the_same_input_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Neither clock, hash seed nor process shows in the bytes."""
    script = (
        "import hashlib\n"
        "from dicom_gateway.report import build_report\n"
        "from tests.unit.report.builders import AWFUL, content, received\n"
        "import sys\n"
        "sys.stdout.write(hashlib.sha256(build_report(content(), [received(AWFUL)])).hexdigest())\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path), "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-W", "ignore", "-c", script]
    other = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert other.stdout == hashlib.sha256(build_report(content(), [received(AWFUL)])).hexdigest()


def test_order_and_repetition_of_headers_do_not_matter() -> None:
    """The bytes depend on which images there are, not on how they are listed."""
    first, second = received(), received(SOPInstanceUID=OTHER_IMAGE_UID.encode(), PatientID=b"other")
    data = build_report(content(), [first, second])
    assert build_report(content(), [second, first, second]) == data
    assert dcmread(io.BytesIO(data)).PatientID == "4711"


def test_source_headers_are_not_changed() -> None:
    """Building leaves what it was given alone."""
    source = received(AWFUL)
    before = deepcopy(source)
    build_report(content(), [source])
    assert source == before


@pytest.mark.parametrize(
    "changes",
    [{"study_revision": 2}, {"model_version": "1.2.4"}],
    ids=["revision", "model version"],
)
def test_another_revision_or_model_version_is_another_instance(changes: dict[str, Any]) -> None:
    """What promise 3 counts as one report has one SOP Instance UID, and everything else another."""
    one, other = built(), built(content(**changes))
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID == other.SeriesInstanceUID


def test_another_sop_class_is_another_instance() -> None:
    """No SOP Instance UID is used for two SOP classes, or twice with and without a heat map."""
    made = {
        build_report(content(capture_sop_instance_uid=capture), [received()], each)
        for each in (*REPORT_SOP_CLASSES, BASIC_TEXT_SR)
        for capture in (None, "2.25.77")
    }
    assert len({dcmread(io.BytesIO(data)).SOPInstanceUID for data in made}) == 8


def test_instance_uid_is_the_derived_one() -> None:
    """Who knows study, revision and model version knows the report's SOP Instance UID."""
    sr = built()
    expected = uids.report_sop_instance_uid(STUDY_UID, 1, "1.2.3")
    assert sr.SOPInstanceUID == sr.file_meta.MediaStorageSOPInstanceUID == expected


def test_every_uid_is_valid() -> None:
    """Every UID anywhere in the report is valid by pydicom's stricter rule, and at most 64 characters."""
    found = [element.value for element in built().iterall() if element.VR == "UI"]
    assert len(found) > 10
    assert all(UID(uid).is_valid and len(uid) <= 64 for uid in found)


def test_mended_elements_are_logged_by_keyword_only(caplog: pytest.LogCaptureFixture) -> None:
    """The log says what was mended and quotes no value."""
    with caplog.at_level(logging.DEBUG):
        build_report(content(), [received(AWFUL)])
    assert "PatientSex" in caplog.text
    for value in ("SINGLE", "Female", "1970", "Roe", "4711", "left"):
        assert value not in caplog.text


def test_no_warning_quotes_a_patient(recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with a header, nothing is warned or logged while its report is built."""
    source = received(AWFUL | {"AccessionNumber": 20 * b"7", "PatientName": 70 * b"N", "StudyDate": b"19991399"})
    recwarn.clear()
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        build_report(content(), [source])
    assert not recwarn.list
    assert not caplog.records


@pytest.mark.parametrize(
    ("headers", "analysed", "sop_class"),
    [
        ([], IMAGE_UID, COMPREHENSIVE_3D_SR),
        ([received(), received(StudyInstanceUID=b"1.2.9", SOPInstanceUID=b"1.2.8")], IMAGE_UID, COMPREHENSIVE_3D_SR),
        ([received()], OTHER_IMAGE_UID, COMPREHENSIVE_3D_SR),
        ([received()], IMAGE_UID, "1.2.840.10008.5.1.4.1.1.88.50"),
    ],
    ids=["no header", "two studies", "analysed image missing", "Mammography CAD SR"],
)
def test_what_cannot_be_reported_is_refused(headers: list[Dataset], analysed: str, sop_class: str) -> None:
    """Inputs that do not belong together are refused for good."""
    with pytest.raises(ReportContentInvalid):
        build_report(content(analysed_sop_instance_uid=analysed), headers, sop_class)


@pytest.mark.parametrize("keyword", sorted(MINIMAL))
def test_header_without_a_uid_is_refused(keyword: str) -> None:
    """A header that cannot be referred to is refused, naming the element."""
    with pytest.raises(InstanceInvalid, match=keyword):
        build_report(content(), [received(**{keyword: None})])


def test_report_survives_dicom_json() -> None:
    """The report can be given as DICOM JSON, as DICOMweb does."""
    assert json.loads(built(headers=[received(AWFUL)]).to_json())


def test_warm_up_needs_nothing() -> None:
    """Warming up builds a report from nothing, at any time."""
    warm_up()


def test_created_at_of_another_zone_is_the_same_instant() -> None:
    """The zone of created_at chooses the wall clock, not the instant."""
    moved = content(created_at=datetime(2024, 1, 2, 11, 30, 45, 123456, tzinfo=UTC))
    sr = built(moved, [received(TimezoneOffsetFromUTC=b"+0100")])
    assert (sr.ContentDate, sr.ContentTime) == ("20240102", "123045.123456")
