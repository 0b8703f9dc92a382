"""pynetdicom's side that asks for associations, made fit for peers that are slow, broken or hostile, and for TLS.

What pynetdicom 3.0 leaves open here, and what is done: length and time of a PDU are bounded, as they are for the
peers that call us (upper_layer); a PDU of ours is never longer than our own bound, also where the peer names none; and
of a TLS handshake that failed the reason is kept, which would else be in a traceback only.
"""

import socket
import ssl

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.transport import AddressInformation, AssociationSocket

from dicom_gateway.tls_words import words_of
from dicom_gateway.upper_layer import pdu_limit, receive


class NotingSocket(ssl.SSLSocket):
    """A TLS connection that remembers what ended it."""

    #: None as long as nothing failed.
    failure: OSError | None = None

    def do_handshake(self, block: bool = False) -> None:
        """Do the handshake; raises OSError, and keeps it."""
        try:
            super().do_handshake(block)
        except OSError as error:
            self.failure = error
            raise

    def recv_into(self, buffer, nbytes=None, flags=0):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as ssl defines it
        """Read; raises OSError, and keeps it: a server of TLS 1.3 refuses our certificate after the handshake."""
        try:
            return super().recv_into(buffer, nbytes, flags)
        except ssl.SSLError as error:
            self.failure = error
            raise


class TlsDialer:
    """What pynetdicom takes for an ssl.SSLContext: wraps one connection, and knows what became of it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        context.sslsocket_class = NotingSocket
        self._context = context
        self._secured: NotingSocket | None = None

    def wrap_socket(self, connection: socket.socket, *, server_side: bool, server_hostname: str) -> ssl.SSLSocket:
        """Wrap a socket that is still to be connected; the handshake follows the connection."""
        secured = self._context.wrap_socket(connection, server_side=server_side, server_hostname=server_hostname)
        if isinstance(secured, NotingSocket):
            self._secured = secured
        return secured

    @property
    def failure(self) -> str:
        """Why TLS failed, in words; empty when it did not."""
        if self._secured is None or self._secured.failure is None:
            return ""
        return words_of(self._secured.failure)


class CallingEntity(ApplicationEntity):  # type: ignore[misc]  # pynetdicom is untyped here
    """The AE as which we ask for associations."""

    def __init__(self, ae_title: str, maximum_pdu_bytes: int) -> None:
        """Offer `maximum_pdu_bytes` as the longest PDU, and send none longer."""
        super().__init__(ae_title)
        self.own_maximum_pdu_bytes = maximum_pdu_bytes

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: tuple[TlsDialer, str] | None
    ) -> AssociationSocket:
        """Put our parts into an association that pynetdicom has just made."""
        assoc.dimse = _BoundedDimse(assoc, self.own_maximum_pdu_bytes)
        bounded = _CallingSocket(assoc, address, pdu_limit(self.own_maximum_pdu_bytes), self.network_timeout)
        bounded.tls_args = tls_args
        return bounded


class _BoundedDimse(DIMSEServiceProvider):  # type: ignore[misc]  # pynetdicom is untyped here
    def __init__(self, assoc: Association, own_maximum: int) -> None:
        super().__init__(assoc)
        self._own_maximum = own_maximum

    @property
    def maximum_pdu_size(self) -> int:
        """The longest PDU to send; a peer that names none, or 0, takes any (PS3.8 Annex D.1)."""
        theirs = self.assoc.acceptor.maximum_length
        return min(theirs, self._own_maximum) if theirs else self._own_maximum


class _CallingSocket(AssociationSocket):  # type: ignore[misc]  # pynetdicom is untyped here
    def __init__(self, assoc: Association, address: AddressInformation, limit: int, pdu_seconds: float) -> None:
        super().__init__(assoc, address=address)
        self._limit = limit
        self._pdu_seconds = pdu_seconds

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, or fewer when the peer closes first; raises OSError, also for a PDU that is too long."""
        if nr_bytes > self._limit:
            raise ConnectionAbortedError(f"PDU of {nr_bytes} bytes")
        return bytearray() if self.socket is None else receive(self.socket, nr_bytes, self._pdu_seconds)
