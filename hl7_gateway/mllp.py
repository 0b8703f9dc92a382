"""Minimal Lower Layer Protocol: one message is <VT> text <FS><CR> (HL7 v2, Appendix C of its Implementation Guide).

The blocks of libraries are read without a bound or a deadline; here a peer can make nobody wait or fill memory.
"""

import socket
import time

from domain.errors import PeerUnavailable

START = b"\x0b"
END = b"\x1c\r"
#: An acknowledgement has some hundred bytes, a result a few thousand.
MAXIMUM_BYTES = 1 << 18
_CHUNK = 1 << 13
#: What some systems send between blocks.
_BETWEEN = b"\r\n"


class NoBlock(PeerUnavailable):
    """What came is no MLLP block."""


def framed(message: bytes) -> bytes:
    """Put a message into its block; raises ValueError for one that holds a delimiter of blocks."""
    if START in message or END[:1] in message:
        raise ValueError("a message may hold neither VT nor FS")
    return START + message + END


def read_block(connection: socket.socket, timeout_seconds: float, maximum_bytes: int = MAXIMUM_BYTES) -> bytes | None:
    """Read one block and give its message; None when the peer closed before one began.

    Raises NoBlock for anything else than a block, a longer one than `maximum_bytes`, or when the whole is not there in
    `timeout_seconds`; PeerUnavailable when the connection breaks.
    """
    deadline = time.monotonic() + timeout_seconds
    received = b""
    while not received.endswith(END):
        part = _receive(connection, deadline)
        if not part:
            if received:
                raise NoBlock("connection closed within a block")
            return None
        received += part
        if not received.startswith(START):
            received = received.lstrip(_BETWEEN)
            if received and not received.startswith(START):
                raise NoBlock("what came is no MLLP block")
        if len(received) > maximum_bytes:
            raise NoBlock(f"block longer than {maximum_bytes} bytes")
    message = received[len(START) : -len(END)]
    if START in message or END[:1] in message:
        raise NoBlock("more than one block")
    return message


def _receive(connection: socket.socket, deadline: float) -> bytes:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise NoBlock("no complete block in time")
    connection.settimeout(remaining)
    try:
        return connection.recv(_CHUNK)
    except TimeoutError as error:
        raise NoBlock("no complete block in time") from error
    except OSError as error:
        raise PeerUnavailable(f"connection lost: {error.strerror}") from error
