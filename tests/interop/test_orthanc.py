"""Orthanc as the PACS: it sends us a study, and the report arrives in it."""

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from admin.service_process import ServiceProcess
from tests.acceptance.conftest import wait_until
from tests.acceptance.xrays import write_xray
from tests.interop.conftest import free_port

Peer = Callable[..., Path]


class Orthanc:
    """Orthanc's REST API on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> Any:
        """GET, as JSON."""
        return self._ask("GET", path)

    def post(self, path: str, body: bytes) -> Any:
        """POST, as JSON."""
        return self._ask("POST", path, body)

    def post_json(self, path: str, body: Any) -> Any:
        """POST JSON, as JSON."""
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == http.HTTPStatus.OK, f"{method} {path}: {answer.status} {said[:500]!r}"
            return json.loads(said)

    def modalities_of(self, study: str) -> list[str]:
        """List the modality of each series of a study."""
        series = self.get(f"/studies/{study}")["Series"]
        return sorted(self.get(f"/series/{one}")["MainDicomTags"]["Modality"] for one in series)


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Orthanc's HTTP and DICOM ports, and ours."""
    return free_port(), free_port(), free_port()


@pytest.fixture
def orthanc(peer: Peer, ports: tuple[int, int, int], tmp_path: Path) -> Orthanc:
    """Orthanc, which knows us as a modality."""
    return start_orthanc(peer, ports, tmp_path)


def start_orthanc(peer: Peer, ports: tuple[int, int, int], tmp_path: Path) -> Orthanc:
    """Start Orthanc with SQLite in a folder of its own; it knows us as the modality "triage"."""
    http, dicom, ours = ports
    folder = tmp_path / "orthanc"
    folder.mkdir()
    config = {
        "Name": "interop",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [],
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomPort": dicom,
        "DicomCheckCalledAet": True,
        "DicomModalities": {"triage": ["CXR_TRIAGE", "127.0.0.1", ours]},
        "UserMetadata": {},
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(config))
    peer(http, "Orthanc", file)
    return Orthanc(http)


@pytest.fixture
def service(tmp_path: Path, orthanc: Orthanc, ports: tuple[int, int, int]) -> Any:
    """The service, whose PACS is Orthanc."""
    options = ["--dicom-port", str(ports[2]), "--pacs", f"ORTHANC@127.0.0.1:{ports[1]}"]
    with ServiceProcess(tmp_path / "data", options, {"CXR_READINESS__STUDY_QUIET_SECONDS": "0.5"}) as running:
        running.wait_until_listening()
        yield running


@pytest.mark.usefixtures("service")
def test_a_study_sent_from_orthanc_gets_its_report_in_orthanc(orthanc: Orthanc, tmp_path: Path) -> None:
    """Orthanc stores a study, sends it to us by its REST API, and holds our SR in the same study."""
    image = write_xray(tmp_path)
    stored = orthanc.post("/instances", image.read_bytes())
    study = stored["ParentStudy"]
    sent = orthanc.post("/modalities/triage/store", study.encode())
    assert sent["FailedInstancesCount"] == 0
    wait_until(lambda: orthanc.modalities_of(study) == ["DX", "SR"], "the report in Orthanc's study")
    tags = orthanc.get(f"/studies/{study}")["MainDicomTags"]
    assert tags["StudyInstanceUID"] == dcmread(image).StudyInstanceUID
