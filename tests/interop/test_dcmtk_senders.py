"""DCMTK as modality and PACS that send to us."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom import uid as uids

from admin.service_process import ServiceProcess
from config.load import load_settings
from db import instances, results, studies
from dicom_gateway.simulated_pacs import SimulatedPacs
from domain.finding import Assessment
from domain.study import StudyStatus
from tests.acceptance.conftest import wait_until
from tests.acceptance.xrays import write_xray
from tests.interop.conftest import run_tool, tool
from worker.bootstrap import Collaborators

Shared = tuple[ServiceProcess, SimulatedPacs]

#: PS3.5 A: what each is, how DCMTK makes it from explicit VR little endian, and how its storescu proposes it.
_SYNTAXES: dict[str, tuple[str, Sequence[str], str]] = {
    uids.ImplicitVRLittleEndian: ("dcmconv", ("+ti",), "-xi"),
    uids.ExplicitVRLittleEndian: ("dcmconv", ("+te",), "-xe"),
    uids.ExplicitVRBigEndian: ("dcmconv", ("+tb",), "-xb"),
    uids.RLELossless: ("dcmcrle", (), "-xr"),
    uids.JPEGBaseline8Bit: ("dcmcjpeg", ("+eb",), "-xy"),
    uids.JPEGLosslessSV1: ("dcmcjpeg", ("+e1",), "-xs"),
    uids.JPEGLSLossless: ("dcmcjpls", ("+el",), "-xt"),
    uids.JPEGLSNearLossless: ("dcmcjpls", ("+en",), "-xu"),
}


@dataclass(frozen=True)
class Called:
    """The service, as DCMTK's commands name it."""

    host: str
    port: int

    def words(self, *options: str) -> list[str]:
        """Give the options of every SCU, then host and port."""
        return ["-aet", "MODALITY", "-aec", "CXR_TRIAGE", *options, self.host, str(self.port)]


@pytest.fixture
def called(shared_service: Shared) -> Called:
    """Where the service listens."""
    return Called(*shared_service[0].wait_until_listening())


@pytest.fixture
def collaborators(shared_service: Shared) -> Collaborators:
    """The service's database and store."""
    return Collaborators(load_settings(None, {"service": {"data_dir": shared_service[0].data_dir}}))


def assessments(collaborators: Collaborators) -> dict[str, Assessment]:
    """Give what was said last of each study that is REPORTED, by its UID."""
    engine = collaborators.engine
    found = studies.listed(engine, StudyStatus.REPORTED, limit=1000)
    return {study.study_instance_uid: results.of_study(engine, study.id)[-1].assessment for study in found}


def wait_for(collaborators: Collaborators, *study_uids: str) -> list[Assessment]:
    """Wait until studies are REPORTED, and give what was said of them."""
    wait_until(lambda: set(study_uids) <= set(assessments(collaborators)), f"{study_uids} REPORTED")
    return [assessments(collaborators)[study_uid] for study_uid in study_uids]


def test_echoscu_is_answered(called: Called) -> None:
    """C-ECHO by DCMTK's echoscu succeeds."""
    run_tool("echoscu", *called.words())


def test_a_wrong_called_title_is_rejected_with_the_standards_reason(called: Called) -> None:
    """Echoscu prints the reason that it was given: called AE title not recognised."""
    said = run_tool("echoscu", "-aec", "NOBODY", called.host, str(called.port), expect=1)
    assert "Called AE Title Not Recognized" in said


@pytest.mark.parametrize(
    "number_and_syntax", list(enumerate(_SYNTAXES, start=1)), ids=lambda pair: uids.UID(pair[1]).name
)
def test_storescu_in_each_transfer_syntax(
    called: Called, collaborators: Collaborators, tmp_path: Path, number_and_syntax: tuple[int, str]
) -> None:
    """DCMTK encodes and sends; it is stored in that syntax, value for value, scored, and reported."""
    number, syntax = number_and_syntax
    encoder, options, proposal = _SYNTAXES[syntax]
    plain, encoded = write_xray(tmp_path, study=number), tmp_path / "encoded.dcm"
    run_tool(encoder, *options, "--uid-never" if encoder == "dcmcjpeg" else "-q", plain, encoded)
    run_tool("storescu", "-R", proposal, *called.words(), encoded)
    sent = dcmread(encoded)
    assert sent.file_meta.TransferSyntaxUID == syntax
    assert wait_for(collaborators, sent.StudyInstanceUID) == [Assessment.SUSPECTED]
    study = studies.find(collaborators.engine, sent.StudyInstanceUID)
    assert study is not None
    (row,) = instances.newest_of_study(collaborators.engine, study.id)
    stored = dcmread(collaborators.store.path_of(row.relative_path))
    assert (stored.file_meta.TransferSyntaxUID, stored) == (syntax, sent)


def test_several_storescu_at_once(called: Called, collaborators: Collaborators, tmp_path: Path) -> None:
    """Eight associations at the same time, three images each: all are acknowledged and all reported."""
    numbers = range(101, 109)
    senders = [
        subprocess.Popen(
            [tool("storescu"), *called.words(), *(str(write_xray(tmp_path, study=n, number=i)) for i in (1, 2, 3))],
            stdin=subprocess.DEVNULL,
        )
        for n in numbers
    ]
    assert [sender.wait(120) for sender in senders] == [0] * len(senders)
    uids_sent = [f"1.2.826.0.1.3680043.10.1.{n}" for n in numbers]
    assert wait_for(collaborators, *uids_sent) == [Assessment.SUSPECTED] * len(senders)


def test_dcmsend_of_a_folder(called: Called, collaborators: Collaborators, tmp_path: Path) -> None:
    """Dcmsend sends all that lies in a folder, studies mixed, and reports no failure."""
    folder = tmp_path / "folder"
    for number in (201, 202, 203):
        write_xray(folder, study=number, number=1)
        write_xray(folder, study=number, number=2, view="LL")
    run_tool("dcmsend", *called.words(), "+sd", folder)
    uids_sent = [f"1.2.826.0.1.3680043.10.1.{n}" for n in (201, 202, 203)]
    assert wait_for(collaborators, *uids_sent) == [Assessment.SUSPECTED] * 3
