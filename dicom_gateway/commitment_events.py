"""An N-EVENT-REPORT of storage commitment as it arrives, on whichever association: PS3.4 J.3.3."""

from collections.abc import Callable

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt

from dicom_gateway.commitment import ALL_COMMITTED_EVENT, FAILURES_EVENT, CommitmentInvalid, read_event
from dicom_gateway.status import Status
from domain.commitment import CommitmentReply
from domain.errors import CxrTriageError

_log = structlog.get_logger()

#: Takes an answer durably; False when its transaction is unknown. Raises CxrTriageError when it cannot be kept now.
OnReply = Callable[[CommitmentReply], bool]


def answer_event(event: evt.Event, on_reply: OnReply) -> tuple[Dataset, None]:
    """Take one N-EVENT-REPORT; success is answered only when the answer is kept."""
    try:
        _take(event, on_reply)
    except CommitmentInvalid as error:
        _log.warning("commitment_answer_refused", reason=str(error), status=f"0x{error.status:04X}")
        return status_elements(error.status, str(error)), None
    except CxrTriageError as error:
        _log.warning("commitment_answer_not_kept", reason=str(error))
        return status_elements(Status.PROCESSING_FAILURE, "cannot be kept now"), None
    return status_elements(Status.SUCCESS), None


def _take(event: evt.Event, on_reply: OnReply) -> None:
    request = event.request
    if request.EventTypeID not in (ALL_COMMITTED_EVENT, FAILURES_EVENT):
        raise CommitmentInvalid(Status.NO_SUCH_EVENT_TYPE, "event type is neither 1 nor 2")
    reply = read_event(request.EventInformation, UID(event.context.transfer_syntax))
    if not on_reply(reply):
        raise CommitmentInvalid(Status.INVALID_ARGUMENT_VALUE, "Transaction UID unknown")


def status_elements(status: Status, comment: str = "") -> Dataset:
    """Give a response's Status and Error Comment."""
    elements = Dataset()
    elements.Status = int(status)
    if comment:
        elements.ErrorComment = comment
    return elements
