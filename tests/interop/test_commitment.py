"""Storage commitment and C-FIND with Orthanc and DCMTK on the other side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment import STORAGE_COMMITMENT
from dicom_gateway.storage_scu import send_files
from dicom_gateway.verification import accepted_sop_classes
from dicom_gateway.verification_find import STUDY_ROOT_FIND
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import write_xray
from tests.interop.conftest import free_port
from tests.interop.test_dcmtk_pacs import archive_config
from tests.interop.test_orthanc import Orthanc, start_orthanc

Peer = Callable[..., Path]
_QUICK = {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5", "CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.2"}


@contextmanager
def serving(data: Path, ours: int, pacs: str) -> Iterator[Destination]:
    """Run the service on a port of ours with one PACS; gives it as a destination of images."""
    with ServiceProcess(data, ["--dicom-port", str(ours), "--pacs", pacs], _QUICK) as service:
        host, port = service.wait_until_listening()
        yield Destination("service", "CXR_TRIAGE", host, port, "MODALITY")


def states(data: Path) -> list[str]:
    """Give the states of all deliveries."""
    return [row["state"] for row in CommandLine(data).json("deliveries", "list")]


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Orthanc's HTTP and DICOM ports, and ours."""
    return free_port(), free_port(), free_port()


@pytest.fixture
def orthanc(peer: Peer, ports: tuple[int, int, int], tmp_path: Path) -> Orthanc:
    """Orthanc, which knows us as a modality."""
    return start_orthanc(peer, ports, tmp_path)


def test_orthanc_commits_our_report(orthanc: Orthanc, ports: tuple[int, int, int], tmp_path: Path) -> None:
    """Our N-ACTION is answered by Orthanc on an association of its own to our listener."""
    with serving(tmp_path / "data", ports[2], f"ORTHANC@127.0.0.1:{ports[1]}") as service:
        image = write_xray(tmp_path)
        (outcome,) = send_files(service, [image])
        assert outcome.is_stored
        wait_until(lambda: states(tmp_path / "data") == ["COMMITTED"], "Orthanc's commitment")
    assert [dcm["MainDicomTags"]["Modality"] for dcm in orthanc.get("/series?expand")] == ["SR"]


def test_we_commit_what_orthanc_sent_us(orthanc: Orthanc, ports: tuple[int, int, int], tmp_path: Path) -> None:
    """Orthanc as SCU: what it sent us is committed, what it did not is not, told on an association of our own to it."""
    with serving(tmp_path / "data", ports[2], f"ORTHANC@127.0.0.1:{ports[1]}"):
        image = write_xray(tmp_path)
        header = dcmread(image, stop_before_pixels=True)
        stored = orthanc.post("/instances", image.read_bytes())
        assert orthanc.post("/modalities/triage/store", stored["ID"].encode())["FailedInstancesCount"] == 0
        kept = [str(header.SOPClassUID), str(header.SOPInstanceUID)]
        assert commitment_of(orthanc, [kept])["Status"] == "Success"
        answer = commitment_of(orthanc, [kept, [kept[0], "1.2.3.4"]])
        assert answer["Status"] == "Failure"
        assert [found["SOPInstanceUID"] for found in answer["Success"]] == [kept[1]]
        assert [(found["SOPInstanceUID"], found["FailureReason"]) for found in answer["Failures"]] == [
            ("1.2.3.4", 0x0112)
        ]


def commitment_of(orthanc: Orthanc, instances: list[list[str]]) -> Any:
    """Let Orthanc ask us, and wait for what it was told."""
    asked = orthanc.post_json("/modalities/triage/storage-commitment", {"DicomInstances": instances, "Timeout": 30})
    path = asked["Path"]
    wait_until(lambda: orthanc.get(path)["Status"] != "Pending", "our answer to Orthanc")
    return orthanc.get(path)


def test_dcmqrscp_has_no_commitment_and_our_report_is_verified_in_it(peer: Peer, tmp_path: Path) -> None:
    """DCMTK's archive offers C-FIND alone: the report is found there, and the delivery is VERIFIED."""
    port, folder, config = free_port(), tmp_path / "archive", tmp_path / "dcmqrscp.cfg"
    folder.mkdir()
    config.write_text(archive_config(port, folder))
    peer(port, "dcmqrscp", "-c", config)
    archive = Destination("archive", "ARCHIVE", "127.0.0.1", port, "CXR_TRIAGE")
    assert accepted_sop_classes(archive, [STORAGE_COMMITMENT, STUDY_ROOT_FIND]) == (STUDY_ROOT_FIND,)
    with serving(tmp_path / "data", 0, f"ARCHIVE@127.0.0.1:{port}") as service:
        (outcome,) = send_files(service, [write_xray(tmp_path)])
        assert outcome.is_stored
        wait_until(lambda: states(tmp_path / "data") == ["VERIFIED"], "the report in the archive")


def test_storescp_has_neither_and_our_report_stays_sent(peer: Peer, tmp_path: Path) -> None:
    """DCMTK's storescp takes everything and can be asked nothing: SENT, with the reason."""
    port, folder = free_port(), tmp_path / "arrived"
    folder.mkdir()
    peer(port, "storescp", "-aet", "PACS", "-od", folder, str(port))
    with serving(tmp_path / "data", 0, f"PACS@127.0.0.1:{port}") as service:
        (outcome,) = send_files(service, [write_xray(tmp_path)])
        assert outcome.is_stored
        command = CommandLine(tmp_path / "data")
        wait_until(lambda: reasons(command) == ["it offers neither storage commitment nor C-FIND"], "the reason")
        assert states(tmp_path / "data") == ["SENT"]


def reasons(command: CommandLine) -> list[str | None]:
    """Give what is known of each delivery's safe-keeping."""
    return [row["confirmation"] for row in command.json("deliveries", "list")]
