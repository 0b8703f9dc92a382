"""A network as hospitals have it: health checks by the thousand, peers that stall, crowds, absurd sizes."""

import gc
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dicom_gateway.association_policy import AssociationPolicy, PeerProfile
from dicom_gateway.association_scu import Destination
from dicom_gateway.associations import AssociationEnd
from dicom_gateway.raw_peer import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    COMMAND,
    DATA,
    DATA_SET,
    LAST,
    RawPeer,
    association_request,
    command,
    data_pdu,
    pdu,
    read_pdu,
)
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files, send_report
from dicom_gateway.verification import accepted_sop_classes, echo
from domain.errors import PeerUnavailable
from tests.integration.gateway.conftest import WAIT_SECONDS, Station, wait_for_threads
from tests.integration.gateway.instances import encoded, image, report, write_image

Stations = Callable[..., Station]
CR = "1.2.840.10008.5.1.4.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_SC = "1.2.840.10008.5.1.4.1.1.7.2"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)


def open_files() -> int:
    """Count the file descriptors of this process."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def reset_at_close(connection: socket.socket) -> None:
    """Let the connection end with TCP's RST: many load balancers do so to save a round trip."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_thousand_health_checks_leave_nothing(station: Station) -> None:
    """Closed in order or reset: no thread, no file descriptor, no line above info; a sender is served after them."""
    threads = set(threading.enumerate())
    echo(station.as_destination())
    station.wait_closed(1)
    wait_for_threads(threads)
    files = open_files()
    with capture_logs() as logs:
        for number in range(1000):
            probe = socket.create_connection(station.scp.address)
            if number % 2:
                reset_at_close(probe)
            probe.close()
        with RawPeer(station.scp.address) as last:
            last.socket.shutdown(socket.SHUT_WR)
            assert last.ended()
        wait_for_threads(threads)
    assert {entry["log_level"] for entry in logs} <= {"info", "debug"}
    assert open_files() <= files
    echo(station.as_destination())


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(data_pdu(COMMAND | LAST, command()) + data_pdu(DATA_SET, encoded(image())[:900]), id="data set"),
        pytest.param(
            data_pdu(COMMAND | LAST, command()) + data_pdu(DATA_SET, encoded(image())[:900])[:-100],
            id="PDU in a data set",
        ),
    ],
)
def test_a_half_open_association_is_cut_off(make_station: Stations, sent: bytes) -> None:
    """Silence after the request, in a data set or in the middle of its PDU: ended, swept, and not acknowledged."""
    station = make_station(AssociationPolicy(1), network_timeout_seconds=0.3)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(sent)
        kind, _ = peer.receive()
        assert kind in {ABORT, 0}
    (closed,) = station.wait_closed()
    assert (closed.end, closed.stored) == (AssociationEnd.ABORTED, 0)
    assert station.left_in_incoming() == []
    assert station.stored_files() == []
    echo(station.as_destination())


@pytest.mark.parametrize("goodbye", [pdu(7, b"\0\0\0\0"), b""], ids=["abort", "reset"])
@pytest.mark.parametrize("cut", [0, 500], ids=["mid data set", "mid PDU"])
def test_an_abort_in_mid_transfer_leaves_nothing(station: Station, goodbye: bytes, cut: int) -> None:
    """An abort, or a connection reset by TCP, between two PDUs of an image or within one."""
    part = data_pdu(DATA_SET, encoded(image(side=200))[:40_000])
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(COMMAND | LAST, command()) + part[: len(part) - cut] + goodbye)
        if not goodbye:
            reset_at_close(peer.socket)
    (closed,) = station.wait_closed()
    assert (closed.end, closed.stored, closed.refused) == (AssociationEnd.ABORTED, 0, 0)
    assert station.left_in_incoming() == []
    assert station.received == []
    echo(station.as_destination())


def test_fifty_associations_at_once_are_all_served(make_station: Stations, tmp_path: Path) -> None:
    """Each holds its association until all have one, then sends its image; every image is stored."""
    station = make_station(AssociationPolicy(maximum_associations=50))
    paths = [write_image(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.3.{n}") for n in range(50)]
    all_open = threading.Barrier(50, timeout=WAIT_SECONDS * 2)

    def send(number: int) -> int:
        data = paths[number].read_bytes()
        body = encoded(image(SOPInstanceUID=f"1.2.3.{number}"))
        assert data.endswith(body)
        with RawPeer(station.scp.address).associate() as peer:
            all_open.wait()
            peer.send(data_pdu(COMMAND | LAST, command(AffectedSOPInstanceUID=f"1.2.3.{number}")))
            peer.send(data_pdu(DATA_SET | LAST, body))
            return int(peer.receive_response().Status)

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(send, range(50))) == [0] * 50
    assert {received.sop_instance_uid for received in station.received} == {f"1.2.3.{n}" for n in range(50)}
    assert len(station.stored_files()) == 50


def test_what_is_too_many_is_rejected_for_now(make_station: Stations) -> None:
    """Of fifty at once thirty stand; the others hear "local limit exceeded", a transient rejection."""
    station = make_station(AssociationPolicy(maximum_associations=30))
    peers = [RawPeer(station.scp.address) for _ in range(50)]

    def ask(peer: RawPeer) -> tuple[int, tuple[int, ...]]:
        peer.send(association_request())
        kind, body = peer.receive()
        return kind, tuple(body[1:]) if kind == ASSOCIATE_RJ else ()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, peers))
    assert sorted(answers) == [(ASSOCIATE_AC, ())] * 30 + [(ASSOCIATE_RJ, LOCAL_LIMIT_EXCEEDED)] * 20
    for peer in peers:
        peer.socket.close()
    station.wait_closed(30)
    echo(station.as_destination())


