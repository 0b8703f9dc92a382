"""Storage commitment on our listener, PS3.4 Annex J: SCP for senders, and where destinations answer what we asked.

What is asked is kept before it is answered, and answered by others; only where no other way to the sender is known,
the answer goes out on the association of its request, if that is still open.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.presentation import build_context

from dicom_gateway.commitment import (
    REQUEST_ACTION,
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    CommitmentInvalid,
    encoded,
    event_information,
    event_type,
    read_action,
)
from dicom_gateway.commitment_events import OnReply, answer_event, status_elements
from dicom_gateway.commitment_scu import judge_status
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.receiving_association import ReceivingAssociation
from dicom_gateway.status import Status
from domain.clock import utc_now
from domain.commitment import CommitmentReply, SopReference
from domain.errors import CxrTriageError, PeerUnavailable

_log = structlog.get_logger()

#: Answers under way on associations of their requests; further ones find another way, or are listed.
_MOST_ANSWERS_AT_ONCE = 16
#: How long a peer may take to let its own request's response, and then our answer, through.
_ANSWER_SECONDS = 60.0

#: Sends an answer to the sender. Raises PeerUnavailable, PeerBusy, QuestionRefused.
SendReply = Callable[[CommitmentReply], None]


@dataclass(frozen=True, slots=True)
class CommitmentAsked:
    """One N-ACTION of a sender."""

    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    transaction_uid: str
    instances: tuple[SopReference, ...]
    #: Aware, UTC.
    received_at: datetime


#: Keeps a request durably; gives who is to send its answer on the same association, or None where nobody is.
OnAsked = Callable[[CommitmentAsked], Callable[[SendReply], None] | None]


class CommitmentScp:
    """Serves both kinds of message of storage commitment; called in association threads."""

    def __init__(self, on_asked: OnAsked, on_reply: OnReply, *, is_offered: bool = True) -> None:
        """Success is answered when these return; 0110 when they raise a CxrTriageError.

        Where it is not offered to senders, destinations may still answer.
        """
        self._on_asked = on_asked
        self._on_reply = on_reply
        self._is_offered = is_offered
        self._slots = threading.BoundedSemaphore(_MOST_ANSWERS_AT_ONCE)

    def service(self) -> OfferedService:
        """Give what the listener offers: a peer may be the SCU of its own request, or the SCP of ours."""
        context = build_context(STORAGE_COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        context.scu_role, context.scp_role = self._is_offered, True
        replies = (evt.EVT_N_EVENT_REPORT, lambda event: answer_event(event, self._on_reply))
        return OfferedService([context], [(evt.EVT_N_ACTION, self.action), replies])

    def action(self, event: evt.Event) -> tuple[Dataset, None]:
        """Take one N-ACTION; success is answered only when the request is kept."""
        try:
            asked = _asked(event, is_offered=self._is_offered)
            _log.info("commitment_asked", calling_ae_title=asked.calling_ae_title, instances=len(asked.instances))
            answer = self._on_asked(asked)
        except CommitmentInvalid as error:
            _log.warning("commitment_request_refused", reason=str(error), status=f"0x{error.status:04X}")
            return status_elements(error.status, str(error)), None
        except CxrTriageError as error:
            _log.warning("commitment_request_not_kept", reason=str(error))
            return status_elements(Status.PROCESSING_FAILURE, "cannot be kept now"), None
        if answer is not None and self._slots.acquire(blocking=False):
            arguments = (event.assoc, event.request._context_id, answer)
            threading.Thread(target=self._answer_here, args=arguments, name="commitment-answer", daemon=True).start()
        return status_elements(Status.SUCCESS), None

    def _answer_here(self, assoc: ReceivingAssociation, context_id: int, answer: Callable[[SendReply], None]) -> None:
        try:
            if assoc.dimse.normalised.wait_for_action_answered(_ANSWER_SECONDS):
                answer(lambda reply: _send_here(assoc, context_id, reply))
        except CxrTriageError as error:
            _log.warning("commitment_answer_not_recorded", reason=str(error))
        finally:
            self._slots.release()


def _asked(event: evt.Event, *, is_offered: bool) -> CommitmentAsked:
    request, requestor = event.request, event.assoc.requestor
    if not is_offered:
        raise CommitmentInvalid(Status.NOT_AUTHORISED, "storage commitment is not offered to senders")
    if request.RequestedSOPInstanceUID != WELL_KNOWN_INSTANCE:
        raise CommitmentInvalid(Status.NO_SUCH_SOP_INSTANCE, "not the well-known SOP Instance")
    if request.ActionTypeID != REQUEST_ACTION:
        raise CommitmentInvalid(Status.NO_SUCH_ACTION, "action type is not 1")
    transaction_uid, instances = read_action(request.ActionInformation, UID(event.context.transfer_syntax))
    return CommitmentAsked(
        calling_ae_title=requestor.primitive.calling_ae_title.strip(),
        called_ae_title=requestor.primitive.called_ae_title.strip(),
        peer_address=requestor.address,
        transaction_uid=transaction_uid,
        instances=instances,
        received_at=utc_now(),
    )


def _send_here(assoc: ReceivingAssociation, context_id: int, reply: CommitmentReply) -> None:
    """Send an answer on the association of its request."""
    context = next((cx for cx in assoc.accepted_contexts if cx.context_id == context_id), None)
    if not assoc.is_established or context is None:
        raise PeerUnavailable("the association of the request is closed")
    request = N_EVENT_REPORT()
    request.MessageID = 1
    request.AffectedSOPClassUID = UID(STORAGE_COMMITMENT)
    request.AffectedSOPInstanceUID = UID(WELL_KNOWN_INSTANCE)
    request.EventTypeID = event_type(reply)
    request.EventInformation = encoded(event_information(reply), context.transfer_syntax[0])
    judge_status(assoc.dimse.normalised.ask(request, context_id, _ANSWER_SECONDS), "N-EVENT-REPORT")
