"""Peers that are slow, broken or hostile: no thread dies of them, nothing is left of them, and others go on."""

import socket
import struct
import threading
from collections.abc import Callable

import pytest

from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.associations import AssociationEnd
from dicom_gateway.raw_peer import (
    ABORT,
    C_ECHO_RQ,
    C_FIND_RQ,
    COMMAND,
    DATA_SET,
    ECHO_CONTEXT,
    IMAGE_CONTEXT,
    LAST,
    RELEASE_RP,
    RawPeer,
    association_request,
    command,
    data_pdu,
    pdu,
    release_request,
    value,
)
from dicom_gateway.status import Status
from dicom_gateway.verification import echo
from tests.integration.gateway.conftest import WAIT_SECONDS, Station
from tests.integration.gateway.instances import encoded, image

WHOLE_COMMAND = COMMAND | LAST
WHOLE_DATA_SET = DATA_SET | LAST
SR = "1.2.840.10008.5.1.4.1.1.88.34"
HALF_IMAGE = encoded(image(side=300))[:100_000]


def assert_unharmed(station: Station) -> None:
    """The station kept nothing of the peer and answers the next one."""
    assert station.left_in_incoming() == []
    assert station.received == []
    echo(station.as_destination())


def assert_set(event: threading.Event) -> None:
    """Wait for an event of the test."""
    assert event.wait(WAIT_SECONDS)


def test_a_whole_message_in_one_pdu_is_stored(station: Station) -> None:
    """Command and data set may share a PDU, and be cut into any fragments."""
    data, request = encoded(image()), command()
    body = value(COMMAND, request[:30]) + value(WHOLE_COMMAND, request[30:])
    body += value(DATA_SET, data[:1]) + value(DATA_SET, b"") + value(WHOLE_DATA_SET, data[1:])
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(pdu(4, body))
        assert peer.receive_response().Status == Status.SUCCESS
        peer.send(release_request())
        assert peer.receive()[0] == RELEASE_RP
    assert len(station.received) == 1


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(data_pdu(WHOLE_COMMAND, command(AffectedSOPInstanceUID=None)), id="no SOP instance"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(AffectedSOPClassUID=None)), id="no SOP class"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(MessageID=None)), id="no message id"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(CommandField=None)), id="no command field"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(CommandDataSetType=None)), id="no data set type"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(CommandField=0x7777)), id="unknown command"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(CommandField=C_FIND_RQ)), id="C-FIND on a storage context"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(CommandField=0x8001)), id="a response to nothing"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(AffectedSOPInstanceUID="1" * 70)), id="SOP instance too long"),
        pytest.param(data_pdu(WHOLE_COMMAND, b"\xff" * 200), id="garbage command"),
        pytest.param(data_pdu(WHOLE_COMMAND, b""), id="empty command"),
        pytest.param(data_pdu(COMMAND, b"\0" * 70_000), id="endless command"),
        pytest.param(data_pdu(WHOLE_DATA_SET, b"data"), id="data set without command"),
        pytest.param(data_pdu(WHOLE_COMMAND, command(), context_id=99), id="context that was not accepted"),
        pytest.param(data_pdu(WHOLE_COMMAND, command()) * 2, id="command inside a data set"),
        pytest.param(
            data_pdu(WHOLE_COMMAND, command()) + data_pdu(DATA_SET, b"data", ECHO_CONTEXT), id="data of another context"
        ),
        pytest.param(
            data_pdu(WHOLE_COMMAND, command(CommandField=C_ECHO_RQ, AffectedSOPClassUID="1.2.840.10008.1.1"), 3),
            id="C-ECHO with a data set",
        ),
        pytest.param(pdu(4, b"\0\0\0\x01\x01"), id="value without control header"),
        pytest.param(pdu(4, b"\0\0\0\xff\x01\x03xx"), id="value longer than its PDU"),
        pytest.param(pdu(9, b"what"), id="unknown PDU"),
        pytest.param(association_request(), id="second association request"),
        pytest.param(struct.pack(">BBL", 4, 0, 0xFFFFFFF0), id="PDU of four gigabytes"),
    ],
)
def test_a_broken_protocol_is_aborted(make_station: Callable[..., Station], sent: bytes) -> None:
    """Whatever breaks PS3.7 or PS3.8 gets an A-ABORT at once, not after a time-out, also in the middle of an image."""
    station = make_station(network_timeout_seconds=1000.0)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(sent)
        assert peer.receive()[0] == ABORT
    assert station.wait_closed()[0].end is AssociationEnd.ABORTED
    assert_unharmed(station)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01", id="one byte"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: cxr\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(association_request()[:40], id="half an association request"),
        pytest.param(pdu(1, b"\xff" * 300), id="garbage association request"),
        pytest.param(struct.pack(">BBL", 1, 0, 0xFFFFFFF0), id="association request of four gigabytes"),
        pytest.param(release_request(), id="release before association"),
        pytest.param(pdu(7, b"\0\0\0\0"), id="abort before association"),
        pytest.param(data_pdu(WHOLE_COMMAND, command()), id="data before association"),
    ],
)
def test_a_peer_that_never_associates_is_let_go(station: Station, sent: bytes) -> None:
    """A connection that says nothing, or nothing DICOM, and closes, leaves no trace."""
    with RawPeer(station.scp.address) as peer:
        peer.send(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.ended()
    assert_unharmed(station)
    assert station.wait_closed(1)[0].opened.request.calling_ae_title == "MODALITY"


@pytest.mark.parametrize("goodbye", [pdu(7, b"\0\0\0\0"), b""], ids=["abort", "close"])
def test_a_transfer_that_breaks_off_leaves_nothing(station: Station, goodbye: bytes) -> None:
    """An abort, or a lost connection, in mid-transfer sweeps the temporary file before the end is told."""
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(WHOLE_COMMAND, command()) + data_pdu(DATA_SET, HALF_IMAGE))
        peer.send(goodbye)
    (closed,) = station.wait_closed()
    assert (closed.stored, closed.refused, closed.end) == (0, 0, AssociationEnd.ABORTED)
    assert_unharmed(station)


