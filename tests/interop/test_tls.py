"""DCMTK and Orthanc by mutual TLS, in both directions."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from pydicom import dcmread

from admin.service_process import ServiceProcess
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import write_xray
from tests.authority import Authority, Issued
from tests.interop.conftest import free_port, run_tool, tool
from tests.interop.test_orthanc import Orthanc

Peer = Callable[..., Path]


@dataclass
class Site:
    """An authority, the certificates that it gave out, and the service that uses them."""

    folder: Path
    authority: Authority
    ours: Issued
    theirs: Issued
    service: ServiceProcess | None = None

    def start(self, ae_title: str, pacs_port: int, port: int = 0) -> int:
        """Start the service with a TLS port alone and one destination by TLS; gives the port."""
        destination = {
            "name": "pacs",
            "ae_title": ae_title,
            "host": "127.0.0.1",
            "port": pacs_port,
            "tls": {
                "ca": str(self.authority.file),
                "certificate": str(self.ours.certificate),
                "key": str(self.ours.key),
            },
        }
        environment = {
            "CXR_LISTENER__TLS__CERTIFICATE": str(self.ours.certificate),
            "CXR_LISTENER__TLS__KEY": str(self.ours.key),
            "CXR_LISTENER__TLS__CA": str(self.authority.file),
            "CXR_LISTENER__TLS__PORT": str(port),
            "CXR_DESTINATIONS": json.dumps([destination]),
            "CXR_READINESS__STUDY_QUIET_SECONDS": "0.5",
        }
        self.service = ServiceProcess(self.folder / "data", [], environment)
        self.service.start()
        return self.service.wait_until_listening()[1]

    def tls_words(self, shown: Issued | None = None) -> list[str | Path]:
        """Give DCMTK's options of TLS."""
        shown = self.theirs if shown is None else shown
        return ["+tls", shown.key, shown.certificate, "+cf", self.authority.file]

    def log(self) -> str:
        """Give what the service has logged."""
        assert self.service is not None
        return self.service.log_file.read_text()


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site with keys of one kind, RSA unless the test asks for another."""
    authority = Authority(tmp_path / "ca", getattr(request, "param", trustme.KeyType.RSA))
    made = Site(tmp_path, authority, authority.issue("ours"), authority.issue("theirs"))
    yield made
    if made.service is not None:
        made.service.stop()


def called(port: int) -> list[str]:
    """Name the service to a command of DCMTK."""
    return ["-aet", "MODALITY", "-aec", "CXR_TRIAGE", "127.0.0.1", str(port)]


@pytest.mark.parametrize("site", list(trustme.KeyType), indirect=True, ids=lambda kind: kind.name)
def test_dcmtk_sends_and_receives_by_mutual_tls(site: Site, peer: Peer, tmp_path: Path) -> None:
    """Echoscu, storescu with several associations at once, and storescp, which gets a report for each study."""
    pacs_port, folder = free_port(), tmp_path / "arrived"
    folder.mkdir()
    peer(pacs_port, "storescp", "-aet", "PACS", *site.tls_words(), "-od", folder, str(pacs_port))
    port = site.start("PACS", pacs_port)
    run_tool("echoscu", *site.tls_words(), *called(port))
    images = [write_xray(tmp_path / "images", study=number) for number in range(1, 5)]
    senders = [
        subprocess.Popen(
            [tool("storescu"), *map(str, site.tls_words()), *called(port), str(image)], stdin=subprocess.DEVNULL
        )
        for image in images
    ]
    assert [sender.wait(120) for sender in senders] == [0] * len(images)
    command = CommandLine(tmp_path / "data")
    wait_until(lambda: command.json("status")["deliveries"]["SENT"] == len(images), "storescp's answers")
    reports = [dcmread(report) for report in folder.glob("SR*")]
    assert {report.StudyInstanceUID for report in reports} == {dcmread(image).StudyInstanceUID for image in images}
    assert '"tls": true' in site.log()


def test_dcmtk_without_a_good_certificate_is_refused(site: Site, tmp_path: Path) -> None:
    """Anonymous, expired, another authority's, and no TLS at all: echoscu fails, the log says why, no traceback."""
    port = site.start("PACS", free_port())
    old = site.authority.issue("old", from_days=-9, to_days=-2)
    stranger = Authority(tmp_path / "stranger").issue("stranger")
    run_tool("echoscu", "+tla", "+cf", site.authority.file, *called(port), expect=1)
    for shown in (old, stranger):
        run_tool("echoscu", *site.tls_words(shown), *called(port), expect=1)
    run_tool("echoscu", *called(port), expect=1)
    run_tool("echoscu", *site.tls_words(), *called(port))
    log = site.log()
    for words in (
        "has shown no certificate",
        "certificate has expired",
        "certificate is refused",
        "plain bytes on the TLS",
    ):
        assert words in log, words
    assert "Traceback" not in log
    assert log.count('"event": "association_opened"') == 1


def test_orthanc_sends_and_receives_by_mutual_tls(site: Site, peer: Peer, tmp_path: Path) -> None:
    """A study goes from Orthanc to us, and the report arrives in it, all of it by TLS."""
    http, dicom, ours = free_port(), free_port(), free_port()
    folder = tmp_path / "orthanc"
    folder.mkdir()
    config = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [],
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomPort": dicom,
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(site.theirs.certificate),
        "DicomTlsPrivateKey": str(site.theirs.key),
        "DicomTlsTrustedCertificates": str(site.authority.file),
        "DicomModalities": {"triage": {"AET": "CXR_TRIAGE", "Host": "127.0.0.1", "Port": ours, "UseDicomTls": True}},
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(config))
    peer(http, "Orthanc", file)
    orthanc = Orthanc(http)
    site.start("ORTHANC", dicom, ours)
    study = orthanc.post("/instances", write_xray(tmp_path / "images").read_bytes())["ParentStudy"]
    orthanc.post("/modalities/triage/store", json.dumps(study).encode())
    wait_until(lambda: orthanc.modalities_of(study) == ["DX", "SR"], "the report in Orthanc")
    assert '"tls": true' in site.log()
