"""Messages of the services beside storage as they arrive: small, so kept in memory, and bounded."""

from typing import Any

from pynetdicom.dimse_messages import (
    C_CANCEL_RQ,
    C_FIND_RQ,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_EVENT_REPORT_RQ,
    N_EVENT_REPORT_RSP,
    N_GET_RQ,
    N_SET_RQ,
    DIMSEMessage,
)
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

from dicom_gateway.upper_layer import ProtocolViolation

#: Room for a request for commitment of some fifty thousand instances; a workitem has some thousand bytes.
_MAXIMUM_DATA_SET_BYTES = 8 << 20
_DATA_SET_FRAGMENT, _LAST_DATA_SET_FRAGMENT = b"\x00", b"\x02"
_REQUESTS = (C_FIND_RQ, C_CANCEL_RQ, N_GET_RQ, N_SET_RQ, N_ACTION_RQ, N_CREATE_RQ, N_EVENT_REPORT_RQ)
#: Answers to what we ask on an association that the peer opened.
_ANSWERS = (N_EVENT_REPORT_RSP,)


class MessageInMemory:
    """One message while its data set arrives."""

    def __init__(self, context_id: int, message: DIMSEMessage) -> None:
        """Begin with a complete command set. Raises ProtocolViolation for one that no service here takes."""
        if not isinstance(message, _REQUESTS + _ANSWERS):
            raise ProtocolViolation(f"unexpected {type(message).__name__}")
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

    def primitive(self, sop_classes: frozenset[str]) -> Any:  # noqa: ANN401 - one of pynetdicom's primitives
        """Give what pynetdicom serves. Raises ProtocolViolation when it is incomplete, or of another SOP class."""
        primitive = self._message.message_to_primitive()
        if isinstance(primitive, C_CANCEL) or isinstance(self._message, _ANSWERS):
            return primitive
        if not primitive.is_valid_request:
            raise ProtocolViolation("command set without a mandatory element")
        # pynetdicom chooses its service by the command's UID, and aborts on one that it does not know.
        affected = getattr(primitive, "AffectedSOPClassUID", None) or getattr(primitive, "RequestedSOPClassUID", None)
        if str(affected) not in sop_classes:
            raise ProtocolViolation("SOP class is not one of the service negotiated")
        return primitive
