"""DIMSE messages as they arrive: command sets are decoded, data sets go straight to disk.

pynetdicom's own way to spool (STORE_RECV_CHUNKED_DATASET) is a switch for the whole process, uses the
process's temporary folder, leaves the file behind on an abort, and lets its thread die on a
command set without Affected SOP Class UID; this provider replaces it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL, C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from dicom_gateway.file_meta import FileMeta, own_file_meta
from dicom_gateway.instance_identity import MALFORMED, InstanceRefused
from dicom_gateway.receiving_message import MessageInMemory
from dicom_gateway.receiving_normalised import NormalisedService
from dicom_gateway.room import Room
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from dicom_gateway.uids import is_valid_uid
from dicom_gateway.upper_layer import ProtocolViolation

_log = structlog.get_logger()

#: PS3.8 Annex E.2, the message control header.
_COMMAND_FRAGMENT = 1
_LAST_FRAGMENT = 2
#: Command sets have some two hundred bytes.
_MAXIMUM_COMMAND_BYTES = 1 << 16
#: Requests that may wait for an answer. PS3.7 allows one here, as no window is negotiated.
_MAXIMUM_OUTSTANDING = 4
#: The state machine's event for an invalid PDU, PS3.8 Table 9-10: it sends A-ABORT.
_INVALID_PDU = "Evt19"


class ReceivingDimse(DIMSEServiceProvider):  # type: ignore[misc]  # pynetdicom is untyped here
    """The DIMSE provider of one accepted association.

    A complete C-STORE request carries its data set as the attribute `spool` (None without a data set).
    """

    def __init__(
        self, assoc: Association, new_temporary: Callable[[], Path], maximum_object_bytes: int, room: Room
    ) -> None:
        """Serve `assoc`; a data set larger than `maximum_object_bytes`, or than the `room`, is refused, not kept."""
        super().__init__(assoc)
        self._room = room
        self._new_temporary = new_temporary
        self._maximum_object_bytes = maximum_object_bytes
        self.message: DIMSEMessage | None = None
        self._command_bytes = 0
        self._request: C_STORE | None = None
        self._spools: list[Spool] = []
        #: What we ask on this association ourselves.
        self.normalised = NormalisedService(self)
        self._in_memory: MessageInMemory | None = None

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the fragments of one P-DATA; a peer that breaks the protocol gets an A-ABORT.

        Runs in the DUL's thread, which must outlive whatever the peer sends.
        """
        try:
            for context_id, fragment in primitive.presentation_data_value_list:
                self._take(context_id, fragment)
        except (ProtocolViolation, *MALFORMED) as error:
            _log.warning(
                "dimse_message_malformed",
                association_id=self.assoc.association_id,
                calling_ae_title=self.assoc.requestor.ae_title,
                peer_address=self.assoc.requestor.address,
                reason=str(error) if isinstance(error, ProtocolViolation) else type(error).__name__,
            )
            self.dul.event_queue.put(_INVALID_PDU)

    def discard_unanswered(self) -> None:
        """Delete the temporary files of requests that never got an answer."""
        for spool in self._spools:
            spool.discard()
        self._spools.clear()
        self.normalised.close()

    def send_msg(self, primitive: Any, context_id: int) -> None:  # noqa: ANN401 - one of pynetdicom's primitives
        """Send one message whole: two threads may send, and fragments of two messages must not mix (PS3.8 Annex E)."""
        with self.normalised.sending:
            super().send_msg(primitive, context_id)
        self.normalised.note_sent(primitive)

    def _take(self, context_id: int, fragment: bytes) -> None:
        control = fragment[0]
        is_last = bool(control & _LAST_FRAGMENT)
        if control & _COMMAND_FRAGMENT:
            self._take_command(context_id, fragment, is_last)
        else:
            self._take_data_set(context_id, memoryview(fragment)[1:], is_last)

    def _take_command(self, context_id: int, fragment: bytes, is_last: bool) -> None:
        if self._request is not None or self._in_memory is not None:
            raise ProtocolViolation("command fragment inside a data set")
        self._command_bytes += len(fragment)
        if self._command_bytes > _MAXIMUM_COMMAND_BYTES:
            raise ProtocolViolation("command set too long")
        if self.message is None:
            self.message = DIMSEMessage()
        part = P_DATA()
        part.presentation_data_value_list = [[context_id, fragment]]
        is_complete = self.message.decode_msg(part, self.assoc)
        if is_last:
            message, self.message, self._command_bytes = self.message, None, 0
            is_stored = self._context(context_id).abstract_syntax not in self.assoc.host.more_sop_classes
            begin = self._begin if is_stored else self._begin_in_memory
            begin(context_id, message, has_data_set=not is_complete)

    def _begin(self, context_id: int, message: DIMSEMessage, *, has_data_set: bool) -> None:
        if not isinstance(message, (C_STORE_RQ, C_ECHO_RQ)):
            raise ProtocolViolation(f"unexpected {type(message).__name__}")
        if self.msg_queue.qsize() >= _MAXIMUM_OUTSTANDING:
            raise ProtocolViolation("too many requests without waiting for their answers")
        request = message.message_to_primitive()
        if not request.is_valid_request:
            raise ProtocolViolation("command set without a mandatory element")
        if isinstance(message, C_STORE_RQ):
            request.spool = None
            if has_data_set:
                request.spool = self._open_spool(context_id, request)
                self._request = request
                return
        elif has_data_set:
            raise ProtocolViolation("C-ECHO with a data set")
        self._deliver(context_id, request)

    def _begin_in_memory(self, context_id: int, message: DIMSEMessage, *, has_data_set: bool) -> None:
        self._in_memory = MessageInMemory(context_id, message)
        if not has_data_set:
            self._finish_in_memory(context_id, self._in_memory)

    def _finish_in_memory(self, context_id: int, message: MessageInMemory) -> None:
        self._in_memory = None
        primitive = message.primitive(self.assoc.host.more_sop_classes[self._context(context_id).abstract_syntax])
        if isinstance(primitive, C_CANCEL):
            # Looked up while the query that it cancels is being answered; it gets no answer of its own.
            if len(self.cancel_req) < _MAXIMUM_OUTSTANDING:
                self.cancel_req[primitive.MessageIDBeingRespondedTo] = primitive
            return
        if self.normalised.takes_answer(primitive):
            return
        if self.msg_queue.qsize() >= _MAXIMUM_OUTSTANDING:
            raise ProtocolViolation("too many requests without waiting for their answers")
        self.msg_queue.put((context_id, primitive))

    def _open_spool(self, context_id: int, request: C_STORE) -> Spool:
        transfer_syntax = self._context(context_id).transfer_syntax[0]
        is_valid = is_valid_uid(str(request.AffectedSOPInstanceUID))
        file_meta = _file_meta(request, str(transfer_syntax)) if is_valid else b""
        spool = Spool(self._new_temporary(), file_meta, self._maximum_object_bytes, self._room)
        self._spools.append(spool)
        if not is_valid:
            spool.refuse(InstanceRefused(Status.INVALID_SOP_INSTANCE, "Affected SOP Instance UID invalid"))
        return spool

    def _take_data_set(self, context_id: int, fragment: memoryview, is_last: bool) -> None:
        if self._in_memory is not None:
            self._in_memory.take(context_id, fragment, is_last=is_last)
            if is_last:
                self._finish_in_memory(context_id, self._in_memory)
            return
        request = self._request
        if request is None or context_id != request._context_id:
            raise ProtocolViolation("data set fragment without its command set")
        request.spool.write(fragment)
        if is_last:
            self._request = None
            self._deliver(context_id, request)

    def _deliver(self, context_id: int, request: C_STORE) -> None:
        if isinstance(request, C_STORE) and request.AffectedSOPClassUID != self._context(context_id).abstract_syntax:
            self._refuse_sop_class(context_id, request)
            return
        self.msg_queue.put((context_id, request))

    def _refuse_sop_class(self, context_id: int, request: C_STORE) -> None:
        """Answer 0122 at once: pynetdicom would abort on a SOP class that it does not know."""
        if request.spool is not None:
            self.answered(request.spool)
        response = C_STORE()
        response.MessageIDBeingRespondedTo = request.MessageID
        response.AffectedSOPClassUID = request.AffectedSOPClassUID
        response.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
        response.Status = int(Status.SOP_CLASS_NOT_SUPPORTED)
        response.ErrorComment = "SOP class is not the one negotiated"
        self.send_msg(response, context_id)

    def answered(self, spool: Spool) -> None:
        """Forget a spool whose request has its answer, and delete what is left of it."""
        spool.discard()
        self._spools.remove(spool)

    def _context(self, context_id: int) -> PresentationContext:
        for context in self.assoc.accepted_contexts:
            if context.context_id == context_id:
                return context
        raise ProtocolViolation("message under a presentation context that was not accepted")


def _file_meta(request: C_STORE, transfer_syntax_uid: str) -> bytes:
    return own_file_meta(
        FileMeta(str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), transfer_syntax_uid)
    )
