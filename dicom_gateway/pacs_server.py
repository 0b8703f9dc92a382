"""The listening socket of the simulated PACS: it can hold a port before it listens, and lets go of it cleanly."""

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from socketserver import TCPServer

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import ThreadedAssociationServer

from dicom_gateway.socket_options import prepare

_MAXIMUM_PDU_BYTES = 256 << 10
_MAXIMUM_ASSOCIATIONS = 100
_POLL_SECONDS = 0.05
_JOIN_SECONDS = 5.0


class PacsServer(ThreadedAssociationServer):  # type: ignore[misc]  # pynetdicom is untyped here
    """Bound at once; refuses connections until `listen`."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self,
        ae_title: str,
        address: tuple[str, int],
        contexts: Sequence[PresentationContext],
        handlers: Sequence[evt.EventHandlerType],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the port; raises OSError. With `tls` it is a TLS port."""
        self._tls = tls
        ae = ApplicationEntity(ae_title)
        ae.maximum_pdu_size = _MAXIMUM_PDU_BYTES
        ae.maximum_associations = _MAXIMUM_ASSOCIATIONS
        on_open = (evt.EVT_CONN_OPEN, lambda event: prepare(event.assoc.dul.socket.socket))
        self._lock = threading.Lock()
        self._is_closed = False
        self._serving: threading.Thread | None = None
        super().__init__(ae, address, ae_title, list(contexts), evt_handlers=[on_open, *handlers])

    def server_activate(self) -> None:
        """Do not listen yet: socketserver calls this from its constructor."""

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept; the handshake of TLS comes with the first read, in the association's thread."""
        connection, address = self.socket.accept()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def listen(self) -> None:
        """Listen and serve in a thread; does nothing after `shutdown`."""
        with self._lock:
            if self._is_closed:
                return
            TCPServer.server_activate(self)
            self._serving = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            self._serving.start()

    def shutdown(self) -> None:
        """Close the port, abort open associations, and wait until they are gone."""
        with self._lock:
            self._is_closed = True
        if self._serving is not None:
            TCPServer.shutdown(self)
            self._serving.join()
        self.server_close()
        deadline = time.monotonic() + _JOIN_SECONDS
        for assoc in self.active_associations:
            if assoc.is_established:
                assoc.abort(block=False)
        for assoc in self.active_associations:
            assoc.join(max(0.0, deadline - time.monotonic()))
