"""A DICOMweb server that answers as a test says, and keeps what it was sent; over real HTTP."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Self

from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_gateway.multipart_related import RelatedParser, boundary_of

JSON = "application/dicom+json"


@dataclass
class Scripted:
    """What is answered, until it is changed."""

    status: int = 200
    payload: dict[str, Any] | None = None
    content_type: str = JSON
    token: str = ""
    received: list[Dataset] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def begin(self, media_type: str) -> None:
        """Take a part (for `RelatedParser`)."""
        self._part = bytearray()

    def write(self, data: memoryview) -> None:
        """Take bytes of it."""
        self._part += data

    def end(self) -> None:
        """Keep it."""
        self.received.append(dcmread(BytesIO(bytes(self._part))))

    def failed(self, reason: int) -> None:
        """Answer as a server that has refused the one instance."""
        self.payload = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [reason]}}]}}


class ScriptedServer:
    """Runs on a free port of the loopback."""

    def __init__(self, script: Scripted, tls: ssl.SSLContext | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    """Read a body of known length, or of chunks."""
    if "Content-Length" in handler.headers:
        return handler.rfile.read(int(handler.headers["Content-Length"]))
    whole = b""
    while size := int(handler.rfile.readline(), 16):
        whole += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return whole


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = _body(self)
            script.paths.append(self.path)
            if script.token and self.headers.get("Authorization") != f"Bearer {script.token}":
                self._answer(401, None)
                return
            parser = RelatedParser(boundary_of(self.headers["Content-Type"]), script, 10)
            parser.feed(body)
            parser.finish()
            self._answer(script.status, script.payload)

        def do_GET(self) -> None:
            script.paths.append(self.path)
            is_known = not script.token or self.headers.get("Authorization") == f"Bearer {script.token}"
            self._answer(script.status if is_known else 401, None)

        def _answer(self, status: int, payload: dict[str, Any] | None) -> None:
            content = b"" if payload is None else json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", script.content_type)
            self.send_header("Content-Length", str(len(content)))
            if status in {301, 302, 307}:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
