"""DCMTK as the PACS that reports go to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.storage_scu import send_files
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import write_xray
from tests.interop.conftest import free_port, run_tool

Peer = Callable[..., Path]

_ARCHIVE = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
ours = (CXR_TRIAGE, 127.0.0.1, 104)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE {folder} RW (200, 1024mb) ANY
AETable END
"""


def archive_config(port: int, folder: Path) -> str:
    """Write the settings of a dcmqrscp that keeps what it gets in a folder."""
    return _ARCHIVE.format(port=port, folder=folder)


@pytest.fixture
def reporting_to(tmp_path: Path) -> Iterator[Callable[[str, int], Destination]]:
    """Start the service with one PACS; gives the service as a destination of images."""
    running: list[ServiceProcess] = []

    def start(ae_title: str, port: int) -> Destination:
        options = ["--dicom-port", "0", "--pacs", f"{ae_title}@127.0.0.1:{port}"]
        service = ServiceProcess(tmp_path / "data", options, {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5"})
        running.append(service)
        service.start()
        host, listening = service.wait_until_listening()
        return Destination("service", "CXR_TRIAGE", host, listening, "MODALITY")

    yield start
    for service in running:
        service.stop()


def test_a_report_arrives_at_storescp(
    peer: Peer, reporting_to: Callable[[str, int], Destination], tmp_path: Path
) -> None:
    """Storescp, as a PACS that says yes to everything, holds one report on the study that was sent."""
    port, folder = free_port(), tmp_path / "arrived"
    folder.mkdir()
    peer(port, "storescp", "-aet", "PACS", "-od", folder, str(port))
    image = write_xray(tmp_path)
    (outcome,) = send_files(reporting_to("PACS", port), [image])
    assert outcome.is_stored
    command = CommandLine(tmp_path / "data")
    wait_until(lambda: command.json("status")["deliveries"]["SENT"] == 1, "storescp's answer")
    (report,) = folder.glob("SR*")
    assert dcmread(report).StudyInstanceUID == dcmread(image).StudyInstanceUID
    assert "Suspected" in run_tool("dsrdump", report)


def test_a_report_is_found_in_dcmqrscp_by_query(
    peer: Peer, reporting_to: Callable[[str, int], Destination], tmp_path: Path
) -> None:
    """Dcmqrscp indexes the report, and gives it back to a C-FIND of its study."""
    port, folder, config = free_port(), tmp_path / "archive", tmp_path / "dcmqrscp.cfg"
    folder.mkdir()
    config.write_text(archive_config(port, folder))
    peer(port, "dcmqrscp", "-c", config)
    image = write_xray(tmp_path)
    (outcome,) = send_files(reporting_to("ARCHIVE", port), [image])
    assert outcome.is_stored
    study_uid = dcmread(image).StudyInstanceUID
    wanted = ("-k", "QueryRetrieveLevel=SERIES", "-k", f"StudyInstanceUID={study_uid}", "-k", "Modality")
    query = ("-S", "-aet", "CXR_TRIAGE", "-aec", "ARCHIVE", *wanted, "127.0.0.1", str(port))
    wait_until(lambda: "[SR]" in run_tool("findscu", *query), "an SR series in the archive")
