"""TLS on a real socket: who gets in, what the log says of the others, and that nobody waits for them."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dicom_gateway import tls
from dicom_gateway.association_policy import AssociationPolicy, PeerProfile
from dicom_gateway.association_scu import Destination
from dicom_gateway.raw_peer import RawPeer, association_request
from dicom_gateway.storage_scu import send_files
from dicom_gateway.tls import ClientTls, ServerTls
from dicom_gateway.verification import echo
from domain.errors import ConfigurationInvalid, PeerUnavailable
from tests.authority import Authority, Issued
from tests.integration.gateway.conftest import Station, wait_for_threads
from tests.integration.gateway.instances import write_image

Stations = Callable[..., Station]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the listener and its senders share."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    """The listener's certificate."""
    return authority.issue("listener")


@pytest.fixture(scope="module")
def sender(authority: Authority) -> Issued:
    """A sender's certificate."""
    return authority.issue("sender")


@pytest.fixture
def server(authority: Authority, ours: Issued) -> ServerTls:
    """A listener that requires certificates."""
    return ServerTls(ours.certificate, ours.key, authority.file)


@pytest.fixture
def client(authority: Authority, sender: Issued) -> ClientTls:
    """A sender that shows its certificate."""
    return ClientTls(authority.file, sender.certificate, sender.key)


def by_tls(station: Station, client: ClientTls) -> Destination:
    """Describe the TLS port to a sender."""
    address = station.scp.tls_address
    assert address is not None
    return replace(station.as_destination(), port=address[1], tls=client)


def reasons(logs: list, event: str = "tls_handshake_failed") -> list[str]:  # type: ignore[type-arg]
    """Give what the log says of handshakes."""
    return [entry["reason"] for entry in logs if entry["event"] == event]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_image_arrives_by_tls_on_either_version(
    make_station: Stations,
    server: ServerTls,
    client: ClientTls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: ssl.TLSVersion,
) -> None:
    """Mutual TLS carries an image larger than a PDU byte for byte; the association is known to be secure."""
    make = tls._context

    def of_version(protocol: int) -> ssl.SSLContext:
        context = make(protocol)
        context.maximum_version = version
        return context

    monkeypatch.setattr(tls, "_context", of_version)
    station = make_station(port=None, tls=server)
    file = write_image(tmp_path / "image.dcm", side=900)
    (outcome,) = send_files(by_tls(station, client), [file])
    assert outcome.is_stored, outcome.error
    (stored,) = station.stored_files()
    assert file.read_bytes().endswith(stored.read_bytes()[-900 * 900 * 2 :])
    assert station.wait_closed()[0].opened.request.is_secure


def test_plain_and_tls_side_by_side(make_station: Stations, server: ServerTls, client: ClientTls) -> None:
    """Both ports serve the same listener, and count their associations together."""
    station = make_station(AssociationPolicy(maximum_associations=1), tls=server)
    echo(station.as_destination())
    echo(by_tls(station, client))
    secure = [closed.opened.request.is_secure for closed in station.wait_closed(2)]
    assert secure == [False, True]
    with RawPeer(station.scp.address).associate(), pytest.raises(PeerUnavailable, match="Local limit exceeded"):
        echo(by_tls(station, client))


def test_senders_need_not_show_a_certificate_where_none_is_required(
    make_station: Stations, server: ServerTls, authority: Authority, ours: Issued, client: ClientTls
) -> None:
    """With and without authorities; one that is shown must still be good where there are."""
    anonymous = ClientTls(authority.file)
    for relaxed in (
        replace(server, requires_client_certificate=False),
        ServerTls(ours.certificate, ours.key, requires_client_certificate=False),
    ):
        station = make_station(port=None, tls=relaxed)
        echo(by_tls(station, anonymous))
        echo(by_tls(station, client))


def refused_senders(authority: Authority, folder: Path) -> dict[str, tuple[ClientTls, str, str]]:
    """Make senders that must not get in: what they show, what the log says, and what they hear."""
    stranger, old = Authority(folder / "stranger").issue("stranger"), authority.issue("old", from_days=-9, to_days=-2)
    return {
        "none": (ClientTls(authority.file), "no certificate", "asks for a certificate of ours"),
        "another authority's": (
            ClientTls(authority.file, stranger.certificate, stranger.key),
            "certificate is refused: unable to get local issuer",
            "refuses our certificate",
        ),
        "expired": (
            ClientTls(authority.file, old.certificate, old.key),
            "certificate is refused: certificate has expired",
            "refuses our certificate",
        ),
    }


@pytest.mark.parametrize("kind", ["none", "another authority's", "expired"])
def test_a_sender_without_a_good_certificate_is_refused(
    make_station: Stations, server: ServerTls, client: ClientTls, authority: Authority, tmp_path: Path, kind: str
) -> None:
    """No association; one line of log in words, the sender hears why, and others are served."""
    station = make_station(port=None, tls=server)
    bad, logged, heard = refused_senders(authority, tmp_path)[kind]
    with capture_logs() as logs:
        with pytest.raises(PeerUnavailable, match=heard):
            echo(by_tls(station, bad))
        echo(by_tls(station, client))
    (reason,) = reasons(logs)
    assert logged in reason
    assert not any("exc_info" in entry for entry in logs)
    assert len(station.opened) == 1


