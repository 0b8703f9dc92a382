"""Serve the application until told to stop."""

import json
import socket
import threading

import structlog
import uvicorn

from config.settings import Settings
from db import schema
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from domain.errors import Transient
from worklist.app import make_app
from worklist.desk import Desk

_log = structlog.get_logger()
#: Seconds that open requests get to end.
_GRACE_SECONDS = 3


def run_worklist(settings: Settings, desk: Desk, stop: threading.Event) -> None:
    """Serve pages and API until `stop` is set; where they listen is written into run/worklist.json.

    Raises ConfigurationInvalid when the database is not this version's, Transient when the port is taken.
    """
    worklist = settings.worklist
    engine = make_engine(settings.database_url)
    schema.require_newest(engine)
    app = make_app(engine, InstanceStore(settings.service.data_dir), worklist, desk)
    with _listening(worklist.host, worklist.port) as listening:
        address = _publish(settings, listening)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # its lines hold URLs, and a one-time link is one
            server_header=False,
            proxy_headers=bool(worklist.trusted_proxies),
            forwarded_allow_ips=[str(network) for network in worklist.trusted_proxies],
            ssl_certfile=worklist.tls_certificate or None,
            ssl_keyfile=worklist.tls_key or None,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = _Server(config)
        threading.Thread(target=server.end_when, args=(stop,), daemon=True).start()
        _log.info("worklist_started", address=address)
        server.run(sockets=[listening])
    engine.dispose()


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
        raise Transient(f"the worklist cannot listen on {host}:{port}: {error.strerror}; see worklist.port") from error


def _publish(settings: Settings, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = f"{'https' if settings.worklist.tls_certificate else 'http'}://{shown}:{port}"
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    (settings.run_dir / "worklist.json").write_text(json.dumps({"address": address}))
    return address
