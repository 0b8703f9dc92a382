"""One instance to a DICOMweb server that answers as it is told, over real HTTP."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.report import BASIC_TEXT_SR
from dicom_gateway.stow_scu import WebDestination, check, store
from dicom_gateway.tls import ClientTls
from domain.errors import PeerBusy, PeerUnavailable, Rejected, ReportRefused
from tests.authority import Authority
from tests.integration.gateway.instances import report
from tests.integration.gateway.scripted_stow import Scripted, ScriptedServer

TOKEN = "a-token-of-a-test"  # noqa: S105 - of a test's server
UID = "1.2.826.0.9.1"
INSTANCE = report(BASIC_TEXT_SR, UID)


@pytest.fixture
def script() -> Scripted:
    """What the server answers."""
    return Scripted(token=TOKEN)


@pytest.fixture
def server(script: Scripted) -> Iterator[WebDestination]:
    """The server, as it is reached."""
    with ScriptedServer(script) as running:
        yield destination(running.url)


def destination(url: str, token: str = TOKEN, tls: ClientTls | None = None) -> WebDestination:
    """Give the way to a server."""
    return WebDestination("archive", url, token, 20.0, 20.0, tls)


def test_an_instance_is_stored_once_under_studies(server: WebDestination, script: Scripted) -> None:
    """200 without a payload is success."""
    assert store(server, INSTANCE) == 0
    assert [received.SOPInstanceUID for received in script.received] == [UID]
    assert script.paths == ["/dicom-web/studies"]


@pytest.mark.parametrize(("http", "reason"), [(409, 0xA900), (202, 0x0122), (200, 0xC000), (409, 0x0124)])
def test_an_instance_that_failed_is_refused(server: WebDestination, script: Scripted, http: int, reason: int) -> None:
    """Failed SOP Sequence decides, whatever the status of HTTP."""
    script.status = http
    script.failed(reason)
    with pytest.raises(ReportRefused) as refused:
        store(server, INSTANCE)
    assert refused.value.status == reason


@pytest.mark.parametrize(("http", "reason"), [(409, 0xA700), (503, 0xA700), (202, 0x0110)])
def test_a_server_out_of_resources_is_busy(server: WebDestination, script: Scripted, http: int, reason: int) -> None:
    """It may have room later."""
    script.status = http
    script.failed(reason)
    with pytest.raises(PeerBusy) as busy:
        store(server, INSTANCE)
    assert busy.value.status == reason


@pytest.mark.parametrize("http", [500, 502, 503, 429, 403, 302, 307, 202])
def test_what_may_pass_is_told_apart(server: WebDestination, script: Scripted, http: int) -> None:
    """Also an answer that does not say whether the report is stored; asked once, and no redirect is followed."""
    script.status = http
    with pytest.raises(PeerUnavailable):
        store(server, INSTANCE)
    assert len(script.received) == 1


@pytest.mark.parametrize("http", [400, 404, 409, 413, 415])
def test_a_request_that_is_not_understood_is_rejected(server: WebDestination, script: Scripted, http: int) -> None:
    """The status is told."""
    script.status = http
    with pytest.raises(Rejected, match=f"HTTP {http}"):
        store(server, INSTANCE)


def test_a_wrong_token_may_be_mended(server: WebDestination, script: Scripted) -> None:
    """401 is no fault of the report."""
    script.token = "another"  # noqa: S105 - of a test's server
    with pytest.raises(PeerUnavailable, match="401") as error:
        store(server, INSTANCE)
    assert TOKEN not in str(error.value) + repr(server)


def test_a_duplicate_is_there_already(server: WebDestination, script: Scripted) -> None:
    """Under a derived UID it is the same report."""
    script.status = 409
    script.failed(0x0111)
    assert store(server, INSTANCE) == 0x0111


@pytest.mark.parametrize("content_type", ["application/dicom+json", "application/dicom+json; charset=utf-8"])
def test_a_warning_is_given_back(server: WebDestination, script: Scripted, content_type: str) -> None:
    """202 with the report among what is stored; with a media type, too, that dicomweb-client does not read."""
    item = {"00081155": {"vr": "UI", "Value": [UID]}, "00081196": {"vr": "US", "Value": [0xB000]}}
    script.status, script.content_type = 202, content_type
    script.payload = {"00081199": {"vr": "SQ", "Value": [item]}}
    assert store(server, INSTANCE) == 0xB000


def test_nobody_there_is_unavailable() -> None:
    """A server that is down."""
    with ScriptedServer(Scripted()) as gone:
        pass
    with pytest.raises(PeerUnavailable):
        store(destination(gone.url), INSTANCE)


def test_by_tls_only_the_named_authority_is_believed(script: Scripted, tmp_path: Path) -> None:
    """A server whose certificate another authority signed gets no report, and no token."""
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    issued = authority.issue("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    with ScriptedServer(script, context) as running:
        for wrong in (ClientTls(authorities=other.file), ClientTls(authorities=authority.file, server_name="else")):
            with pytest.raises(PeerUnavailable):
                store(destination(running.url, tls=wrong), INSTANCE)
        assert script.paths == []
        assert store(destination(running.url, tls=ClientTls(authorities=authority.file)), INSTANCE) == 0


def test_a_check_asks_for_nothing_of_anybody(server: WebDestination, script: Scripted) -> None:
    """It tells a server with QIDO-RS from one without, and a wrong token from both."""
    script.status = 204
    assert "answers QIDO-RS" in check(server)
    script.status = 404
    assert "without QIDO-RS" in check(server)
    assert all(path.startswith("/dicom-web/studies?") and "StudyInstanceUID=2.25." in path for path in script.paths)
    script.token = "another"  # noqa: S105 - of a test's server
    with pytest.raises(PeerUnavailable, match="401"):
        check(server)