def test_a_broken_peer_does_not_disturb_another(station: Station) -> None:
    """An image in mid-transfer survives the abort of the association beside it."""
    data = encoded(image())
    with RawPeer(station.scp.address).associate() as good:
        good.send(data_pdu(WHOLE_COMMAND, command()) + data_pdu(DATA_SET, data[:100]))
        with RawPeer(station.scp.address).associate() as bad:
            bad.send(data_pdu(WHOLE_COMMAND, b"\xff" * 200))
            assert bad.ended()
        good.send(data_pdu(WHOLE_DATA_SET, data[100:]))
        assert good.receive_response().Status == Status.SUCCESS


def test_a_data_set_that_is_too_short_is_refused(station: Station) -> None:
    """A data set that ends before its own lengths say is C000; the association goes on."""
    data = encoded(image())
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(WHOLE_COMMAND, command()) + data_pdu(WHOLE_DATA_SET, data[:-100]))
        assert peer.receive_response().Status == Status.CANNOT_UNDERSTAND
        peer.send(data_pdu(WHOLE_COMMAND, command()) + data_pdu(WHOLE_DATA_SET, data))
        assert peer.receive_response().Status == Status.SUCCESS
    assert station.left_in_incoming() == []


@pytest.mark.parametrize(
    ("elements", "status"),
    [
        ({"AffectedSOPClassUID": SR}, Status.SOP_CLASS_NOT_SUPPORTED),
        ({"AffectedSOPClassUID": "1.2.3.4.5"}, Status.SOP_CLASS_NOT_SUPPORTED),
        ({"AffectedSOPInstanceUID": "../../etc/passwd"}, Status.INVALID_SOP_INSTANCE),
        ({"AffectedSOPInstanceUID": "1..2"}, Status.INVALID_SOP_INSTANCE),
    ],
)
def test_a_command_that_cannot_be_served_is_answered(
    station: Station, elements: dict[str, str], status: Status
) -> None:
    """A SOP class that was not negotiated is 0122, a UID that cannot be one is 0117; the sender does not hang."""
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(WHOLE_COMMAND, command(**elements)) + data_pdu(WHOLE_DATA_SET, encoded(image())))
        assert peer.receive_response().Status == status
        peer.send(release_request())
        assert peer.receive()[0] == RELEASE_RP
    assert_unharmed(station)