def test_a_listener_that_is_not_who_it_should_be_is_not_sent_to(
    make_station: Stations, authority: Authority, sender: Issued, tmp_path: Path
) -> None:
    """Another authority, or another name; the name may be given, or its check be switched off."""
    named = authority.issue("named", host="pacs.example")
    station = make_station(port=None, tls=ServerTls(named.certificate, named.key, authority.file))
    ours = ClientTls(authority.file, sender.certificate, sender.key)
    with pytest.raises(PeerUnavailable, match="IP address mismatch"):
        echo(by_tls(station, ours))
    echo(by_tls(station, replace(ours, server_name="pacs.example")))
    echo(by_tls(station, replace(ours, checks_name=False)))
    with pytest.raises(PeerUnavailable, match="certificate is refused: self-signed certificate in"):
        echo(by_tls(station, replace(ours, authorities=Authority(tmp_path / "other").file, checks_name=False)))


def test_plain_bytes_on_the_tls_port_are_told_in_words(
    make_station: Stations, server: ServerTls, client: ClientTls
) -> None:
    """A sender that was not switched to TLS is let go at once, and the log says what to do."""
    station = make_station(port=None, tls=server)
    address = station.scp.tls_address
    assert address is not None
    with capture_logs() as logs, RawPeer(address) as peer:
        peer.send(association_request())
        assert peer.ended()
    assert reasons(logs) == ["plain bytes on the TLS port: the sender must use TLS, or call the port without it"]
    echo(by_tls(station, client))


def test_tls_on_the_plain_port_is_told_in_words(station: Station, client: ClientTls) -> None:
    """The other way round: the sender hears that this is no TLS, and the log says what to do."""
    with capture_logs() as logs, pytest.raises(PeerUnavailable, match="TLS: "):
        echo(replace(station.as_destination(), tls=client))
    (reason,) = reasons(logs, "pdu_refused")
    assert reason.startswith("TLS on the port without it")
    echo(station.as_destination())


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["silent", "half a hello"])
def test_a_handshake_that_stalls_holds_up_nobody_and_ends(
    make_station: Stations, server: ServerTls, client: ClientTls, sent: bytes
) -> None:
    """While some stall others are served; each that stalls is let go by the time-out."""
    station = make_station(port=None, tls=server, acse_timeout_seconds=1.0)
    address = station.scp.tls_address
    assert address is not None
    stalled = [RawPeer(address) for _ in range(5)]
    for peer in stalled:
        peer.send(sent)
    echo(by_tls(station, client))
    assert all(peer.ended() for peer in stalled)
    for peer in stalled:
        peer.socket.close()


def test_an_association_by_tls_that_falls_silent_is_ended(
    make_station: Stations, server: ServerTls, client: ClientTls, authority: Authority, sender: Issued
) -> None:
    """The network time-out holds inside TLS too."""
    station = make_station(AssociationPolicy(1), port=None, tls=server, network_timeout_seconds=0.3)
    address = station.scp.tls_address
    assert address is not None
    context = ssl.create_default_context(cafile=str(authority.file))
    context.load_cert_chain(sender.certificate, sender.key)
    with RawPeer(address) as peer:
        peer.socket = context.wrap_socket(peer.socket, server_hostname="127.0.0.1")
        peer.associate()
        assert peer.ended()
    station.wait_closed()
    echo(by_tls(station, client))


def test_a_peer_that_must_use_tls_is_rejected_without(
    make_station: Stations, server: ServerTls, client: ClientTls
) -> None:
    """Only the peer named so; by TLS it is welcome."""
    policy = AssociationPolicy(5, peers=(PeerProfile("room", "MODALITY", requires_tls=True),))
    station = make_station(policy, tls=server)
    with pytest.raises(PeerUnavailable, match="No reason given"):
        echo(station.as_destination())
    assert station.rejected[0].rejection.words == "this peer must use TLS"
    echo(by_tls(station, client))
    echo(station.as_destination(calling_ae_title="OTHER"))


def test_health_checks_on_the_tls_port_leave_nothing(
    make_station: Stations, server: ServerTls, client: ClientTls
) -> None:
    """A connection that closes without a word is no failed handshake."""
    station = make_station(port=None, tls=server)
    address = station.scp.tls_address
    assert address is not None
    before = set(threading.enumerate())
    with capture_logs() as logs:
        for _ in range(50):
            socket.create_connection(address).close()
        echo(by_tls(station, client))
        station.wait_closed()
    wait_for_threads(before)
    assert {entry["log_level"] for entry in logs} <= {"info", "debug"}


def test_a_listener_with_unusable_files_does_not_start(make_station: Stations, authority: Authority) -> None:
    """An expired certificate stops the start, with its file's name."""
    old = authority.issue("expired-listener", from_days=-9, to_days=-2)
    with pytest.raises(ConfigurationInvalid, match=r"expired-listener\.pem has run out"):
        make_station(tls=ServerTls(old.certificate, old.key, authority.file))


def test_a_certificate_file_that_went_missing_loses_no_report(
    make_station: Stations, server: ServerTls, client: ClientTls, tmp_path: Path
) -> None:
    """What was checked at the start and is gone now is tried again later, not given up."""
    station = make_station(port=None, tls=server)
    with pytest.raises(PeerUnavailable, match="cannot be read"):
        echo(by_tls(station, replace(client, authorities=tmp_path / "gone.pem")))
