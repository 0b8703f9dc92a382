"""A RIS for tests and for the `simulate-pacs` command: takes HL7 messages over MLLP, and answers as asked."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self

import structlog

from domain.errors import PeerUnavailable
from hl7_gateway.acknowledgement import HL7_VERSION
from hl7_gateway.mllp import framed, read_block

_log = structlog.get_logger()
_IDLE_SECONDS = 60.0
_POLL_SECONDS = 0.05
_MSH_CONTROL_ID = 9


class RisAnswer(StrEnum):
    """What is answered to a message."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"
    #: Nothing, and the connection stays open.
    SILENT = "silent"
    #: Bytes that are no MLLP block.
    GARBAGE = "garbage"
    #: The connection is closed.
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class MessageAttempt:
    """One message that reached the RIS."""

    #: MSH-10.
    control_id: str
    #: Aware, UTC.
    received_at: datetime
    answer: RisAnswer
    message: bytes


class SimulatedRis:
    """An MLLP listener between `start` and `stop`; it may be started again on the same port. Thread-safe."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, answer: RisAnswer = RisAnswer.ACCEPT, error_code: str = ""
    ) -> None:
        """Prepare to listen; port 0 takes any free one. `error_code` is of HL7 table 0357, for ERR-3."""
        self._address = (host, port)
        self._answer = answer
        self._error_code = error_code
        self._changed = threading.Condition()
        self._attempts: list[MessageAttempt] = []
        self._stopping = threading.Event()
        self._server: ThreadingTCPServer | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the port is known once started."""
        return self._address

    @property
    def attempts(self) -> tuple[MessageAttempt, ...]:
        """Every message that came, in order."""
        with self._changed:
            return tuple(self._attempts)

    @property
    def accepted(self) -> dict[str, bytes]:
        """What was accepted, once per control ID: a second time is the same message."""
        kept: dict[str, bytes] = {}
        for attempt in self.attempts:
            if attempt.answer is RisAnswer.ACCEPT:
                kept.setdefault(attempt.control_id, attempt.message)
        return kept

    def set_answer(self, answer: RisAnswer, error_code: str = "") -> None:
        """Change what is answered from here on."""
        with self._changed:
            self._answer, self._error_code = answer, error_code

    def wait_for_accepted(self, number: int, timeout_seconds: float) -> dict[str, bytes]:
        """Wait until so many different messages were accepted; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._control_ids()) >= number, timeout_seconds):
                raise TimeoutError(f"{len(self._control_ids())} of {number} messages came in {timeout_seconds} s")
        return self.accepted

    def _control_ids(self) -> set[str]:
        return {attempt.control_id for attempt in self._attempts if attempt.answer is RisAnswer.ACCEPT}

    def start(self) -> None:
        """Listen; raises OSError."""
        self._stopping.clear()
        self._server = _Server(self._address, self.serve)
        self._address = (self._address[0], int(self._server.server_address[1]))
        threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def stop(self) -> None:
        """Close the port, and let go of who waits for an answer."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self, handler: BaseRequestHandler) -> None:
        """Answer the messages of one connection until the peer closes it."""
        connection = handler.request
        try:
            while (message := read_block(connection, _IDLE_SECONDS)) is not None:
                answer, reply = self._note(message)
                if answer is RisAnswer.SILENT:
                    self._stopping.wait()
                if answer in (RisAnswer.SILENT, RisAnswer.CLOSE):
                    return
                connection.sendall(reply)
        except (PeerUnavailable, OSError) as error:
            _log.info("ris_connection_ended", reason=type(error).__name__)

    def _note(self, message: bytes) -> tuple[RisAnswer, bytes]:
        fields = message.split(b"\r", 1)[0].decode("utf-8", errors="replace").split("|")
        control_id = fields[_MSH_CONTROL_ID] if len(fields) > _MSH_CONTROL_ID else ""
        with self._changed:
            answer, code = self._answer, self._error_code
            self._attempts.append(MessageAttempt(control_id, datetime.now(UTC), answer, message))
            self._changed.notify_all()
        _log.info("ris_message", control_id=control_id, answer=answer.value)
        return answer, _reply(answer, control_id, code)


def _reply(answer: RisAnswer, control_id: str, error_code: str) -> bytes:
    if answer is RisAnswer.GARBAGE:
        return b"\x00HTTP/1.1 400 Bad Request\r\n\r\n"
    now = f"{datetime.now(UTC):%Y%m%d%H%M%S%z}"
    text = "" if answer is RisAnswer.ACCEPT else "simulated fault"
    lines = [f"MSH|^~\\&|SIMRIS||||{now}||ACK^R01^ACK|{now}|P|{HL7_VERSION}", f"MSA|{answer.value}|{control_id}|{text}"]
    if error_code:
        lines.append(f"ERR|||{error_code}^^HL70357|E")
    return framed("".join(f"{line}\r" for line in lines).encode())


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], serve: Callable[[BaseRequestHandler], None]) -> None:
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                serve(self)

        super().__init__(address, Handler)
