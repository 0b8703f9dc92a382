"""Accepted associations: pynetdicom's, with the parts of upper_layer and receiving_dimse put in.

`socketserver` calls the server, the server makes a handler for each connection, and the handler makes
the association, whose threads do the rest, the handshake of TLS included.
"""

import contextlib
import socket
import ssl
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Protocol

import structlog
from pynetdicom import evt
from pynetdicom._handlers import (
    standard_dimse_recv_handler,
    standard_dimse_sent_handler,
    standard_pdu_recv_handler,
    standard_pdu_sent_handler,
)
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation, AssociationServer, RequestHandler

from dicom_gateway.association_policy import Rejection
from dicom_gateway.live_associations import LiveAssociations
from dicom_gateway.receiving_dimse import ReceivingDimse
from dicom_gateway.room import Room
from dicom_gateway.socket_options import prepare, rearm_quickack, widen_receive_buffer
from dicom_gateway.tls_accept import close_notify, handshake
from dicom_gateway.upper_layer import BoundedSocket, GuardedDul

_log = structlog.get_logger()

#: pynetdicom's logging of every PDU and message costs time and knows nothing of our log's fields.
_STANDARD_HANDLERS = (
    (evt.EVT_DIMSE_RECV, standard_dimse_recv_handler),
    (evt.EVT_DIMSE_SENT, standard_dimse_sent_handler),
    (evt.EVT_PDU_RECV, standard_pdu_recv_handler),
    (evt.EVT_PDU_SENT, standard_pdu_sent_handler),
)


class AssociationHost(Protocol):
    """Who decides about associations and serves them."""

    def admit(self, assoc: "ReceivingAssociation") -> Rejection | None:
        """Say how to reject the requested association, or None to go on."""

    def established(self, assoc: "ReceivingAssociation") -> None:
        """Learn that the association stands."""

    def store(self, event: evt.Event) -> Any:  # noqa: ANN401 - pynetdicom's handlers answer int or Dataset
        """Answer a C-STORE request."""

    @property
    def handlers(self) -> Sequence[evt.EventHandlerType]:
        """Give what else is served: pynetdicom's events with their handlers."""

    @property
    def more_sop_classes(self) -> Mapping[str, frozenset[str]]:
        """Give the abstract syntaxes of what else is served, each with all those of its service."""

    def ended(self, assoc: "ReceivingAssociation") -> None:
        """Learn that the connection is gone, whether an association was ever established or not."""


@dataclass(frozen=True, slots=True)
class ReceptionLimits:
    """Bounds of what one peer can take up."""

    maximum_pdu_bytes: int
    maximum_object_bytes: int
    #: TCP connections, with or without an association.
    maximum_connections: int
    #: What all of them together may take up.
    room: Room


class PolicedAcse(ACSE):  # type: ignore[misc]  # pynetdicom is untyped here
    """Asks the host before it negotiates; an error in the answer ends the thread, and admits nobody."""

    def negotiate_association(self) -> None:
        """Reject by the host's word, or negotiate presentation contexts."""
        rejection = self.assoc.host.admit(self.assoc)
        if rejection is not None:
            self.send_reject(rejection.result, rejection.source, rejection.reason)
            # Waits until the rejection is on its way, as pynetdicom does after its own.
            self.assoc.kill()
            return
        super().negotiate_association()
        if self.assoc.is_established:
            self.assoc.host.established(self.assoc)


