"""Requests of our own on accepted associations: N-EVENT-REPORT of storage commitment, PS3.7 chapter 10.

Their answers go to the thread that waits for one, not to the association's.
"""

import queue
import threading
from typing import Any, Protocol

from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT

from dicom_gateway.upper_layer import ProtocolViolation
from domain.errors import PeerUnavailable


class MessageSender(Protocol):
    """What sends a message."""

    def send_msg(self, primitive: Any, context_id: int) -> None:  # noqa: ANN401 - one of pynetdicom's primitives
        """Encode and send it."""


class NormalisedService:
    """What we ask on one accepted association."""

    def __init__(self, dimse: MessageSender) -> None:
        self._dimse = dimse
        #: Held while one message is sent.
        self.sending = threading.Lock()
        self._asking = threading.Lock()
        self._waits = threading.Event()
        self._answers: queue.SimpleQueue[N_EVENT_REPORT | None] = queue.SimpleQueue()
        self._actions_answered = threading.Semaphore(0)

    def takes_answer(self, primitive: Any) -> bool:  # noqa: ANN401 - one of pynetdicom's primitives
        """Hand an answer to whoever waits for it; False for a request. Raises ProtocolViolation when nobody does."""
        if primitive.MessageIDBeingRespondedTo is None:
            return False
        if not self._waits.is_set():
            raise ProtocolViolation("answer to nothing that was asked")
        self._answers.put(primitive)
        return True

    def note_sent(self, primitive: Any) -> None:  # noqa: ANN401 - one of pynetdicom's primitives
        """Learn that a message is on its way."""
        if isinstance(primitive, N_ACTION):
            self._actions_answered.release()

    def wait_for_action_answered(self, seconds: float) -> bool:
        """Wait until one more N-ACTION has its response; False when that takes too long."""
        return self._actions_answered.acquire(timeout=seconds)

    def ask(self, request: N_EVENT_REPORT, context_id: int, seconds: float) -> int:
        """Send an N-EVENT-REPORT and give the status of its answer. Raises PeerUnavailable without one."""
        with self._asking:
            self._waits.set()
            try:
                self._dimse.send_msg(request, context_id)
                answer = self._answers.get(timeout=seconds)
            except queue.Empty:
                raise PeerUnavailable("no answer to N-EVENT-REPORT in time") from None
            finally:
                self._waits.clear()
        if answer is None or answer.Status is None:
            raise PeerUnavailable("association lost before N-EVENT-REPORT was answered")
        return int(answer.Status)

    def close(self) -> None:
        """Wake who waits: the association is over."""
        self._answers.put(None)
