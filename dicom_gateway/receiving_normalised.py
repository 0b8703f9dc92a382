"""DIMSE-N on accepted associations: N-ACTION and N-EVENT-REPORT of storage commitment, PS3.7 chapter 10.

A data set is kept in memory, and bounded. We send requests of our own on these associations too, so that answers
go to the thread that waits for one, not to the association's.
"""

import queue
import threading
from typing import Any, Protocol

from pynetdicom.dimse_messages import N_ACTION_RQ, N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.pdu_primitives import P_DATA

from dicom_gateway.commitment import STORAGE_COMMITMENT
from dicom_gateway.upper_layer import ProtocolViolation
from domain.errors import PeerUnavailable

#: Room for some fifty thousand references.
_MAXIMUM_DATA_SET_BYTES = 8 << 20
_DATA_SET_FRAGMENT, _LAST_DATA_SET_FRAGMENT = b"\x00", b"\x02"
_SERVED = (N_ACTION_RQ, N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP)


class NormalisedMessage:
    """One message while its data set arrives."""

    def __init__(self, context_id: int, message: DIMSEMessage) -> None:
        self._context_id = context_id
        self._message = message
        self._bytes = 0

    def take(self, context_id: int, fragment: memoryview, *, is_last: bool) -> None:
        """Take one fragment of the data set. Raises ProtocolViolation."""
        self._bytes += len(fragment)
        if context_id != self._context_id or self._bytes > _MAXIMUM_DATA_SET_BYTES:
            raise ProtocolViolation("data set too long, or not of its command set")
        part = P_DATA()
        control = _LAST_DATA_SET_FRAGMENT if is_last else _DATA_SET_FRAGMENT
        part.presentation_data_value_list = [[context_id, control + bytes(fragment)]]
        self._message.decode_msg(part)

    def primitive(self) -> Any:  # noqa: ANN401 - one of pynetdicom's primitives
        """Give what pynetdicom serves."""
        return self._message.message_to_primitive()


class MessageSender(Protocol):
    """What sends a message."""

    def send_msg(self, primitive: Any, context_id: int) -> None:  # noqa: ANN401 - one of pynetdicom's primitives
        """Encode and send it."""


class NormalisedService:
    """The DIMSE-N messages of one accepted association."""

    def __init__(self, dimse: MessageSender) -> None:
        self._dimse = dimse
        #: Held while one message is sent.
        self.sending = threading.Lock()
        self._asking = threading.Lock()
        self._waits = threading.Event()
        self._answers: queue.SimpleQueue[N_EVENT_REPORT | None] = queue.SimpleQueue()
        self._actions_answered = threading.Semaphore(0)

    def serves(self, message: DIMSEMessage, abstract_syntax: str) -> bool:
        """Say whether a message is one of these."""
        return isinstance(message, _SERVED) and abstract_syntax == STORAGE_COMMITMENT

    def takes_answer(self, primitive: Any) -> bool:  # noqa: ANN401 - one of pynetdicom's primitives
        """Hand an answer to whoever waits for it; False for a request. Raises ProtocolViolation when nobody does."""
        if primitive.MessageIDBeingRespondedTo is None:
            if STORAGE_COMMITMENT not in (_sop_class(primitive, "Affected"), _sop_class(primitive, "Requested")):
                raise ProtocolViolation("SOP class is not the one negotiated")
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


def _sop_class(primitive: Any, which: str) -> str:  # noqa: ANN401 - one of pynetdicom's primitives
    return str(getattr(primitive, f"{which}SOPClassUID", None) or "")
