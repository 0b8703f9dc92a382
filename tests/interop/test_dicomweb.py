"""Orthanc with its DICOMweb plugin: it sends us a study by STOW-RS, and the report arrives in it by STOW-RS."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from admin.service_process import ServiceProcess
from tests.acceptance.conftest import wait_until
from tests.acceptance.xrays import write_xray
from tests.interop.conftest import free_port
from tests.interop.test_orthanc import Orthanc, Peer

#: Where Debian keeps it.
_PLUGINS = Path("/usr/share/orthanc/plugins")
_TOKEN = "0123456789abcdef-of-orthanc"  # noqa: S105 - of a test's sender


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Orthanc's HTTP port, that of our STOW-RS, and that of our listener."""
    return free_port(), free_port(), free_port()


@pytest.fixture
def orthanc(peer: Peer, ports: tuple[int, int, int], tmp_path: Path) -> Orthanc:
    """Orthanc, which knows us as the DICOMweb server "triage"."""
    plugins = list(_PLUGINS.glob("libOrthancDicomWeb.so*"))
    if not plugins:
        if os.environ.get("CI"):
            pytest.fail("orthanc-dicomweb is not installed; see tests/interop/packages")
        pytest.skip(
            "tests against other people's programs are left out: "
            "they need the Debian packages of tests/interop/packages"
        )
    folder = tmp_path / "orthanc"
    folder.mkdir()
    ours = {
        "Url": f"http://127.0.0.1:{ports[1]}/dicomweb/",
        "HttpHeaders": {"Authorization": f"Bearer {_TOKEN}"},
    }
    config = {
        "Name": "interop",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [str(plugins[0])],
        "HttpPort": ports[0],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": {"triage": ours}},
        "UserMetadata": {},
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(config))
    peer(ports[0], "Orthanc", file)
    return Orthanc(ports[0])


@pytest.fixture
def service(tmp_path: Path, orthanc: Orthanc, ports: tuple[int, int, int]) -> Any:
    """The service, which takes images by STOW-RS, and whose only destination is Orthanc's STOW-RS."""
    del orthanc
    http, stow, dicom = ports
    destination = {"name": "orthanc", "url": f"http://127.0.0.1:{http}/dicom-web"}
    environment = {
        "CXR_READINESS__STUDY_QUIET_SECONDS": "0.5",
        "CXR_DICOMWEB__ENABLED": "true",
        "CXR_DICOMWEB__PORT": str(stow),
        "CXR_DICOMWEB__BEARER_TOKEN": _TOKEN,
        "CXR_DICOMWEB_DESTINATIONS": json.dumps([destination]),
    }
    with ServiceProcess(tmp_path / "data", ["--dicom-port", str(dicom)], environment) as running:
        running.wait_until_listening()
        published = tmp_path / "data" / "run" / "dicomweb.json"
        wait_until(published.is_file, "STOW-RS to be offered")
        yield running


@pytest.mark.usefixtures("service")
def test_a_study_goes_to_us_and_its_report_to_orthanc_by_http_alone(orthanc: Orthanc, tmp_path: Path) -> None:
    """Orthanc's plugin sends the study to our STOW-RS, and holds our SR, sent to its own, in the same study."""
    stored = orthanc.post("/instances", write_xray(tmp_path).read_bytes())
    study = stored["ParentStudy"]
    orthanc.post_json("/dicom-web/servers/triage/stow", {"Resources": [study], "Synchronous": True})
    wait_until(lambda: orthanc.modalities_of(study) == ["DX", "SR"], "the report in Orthanc's study")
