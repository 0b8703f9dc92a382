"""Sending one HL7 message over MLLP and reading its acknowledgement; nothing is retried here."""

import socket
from dataclasses import dataclass

import structlog

from domain.errors import PeerUnavailable
from hl7_gateway.acknowledgement import AcknowledgementUnreadable, parse_acknowledgement
from hl7_gateway.mllp import framed, read_block

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hl7Peer:
    """A receiver of messages."""

    #: For people and logs.
    name: str
    host: str
    port: int
    connect_timeout_seconds: float = 10.0
    #: For the whole acknowledgement.
    response_timeout_seconds: float = 60.0


def send_message(peer: Hl7Peer, message: bytes, control_id: str) -> None:
    """Send a message on a connection of its own; returns when the receiver has accepted it.

    Raises MessageRefused for good; MessageDeferred or PeerUnavailable for now: also when no acknowledgement comes, or
    none that can be read, for then nobody knows, and the same control ID tells the receiver that it is the same.
    """
    try:
        with socket.create_connection((peer.host, peer.port), timeout=peer.connect_timeout_seconds) as connection:
            connection.settimeout(peer.response_timeout_seconds)
            connection.sendall(framed(message))
            answer = read_block(connection, peer.response_timeout_seconds)
    except OSError as error:
        raise _unreachable(peer, error) from error
    if answer is None:
        raise AcknowledgementUnreadable(f"{peer.name}: connection closed without an acknowledgement")
    parse_acknowledgement(answer).check(control_id)
    _log.info("message_accepted", destination=peer.name, control_id=control_id)


def check_reachable(peer: Hl7Peer) -> None:
    """Connect, and send nothing. Raises PeerUnavailable."""
    try:
        socket.create_connection((peer.host, peer.port), timeout=peer.connect_timeout_seconds).close()
    except OSError as error:
        raise _unreachable(peer, error) from error


def _unreachable(peer: Hl7Peer, error: OSError) -> PeerUnavailable:
    reason = error.strerror or type(error).__name__
    return PeerUnavailable(f"{peer.name}: no connection to {peer.host}:{peer.port}: {reason}")