def test_a_request_without_a_data_set_is_answered(station: Station) -> None:
    """C-STORE of nothing is C000."""
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(data_pdu(WHOLE_COMMAND, command(CommandDataSetType=0x0101)))
        assert peer.receive_response().Status == Status.CANNOT_UNDERSTAND
    assert_unharmed(station)


def test_a_peer_that_never_waits_is_aborted(station: Station) -> None:
    """Images sent on and on without waiting for answers do not pile up on the disk."""
    release = threading.Event()
    station.commit = lambda _: assert_set(release)
    image_message = data_pdu(WHOLE_COMMAND, command()) + data_pdu(WHOLE_DATA_SET, encoded(image()))
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(image_message * 20)
        assert peer.ended()
        release.set()
    station.wait_closed()
    assert station.left_in_incoming() == []
    # The one in hand, and what was complete when the abort was noticed.
    assert 1 <= len(station.received) <= 5


@pytest.mark.parametrize("sent", [b"", association_request()[:40]], ids=["silent", "half an association request"])
def test_a_peer_that_never_goes_on_is_let_go(make_station: Callable[..., Station], sent: bytes) -> None:
    """A connection that stays and says no more is closed by the time-outs."""
    station = make_station(acse_timeout_seconds=0.2, network_timeout_seconds=0.2)
    with RawPeer(station.scp.address) as peer:
        peer.send(sent)
        assert peer.ended()
    assert_unharmed(station)


@pytest.mark.parametrize(
    "sent",
    [b"", data_pdu(WHOLE_COMMAND, command()), struct.pack(">BBL", 4, 0, 1000) + b"\0" * 10],
    ids=["idle", "no data set", "half a PDU"],
)
def test_an_association_that_falls_silent_is_ended(make_station: Callable[..., Station], sent: bytes) -> None:
    """An association left open, or stuck in the middle of a PDU, does not hold its place for ever."""
    station = make_station(AssociationPolicy(1), network_timeout_seconds=0.2)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(sent)
        assert peer.ended()
    station.wait_closed()
    assert_unharmed(station)


def test_a_pdu_that_trickles_is_ended(make_station: Callable[..., Station]) -> None:
    """A peer that sends a byte now and then cannot stretch a PDU beyond its time."""
    station = make_station(network_timeout_seconds=0.3)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(struct.pack(">BBL", 4, 0, 1000))
        peer.socket.settimeout(0.05)
        for _ in range(200):
            try:
                peer.send(b"\0")
                if peer.socket.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the PDU was waited for")
    station.wait_closed()
    assert_unharmed(station)


def test_contexts_are_numbered_as_the_peer_chose(station: Station) -> None:
    """An echo under its own context is answered between two images."""
    data = encoded(image())
    store = data_pdu(WHOLE_COMMAND, command()) + data_pdu(WHOLE_DATA_SET, data, IMAGE_CONTEXT)
    ping = command(
        CommandField=C_ECHO_RQ,
        AffectedSOPClassUID="1.2.840.10008.1.1",
        AffectedSOPInstanceUID=None,
        Priority=None,
        CommandDataSetType=0x0101,
    )
    with RawPeer(station.scp.address).associate() as peer:
        for message in (store, data_pdu(WHOLE_COMMAND, ping, ECHO_CONTEXT), store):
            peer.send(message)
            assert peer.receive_response().Status == Status.SUCCESS
    assert len(station.received) == 2


def test_a_probe_holds_no_thread(make_station: Callable[..., Station]) -> None:
    """A connection that closes without a word is forgotten at once, not after the ACSE time-out."""
    station = make_station(acse_timeout_seconds=1000.0)
    before = set(threading.enumerate())
    with RawPeer(station.scp.address) as peer:
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.ended()
    echo(station.as_destination())
    station.wait_closed()
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_stopping_does_not_wait_for_half_a_pdu(make_station: Callable[..., Station]) -> None:
    """A peer stuck in the middle of a PDU is cut off when the SCP stops."""
    station = make_station(network_timeout_seconds=1000.0)
    with RawPeer(station.scp.address).associate() as peer:
        peer.send(struct.pack(">BBL", 4, 0, 1000) + b"\0" * 10)
        station.scp.stop(grace_seconds=0)
        station.wait_closed()
        assert peer.ended()
