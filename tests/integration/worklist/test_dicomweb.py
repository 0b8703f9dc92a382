"""STOW-RS in: the real application over the real store and database, and over a real socket."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from config.dicomweb import DicomwebSettings
from config.load import load_settings
from config.settings import Settings
from db import instances, studies
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.raw_peer import data_set_of
from dicom_gateway.reception import ReceivedInstance
from dicom_gateway.report import BASIC_TEXT_SR
from dicom_gateway.room import Level, Room
from dicom_gateway.stow_reception import StowReception
from domain.errors import ConfigurationInvalid, StoreUnavailable
from domain.water_marks import WaterMarks
from tests.authority import Authority
from tests.integration.gateway.instances import UIDS, as_file, encoded, image
from tests.integration.worklist.stow import AUTHORISED, CONTENT_TYPE, TOKEN, body, stow_server, stow_settings
from worker.intake import Intake
from worker.stow_receiving import stow_config
from worklist.dicomweb import make_dicomweb_app

PATH = "/dicomweb/studies"


class Site:
    """The application and what stands behind it; a test may replace what it is made of."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = InstanceStore(settings.service.data_dir)
        self.engine = make_engine(settings.database_url)
        self.intake = Intake(self.engine)
        self.commit = self.intake.on_instance
        self.level = Level(10**12, 0)

    def client(self, **changes: object) -> TestClient:
        """Give a sender that has the token; `changes` are those of the settings."""
        dicomweb = self.settings.dicomweb.model_copy(update=changes)
        settings = self.settings.model_copy(update={"dicomweb": dicomweb})
        reception = StowReception(
            stow_config(settings),
            self.store,
            Room(WaterMarks(0, 1000, 1000, 10, 10), lambda: self.level),
            self.commit,
            on_open=self.intake.on_association_open,
            on_closed=self.intake.on_association_closed,
        )
        client = TestClient(make_dicomweb_app(reception, dicomweb))
        client.headers = AUTHORISED | {"Content-Type": CONTENT_TYPE}
        return client

    def half_received(self) -> list[Path]:
        """List what is left of requests that were not kept."""
        return list(self.store.incoming.glob("*.part"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty site."""
    made = Site(stow_settings(tmp_path / "data"))
    yield made
    made.engine.dispose()


def failures(answer: httpx.Response, sequence: str = "00081198") -> list[int]:
    """Give the Failure Reason (0008,1197) of each failed instance."""
    return [item["00081197"]["Value"][0] for item in answer.json()[sequence]["Value"]]


def test_success_is_answered_for_an_instance_that_is_kept(site: Site) -> None:
    """200 with the instance's UIDs: its row is committed, its data set is on disk as it was sent."""
    sent = image(ImplicitVRLittleEndian)
    answer = site.client().post(PATH, content=body(as_file(sent)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081155"]["Value"] == [UIDS.sop_instance]
    study = studies.find(site.engine, UIDS.study)
    assert study is not None
    (row,) = instances.newest_of_study(site.engine, study.id)
    assert data_set_of(site.store.path_of(row.relative_path)) == encoded(sent)
    assert site.store.verify(row.relative_path, row.sha256, row.size_bytes)
    assert row.transfer_syntax_uid == ImplicitVRLittleEndian
    assert site.half_received() == []


def test_the_row_is_committed_before_success(site: Site) -> None:
    """A database that is away is A700 for each instance, 503 for the request; there is no row."""

    def fail(received: ReceivedInstance) -> None:
        assert site.store.path_of(received.relative_path).is_file()
        raise StoreUnavailable

    site.commit = fail
    answer = site.client().post(PATH, content=body(as_file(image())))
    assert (answer.status_code, failures(answer)) == (503, [0xA700])
    assert answer.headers["retry-after"]
    assert studies.find(site.engine, UIDS.study) is None


def test_without_room_nothing_is_written(site: Site) -> None:
    """Below the water mark A700, as with C-STORE, before a byte is on disk."""
    site.level = Level(10, 0)
    answer = site.client().post(PATH, content=body(as_file(image())))
    assert (answer.status_code, failures(answer)) == (503, [0xA700])
    assert list(site.store.instances.iterdir()) == []
    assert site.half_received() == []


def test_each_part_has_its_own_answer(site: Site) -> None:
    """202: what can be kept is kept, and each of the others says why not."""
    report, deflated, liar = image(), image(SOPInstanceUID="1.2.3.3"), image(SOPInstanceUID="1.2.3.4")
    report.file_meta.MediaStorageSOPClassUID, report.file_meta.MediaStorageSOPInstanceUID = BASIC_TEXT_SR, "1.2.3.2"
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    liar.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    answer = site.client().post(
        PATH, content=body(*map(as_file, (image(), report, deflated, liar)), b"no DICOM", as_file(image())[:-20])
    )
    assert answer.status_code == 202
    assert failures(answer) == [0x0122, 0xC122, 0xA900, 0xC000]
    assert failures(answer, "0008119A") == [0xC000]
    assert len(answer.json()["00081199"]["Value"]) == 1


def test_nothing_kept_is_a_conflict(site: Site) -> None:
    """409 where sending again cannot help."""
    answer = site.client().post(PATH, content=body(b"no DICOM at all"))
    assert (answer.status_code, failures(answer, "0008119A")) == (409, [0xC000])


def test_an_address_with_a_study_takes_that_study_alone(site: Site) -> None:
    """Another study's instance is refused, and not kept."""
    client = site.client()
    assert client.post(f"{PATH}/1.2.3", content=body(as_file(image()))).status_code == 409
    assert studies.find(site.engine, UIDS.study) is None
    assert client.post(f"{PATH}/{UIDS.study}", content=body(as_file(image()))).status_code == 200
    assert client.post(f"{PATH}/not-a-uid", content=body(as_file(image()))).status_code == 400


def test_sent_again_it_is_stored_once(site: Site) -> None:
    """A sender that heard nothing sends again, by STOW-RS too."""
    client = site.client()
    for _ in range(2):
        assert client.post(PATH, content=body(as_file(image()))).status_code == 200
    assert len(list(site.store.instances.rglob("*.dcm"))) == 1


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_read(site: Site, header: str | None) -> None:
    """401 says how; the body is not looked at, and the token that was tried is not logged."""
    client = site.client()
    del client.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header}
    with capture_logs() as logs:
        answer = client.post(PATH, content=body(as_file(image())), headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert studies.find(site.engine, UIDS.study) is None
    assert TOKEN not in str(logs)


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "application/dicom"}, b"x", 415),
        ({"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=edge'}, b"x", 415),
        ({"Content-Type": 'multipart/related; type="application/dicom"'}, b"x", 400),
        ({"Accept": "text/html"}, body(b"x"), 406),
        ({}, b"--edge\r\n", 400),
        ({}, body(b"x")[:-8], 400),
        ({}, b"--edge--\r\n", 400),
        ({}, body(*[b"x"] * 4), 400),
        ({}, body(b"x" * 1_000_001), 413),
    ],
    ids=["single", "json", "no boundary", "html", "half a part", "no end", "no part", "many parts", "large"],
)
def test_what_is_no_stow_request_is_told_so(site: Site, headers: dict[str, str], content: bytes, status: int) -> None:
    """Each kind of wrong request has its status, and leaves nothing behind."""
    client = site.client(maximum_parts=3, maximum_request_megabytes=1)
    assert client.post(PATH, content=content, headers=headers).status_code == status
    assert site.half_received() == []


def test_a_request_without_length_is_held_to_the_same_size(site: Site) -> None:
    """Chunks are counted as they come."""
    client = site.client(maximum_request_megabytes=1)
    pieces = (b"x" * 100_000 for _ in range(12))
    assert client.post(PATH, content=pieces).status_code == 413


def test_what_was_complete_before_a_broken_part_is_kept(site: Site) -> None:
    """400 acknowledges nothing, and loses nothing: sent again, it is the same instance."""
    whole = body(as_file(image()), as_file(image(SOPInstanceUID="1.2.3.9")))
    assert site.client().post(PATH, content=whole[:-200]).status_code == 400
    assert len(list(site.store.instances.rglob("*.dcm"))) == 1
    assert site.half_received() == []


def test_xml_is_answered_to_who_asks_for_it(site: Site) -> None:
    """The native DICOM model (PS3.19 Annex A) says the same."""
    answer = site.client().post(PATH, content=body(as_file(image()), b"x"), headers={"Accept": "application/dicom+xml"})
    assert answer.headers["content-type"] == "application/dicom+xml"
    root = ET.fromstring(answer.content)  # noqa: S314 - our own answer
    values = {one.get("keyword"): one.findtext("Value") for one in root.iter("DicomAttribute")}
    assert values["ReferencedSOPInstanceUID"] == UIDS.sop_instance
    assert values["FailureReason"] == str(0xC000)


def test_only_storing_is_offered(site: Site) -> None:
    """No image can be fetched, and nothing else is there."""
    client = site.client()
    assert client.get(PATH).status_code == 405
    assert client.get("/").status_code == 404
    assert client.get(PATH).headers["x-content-type-options"] == "nosniff"


def test_a_sender_that_trickles_is_given_up(tmp_path: Path) -> None:
    """A body that stops coming is answered with 408, and what came of it is deleted."""
    settings = stow_settings(tmp_path / "data", idle_seconds=0.3)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    with stow_server(settings) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            slow.sendall(head.encode() + body(as_file(image()))[:900])
            assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert list((settings.service.data_dir / "incoming").glob("*.part")) == []


def test_headers_that_never_end_close_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is not held by who never asks."""
    monkeypatch.setattr("worklist.web_server._HEADER_SECONDS", 0.3)
    with stow_server(stow_settings(tmp_path / "data")) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            slow.sendall(b"POST /dicomweb/studies HTTP/1.1\r\nHost: ")
            assert slow.recv(4096) == b""


def test_by_tls_a_certificate_is_enough_and_needed(tmp_path: Path) -> None:
    """With client_ca and no token, who shows a certificate of theirs is heard, and nobody else."""
    authority = Authority(tmp_path / "tls")
    ours, theirs = authority.issue("server"), authority.issue("client")
    settings = stow_settings(
        tmp_path / "data",
        bearer_token="",
        client_ca=str(authority.file),
        tls_certificate=str(ours.certificate),
        tls_key=str(ours.key),
    )
    known, unknown = (ssl.create_default_context(cafile=authority.file) for _ in range(2))
    known.load_cert_chain(theirs.certificate, theirs.key)
    with stow_server(settings) as address:
        assert address.startswith("https://")
        headers = {"Content-Type": CONTENT_TYPE}
        answer = httpx.post(address + PATH, content=body(as_file(image())), headers=headers, verify=known)
        assert answer.status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.post(address + PATH, content=body(as_file(image())), headers=headers, verify=unknown)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bearer_token": ""}, "anybody could send images"),
        ({"bearer_token": "short"}, "16 characters"),
        ({"host": "192.0.2.1"}, "reached from other machines"),
        ({"client_ca": __file__}, "client_ca needs tls_certificate"),
        ({"client_ca": "nowhere.pem"}, "there is no file"),
    ],
)
def test_it_is_not_offered_unsafely(changes: dict[str, str], words: str) -> None:
    """Nobody sends without showing who they are, and no token crosses a network in the clear."""
    with pytest.raises(ConfigurationInvalid, match=words):
        load_settings(None, {"dicomweb": {"enabled": True, "bearer_token": TOKEN, **changes}})


def test_it_is_off_as_delivered() -> None:
    """Whoever wants it says so."""
    defaults: DicomwebSettings = load_settings().dicomweb
    assert not defaults.enabled
    assert defaults.is_loopback
