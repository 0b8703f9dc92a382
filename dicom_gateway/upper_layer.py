"""pynetdicom's upper layer, made fit for peers that are slow, broken or hostile.

What pynetdicom 3.0 leaves open, and what is done here:

- A PDU's length is not checked, and a partial PDU is waited for without end, in a thread that then
  never ends: `BoundedSocket` bounds both the length and the time of every PDU.
- A PDU is read in 4096 byte steps: `BoundedSocket` reads what is there, into a buffer of the right size.
- An event that the state machine does not expect ends the thread with a traceback, and a connection that
  ends before A-ASSOCIATE-RQ holds its association's thread until the ACSE timer: see `GuardedDul`.
"""

import queue
import socket
import time

import structlog
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.transport import AssociationSocket

from dicom_gateway.tls_accept import HANDSHAKE_RECORD, close_notify

_log = structlog.get_logger()

#: Association PDUs are not bound by the negotiated maximum; 128 contexts fit in this.
_LEAST_PDU_LIMIT = 1 << 20
#: PS3.8 section 9.3.1: type, reserved, length.
_HEADER_BYTES = 6


class ProtocolViolation(Exception):
    """The peer broke PS3.7 or PS3.8 in a way that ends the association."""


def pdu_limit(maximum_pdu_bytes: int) -> int:
    """Give the length from which on a PDU is not read, for the maximum that was offered to the peer."""
    return max(2 * maximum_pdu_bytes, _LEAST_PDU_LIMIT)


def receive(connection: socket.socket, number: int, seconds: float) -> bytearray:
    """Read `number` bytes, or fewer when the peer closes first; `seconds` from the call to the last of them.

    Raises TimeoutError and other OSError. A single read is bound by the time-out of the socket itself.
    """
    buffer = bytearray(number)
    deadline = time.monotonic() + seconds
    read = 0
    with memoryview(buffer) as view:
        while read < number:
            count = connection.recv_into(view[read:])
            if not count:
                break
            read += count
            if read < number and time.monotonic() > deadline:
                raise TimeoutError("the PDU did not arrive in time")
    return buffer if read == number else buffer[:read]


class BoundedSocket(AssociationSocket):  # type: ignore[misc]  # pynetdicom is untyped here
    """The socket of one accepted association."""

    def __init__(
        self, assoc: Association, connection: socket.socket, *, maximum_pdu_bytes: int, pdu_seconds: float
    ) -> None:
        """Wrap an accepted connection.

        A PDU longer than twice `maximum_pdu_bytes` (and 1 MiB) ends the association, as does one
        that takes longer than `pdu_seconds` from its first byte to its last.
        """
        connection.settimeout(pdu_seconds)
        self._pdu_limit = pdu_limit(maximum_pdu_bytes)
        self._pdu_seconds = pdu_seconds
        super().__init__(assoc, client_socket=connection)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, or fewer when the peer closes first.

        Raises ProtocolViolation (pynetdicom then sends A-ABORT), TimeoutError and other OSError.
        """
        if nr_bytes > self._pdu_limit:
            raise self._violation(f"PDU of {nr_bytes} bytes")
        connection = self.socket
        if connection is None:
            return bytearray()
        data = receive(connection, nr_bytes, self._pdu_seconds)
        if nr_bytes == _HEADER_BYTES and data[:1] == bytes([HANDSHAKE_RECORD]):
            raise self._violation("TLS on the port without it: the sender must call the TLS port, or not use TLS")
        return data

    def close(self) -> None:
        """Close the connection, with TLS's goodbye where it is one of TLS."""
        if self.socket is not None:
            close_notify(self.socket)
        super().close()

    def _violation(self, words: str) -> ProtocolViolation:
        _log.warning("pdu_refused", peer_address=self.assoc.requestor.address, reason=words)
        return ProtocolViolation(words)


class GuardedDul(DULServiceProvider):  # type: ignore[misc]  # pynetdicom is untyped here
    """The thread that reads PDUs; its end, whatever the reason, wakes its association."""

    def run_reactor(self) -> None:
        """Read and send PDUs until the association ends."""
        try:
            super().run_reactor()
        except (InvalidEventError, queue.Empty, OSError) as error:
            _log.warning("association_broken_off", reason=type(error).__name__)
        finally:
            # Who waits for a primitive would otherwise wait for the ACSE timer.
            self.to_user_queue.put(None)