class ReceivingAssociation(Association):  # type: ignore[misc]  # pynetdicom is untyped here
    """One accepted connection and the association on it."""

    def __init__(self, server: "ReceivingServer", connection: socket.socket, peer: AddressInformation) -> None:
        super().__init__(server.ae, "acceptor")
        self.association_id = uuid.uuid4().hex
        self.name = f"AcceptorThread@{self.association_id}"
        self.host = server.host
        self.connection = connection
        self._receiving_server = server
        self._replace_parts(server)
        self._introduce(server, peer)
        for event, handler in _STANDARD_HANDLERS:
            self.unbind(event, handler)
        self.bind(evt.EVT_PDU_SENT, lambda _: rearm_quickack(self.connection))
        self.bind(evt.EVT_C_STORE, server.host.store)
        for event, handler in server.host.handlers:
            self.bind(event, handler)

    def run_reactor(self) -> None:
        """Serve the association, after the handshake of TLS; whatever happens, nothing of it is left behind."""
        try:
            if self._secured():
                self._set_bounded_socket()
                super().run_reactor()
        finally:
            self.dimse.discard_unanswered()
            self._receiving_server.forget(self)
            self.host.ended(self)

    def cut(self) -> None:
        """Cut the connection; a thread that waits for the rest of a PDU wakes up."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own, which would take its session from under the thread that reads.
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def _secured(self) -> bool:
        """Do the handshake if this is a TLS port; False ends the connection."""
        context = self._receiving_server.tls
        if context is None:
            return True
        try:
            secured = context.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        except OSError:  # the peer is gone already
            return False
        self.connection = secured
        return handshake(secured, self.requestor.address, self.acse_timeout)

    def _set_bounded_socket(self) -> None:
        server = self._receiving_server
        bounded = BoundedSocket(
            self,
            self.connection,
            maximum_pdu_bytes=server.limits.maximum_pdu_bytes,
            pdu_seconds=server.ae.network_timeout,
        )
        self.set_socket(bounded)

    @property
    def is_secure(self) -> bool:
        """Whether the connection is one of TLS."""
        return isinstance(self.connection, ssl.SSLSocket)

    def _replace_parts(self, server: "ReceivingServer") -> None:
        limits = server.limits
        self.acse = PolicedAcse(self)
        self.dul = GuardedDul(self)
        self.dimse = ReceivingDimse(self, server.new_temporary, limits.maximum_object_bytes, limits.room)
        # These setters also set the timers of the DUL, which is a new one.
        self.acse_timeout = server.ae.acse_timeout
        self.network_timeout = server.ae.network_timeout

    def _introduce(self, server: "ReceivingServer", peer: AddressInformation) -> None:
        self.acceptor.maximum_length = server.limits.maximum_pdu_bytes
        self.acceptor.ae_title = server.ae_title
        self.acceptor.address_info = AddressInformation.from_tuple(server.server_address)
        self.acceptor.implementation_class_uid = server.ae.implementation_class_uid
        self.acceptor.implementation_version_name = server.ae.implementation_version_name
        # Shared, not copied: negotiation only reads them, and the copy costs more than the negotiation.
        self.acceptor.supported_contexts = server.contexts
        self.requestor.address_info = peer


class ReceivingHandler(RequestHandler):  # type: ignore[misc]  # pynetdicom is untyped here
    """Turns an accepted connection into a running association."""

    def handle(self) -> None:
        """Start the association's threads; the connection is theirs from here on."""
        prepare(self.request)
        assoc = ReceivingAssociation(self.server, self.request, self.remote)
        self.server.live.add(assoc)
        try:
            assoc.start()
        except RuntimeError:  # no more threads
            self.server.forget(assoc)
            raise


class ReceivingServer(AssociationServer):  # type: ignore[misc]  # pynetdicom is untyped here
    """The listening socket of one port. It only accepts: all that may wait runs in the association's own threads."""

    #: Backlog: with socketserver's 5, a burst of senders waits a second for TCP to try again.
    request_queue_size = 128

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        contexts: Sequence[PresentationContext],
        *,
        host: AssociationHost,
        limits: ReceptionLimits,
        live: LiveAssociations,
        new_temporary: Callable[[], Path],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Bind and listen; raises OSError. Serving starts with `serve_forever`.

        `live` may be shared with the server of another port. `tls` makes this a TLS port.
        """
        self.host = host
        self.limits = limits
        self.live = live
        self.new_temporary = new_temporary
        self.tls = tls
        super().__init__(ae, address, ae.ae_title, list(contexts), request_handler=ReceivingHandler)

    def server_bind(self) -> None:
        """Bind with a large receive buffer, which accepted connections inherit."""
        widen_receive_buffer(self.socket)
        super().server_bind()

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - socketserver's hook
        """Close a connection at once when there are too many."""
        return len(self.live) < self.limits.maximum_connections

    def forget(self, assoc: ReceivingAssociation) -> None:
        """Close a connection and count it no more."""
        close_notify(assoc.connection)
        self.shutdown_request(assoc.connection)
        self.live.discard(assoc)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's hook
        """Log what kept a connection from being served (no more threads); socketserver would print a traceback."""
        _log.error("connection_not_served", reason=repr(sys.exc_info()[0]))

    def shutdown(self) -> None:
        """Stop listening; running associations go on."""
        TCPServer.shutdown(self)
        self.server_close()