def test_one_peer_cannot_take_every_place(make_station: Stations) -> None:
    """A profile's limit counts its own associations; others still get in."""
    policy = AssociationPolicy(10, peers=(PeerProfile("raw", "RAW", maximum_associations=1),))
    station = make_station(policy)
    with capture_logs() as logs, RawPeer(station.scp.address).associate(), RawPeer(station.scp.address) as second:
        second.send(association_request())
        kind, body = second.receive()
        assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, LOCAL_LIMIT_EXCEEDED)
        echo(station.as_destination())
    (rejected,) = (entry for entry in logs if entry["event"] == "association_rejected")
    assert (rejected["peer"], rejected["reason"]) == ("raw", "local limit exceeded for this peer")
    station.wait_closed(2)
    with RawPeer(station.scp.address).associate():
        pass


def test_a_profile_decides_what_its_peer_may_propose(make_station: Stations, tmp_path: Path) -> None:
    """Multi-frame Secondary Capture arrives from the sender that names it, a monitor may only echo."""
    profiles = (
        PeerProfile("digitiser", "DIGI", sop_classes=frozenset({SC, MULTI_FRAME_SC})),
        PeerProfile("monitor", "MONITOR", echo_only=True),
    )
    station = make_station(AssociationPolicy(10, peers=profiles))
    asked = [CR, SC, MULTI_FRAME_SC]
    digitiser = station.as_destination(calling_ae_title="DIGI")
    assert accepted_sop_classes(digitiser, asked) == (SC, MULTI_FRAME_SC)
    assert accepted_sop_classes(station.as_destination(calling_ae_title="MONITOR"), asked) == ()
    assert accepted_sop_classes(station.as_destination(), asked) == (CR, SC)
    echo(station.as_destination(calling_ae_title="MONITOR"))
    film = write_image(tmp_path / "film.dcm", SOPClassUID=MULTI_FRAME_SC, NumberOfFrames=1)
    (outcome,) = send_files(digitiser, [film])
    assert outcome.is_stored, outcome.error


@pytest.mark.parametrize("size", [0, 1, 6, 7, 100], ids=str)
def test_a_sender_with_an_absurd_maximum_pdu_does_no_harm(station: Station, size: int) -> None:
    """No limit is one that everything fits in; one that nothing fits in costs that sender its association alone."""
    request = bytearray(association_request())
    # PS3.8 Annex D.1: item type 51H, reserved, length 4, the maximum length.
    at = request.index(b"\x51\0\0\x04") + 4
    request[at : at + 4] = struct.pack(">L", size)
    with RawPeer(station.scp.address) as peer:
        peer.send(bytes(request))
        assert peer.receive()[0] == ASSOCIATE_AC
        peer.send(data_pdu(COMMAND | LAST, command()) + data_pdu(DATA_SET | LAST, encoded(image())))
        kind, _ = peer.receive()
        assert kind == DATA if size in {0, 100} else kind in {DATA, ABORT, 0}
    station.wait_closed()
    assert station.left_in_incoming() == []
    echo(station.as_destination())


def absurd_pacs(answer: bytes) -> tuple[socket.socket, threading.Thread]:
    """Start a peer that answers an association request with these bytes, and says no more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            read_pdu(connection)
            connection.sendall(answer)
            while connection.recv(1 << 16):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener, thread


@pytest.mark.parametrize(
    "answer",
    [struct.pack(">BBL", 2, 0, 0xFFFFFFF0), struct.pack(">BBL", 2, 0, 1000) + b"\0" * 10],
    ids=["four gigabytes", "half an answer"],
)
def test_a_pacs_that_answers_nonsense_is_unavailable(answer: bytes) -> None:
    """A PDU without end, or without its end, is not waited for longer than the time-out, and takes no memory."""
    listener, thread = absurd_pacs(answer)
    host, port = listener.getsockname()
    pacs = Destination("pacs", "PACS", host, port, "CXR", acse_timeout_seconds=2.0, network_timeout_seconds=0.5)
    with listener, pytest.raises(PeerUnavailable):
        echo(pacs)
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("maximum", [4096, 262144])
def test_no_pdu_is_longer_than_our_own_maximum(maximum: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the PACS names no maximum ours holds, and a report of many PDUs arrives whole."""
    monkeypatch.setattr("dicom_gateway.pacs_server._MAXIMUM_PDU_BYTES", 0)
    longest = 0
    send = socket.socket.send

    def noted(self: socket.socket, data: bytes, *flags: int) -> int:
        nonlocal longest
        longest = max(longest, len(data))
        return send(self, data, *flags)

    monkeypatch.setattr("pynetdicom.transport.socket.socket.send", noted, raising=False)
    large = report(COMPREHENSIVE_SR) + b"\x42\x00\x10\x00OB\0\0" + struct.pack("<L", 600_000) + b"\0" * 600_000
    with SimulatedPacs() as pacs:
        host, port = pacs.address
        destination = Destination("pacs", pacs.ae_title, host, port, "CXR", maximum_pdu_bytes=maximum)
        assert send_report(destination, large).status == 0
    assert 0 < longest <= maximum + 6
