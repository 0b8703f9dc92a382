"""Storage commitment on the simulated PACS: an SCP that can say yes, no, too late or nothing at all; PS3.4 Annex J."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment import (
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    CommitmentInvalid,
    event_information,
    event_type,
    read_action,
)
from dicom_gateway.commitment_events import answer_event, status_elements
from dicom_gateway.commitment_scu import report_event
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.status import Status
from domain.commitment import CommitmentReply, FailureReason, SopReference
from domain.errors import CxrTriageError

_log = structlog.get_logger()

#: Before each attempt to give an answer on an association of its own.
_WAITS_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)


class CommitmentMode(StrEnum):
    """How the PACS treats a request for commitment."""

    #: Says what is true: committed is what it holds.
    HONEST = "honest"
    #: Refuses the request (N-ACTION) with 0110.
    REFUSE = "refuse"
    #: Takes the request, and answers that everything failed.
    FAIL = "fail"
    #: Takes the request, and never answers.
    SILENT = "silent"
    #: Does not offer storage commitment.
    OFF = "off"


@dataclass(frozen=True, slots=True)
class CommitmentManners:
    """How a PACS does storage commitment."""

    mode: CommitmentMode = CommitmentMode.HONEST
    #: Wait before the answer.
    delay_seconds: float = 0.0
    #: Answer on a new association to there; None: on the association of the request.
    answer_to: Destination | None = None
    #: Give each answer so many times.
    times: int = 1


@dataclass(slots=True)
class PacsCommitment:
    """The storage commitment of one PACS; thread-safe."""

    #: Gives the SOP Instance UIDs that the PACS holds.
    held: Callable[[], Collection[str]]
    manners: CommitmentManners
    #: Requests, as they came: Transaction UID and instances.
    requests: list[tuple[str, tuple[SopReference, ...]]] = field(default_factory=list)
    #: What the PACS was answered about what it asked.
    replies: list[CommitmentReply] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def service(self) -> OfferedService:
        """Give what is offered: the peer is SCU, or the SCP of what this PACS asked as a sender."""
        context = build_context(STORAGE_COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        context.scu_role = context.scp_role = True
        replies = (evt.EVT_N_EVENT_REPORT, lambda event: answer_event(event, self._on_reply))
        return OfferedService([context], [(evt.EVT_N_ACTION, self.action), replies])

    def action(self, event: evt.Event) -> tuple[Dataset, None]:
        """Take one N-ACTION, or refuse it."""
        try:
            request = event.request
            transaction_uid, instances = read_action(request.ActionInformation, UID(event.context.transfer_syntax))
        except CommitmentInvalid as error:
            return status_elements(error.status, str(error)), None
        with self.changed:
            self.requests.append((transaction_uid, instances))
            self.changed.notify_all()
        if self.manners.mode is CommitmentMode.REFUSE:
            return status_elements(Status.PROCESSING_FAILURE), None
        if self.manners.mode is not CommitmentMode.SILENT:
            arguments = (event.assoc, self._reply(transaction_uid, instances))
            threading.Thread(target=self._answer, args=arguments, name="pacs-commitment", daemon=True).start()
        return status_elements(Status.SUCCESS), None

    def wait_for_replies(self, number: int, timeout_seconds: float) -> list[CommitmentReply]:
        """Wait until so many answers came to what this PACS asked; raises TimeoutError."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.replies) >= number, timeout_seconds):
                raise TimeoutError(f"{len(self.replies)} of {number} answers came in {timeout_seconds} s")
            return list(self.replies)

    def _reply(self, transaction_uid: str, instances: tuple[SopReference, ...]) -> CommitmentReply:
        held = set() if self.manners.mode is CommitmentMode.FAIL else set(self.held())
        committed = tuple(reference for reference in instances if reference.sop_instance_uid in held)
        reason = FailureReason.NO_SUCH_OBJECT_INSTANCE
        failed = tuple((reference, int(reason)) for reference in instances if reference.sop_instance_uid not in held)
        return CommitmentReply(transaction_uid, committed, failed)

    def _answer(self, assoc: Association, reply: CommitmentReply) -> None:
        time.sleep(self.manners.delay_seconds)
        for _ in range(self.manners.times):
            if self.manners.answer_to is None:
                self._answer_on(assoc, reply)
            else:
                self._answer_to(self.manners.answer_to, reply)

    def _answer_on(self, assoc: Association, reply: CommitmentReply) -> None:
        information = event_information(reply)
        try:
            assoc.send_n_event_report(information, event_type(reply), STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
        except RuntimeError as error:  # pynetdicom's word for an association that is gone
            _log.warning("pacs_commitment_not_answered", reason=str(error))

    def _answer_to(self, destination: Destination, reply: CommitmentReply) -> None:
        """Answer on an association of its own, and again where that fails, as a PACS does."""
        for wait in _WAITS_SECONDS:
            time.sleep(wait)
            try:
                report_event(destination, reply)
            except CxrTriageError as error:
                _log.warning("pacs_commitment_not_answered", reason=str(error))
            else:
                return

    def _on_reply(self, reply: CommitmentReply) -> bool:
        with self.changed:
            self.replies.append(reply)
            self.changed.notify_all()
        return True
