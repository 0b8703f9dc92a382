"""uvicorn, as this service runs it: on a socket of its own, until told to stop, and for nobody who never asks."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from config.published import publish, withdraw
from config.web import WebPlace
from domain.errors import Transient

#: Seconds that open requests get to end.
_GRACE_SECONDS = 3
#: Seconds for the headers of a request, from its first byte or that of its connection.
_HEADER_SECONDS = 30.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request headers do not come to their end."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Wait no more once the headers are complete; anew with the first byte of the next ones."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_headers()
        else:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def serve_until(stop: threading.Event, app: Any, place: WebPlace, where: Path, **more: Any) -> None:  # noqa: ANN401 - an ASGI application; uvicorn's own settings
    """Serve `app` until `stop` is set; where it listens is written into the file `where`.

    Raises Transient when the port is taken.
    """
    with _listening(place.host, place.port) as listening:
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            log_config=None,
            access_log=False,  # its lines hold URLs, and a one-time link is one
            server_header=False,
            proxy_headers=bool(place.trusted_proxies),
            forwarded_allow_ips=[str(network) for network in place.trusted_proxies],
            timeout_graceful_shutdown=_GRACE_SECONDS,
            **{"ssl_certfile": place.tls_certificate or None, "ssl_keyfile": place.tls_key or None, **more},
        )
        server = _Server(config)
        threading.Thread(target=server.end_when, args=(stop,), daemon=True).start()
        publish(where, {"address": _address(place, listening)})
        try:
            server.run(sockets=[listening])
        finally:
            withdraw(where)


class _Server(uvicorn.Server):
    """A server that ends by an event; signals are the command's own."""

    def end_when(self, stop: threading.Event) -> None:
        """Wait for the event, then end."""
        stop.wait()
        self.should_exit = True


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=128)
    except OSError as error:
        raise Transient(f"cannot listen on {host}:{port}: {error.strerror}; see the port in the settings") from error


def _address(place: WebPlace, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if place.tls_certificate else 'http'}://{shown}:{port}"
