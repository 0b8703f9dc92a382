"""Asking a destination whether it keeps what it took, and telling a sender what is kept: PS3.4 Annex J.

Nothing is retried here, and nothing is kept: whoever asks has written the question down before.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association

from dicom_gateway.association_scu import Destination, Proposal, associated
from dicom_gateway.commitment import (
    REQUEST_ACTION,
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    action_information,
    event_information,
    event_type,
)
from dicom_gateway.commitment_events import OnReply, answer_event
from dicom_gateway.status import StatusFamily, classify, status_words
from dicom_gateway.verification_find import STUDY_ROOT_FIND, has_instance
from domain.commitment import CommitmentReply, SopReference
from domain.errors import PeerBusy, PeerUnavailable, QuestionRefused

_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ConfirmationSession:
    """An open association to a destination that is asked about what it took."""

    destination: Destination
    assoc: Association
    #: What the destination accepted.
    takes_commitment: bool
    takes_query: bool

    def request(self, transaction_uid: str, instances: Sequence[SopReference]) -> None:
        """Ask for commitment (N-ACTION); the answer comes by an N-EVENT-REPORT, here or elsewhere.

        Raises PeerUnavailable without a response, PeerBusy and QuestionRefused on a failure status.
        """
        information = action_information(transaction_uid, instances)
        with _lost(self.destination):
            answer, _ = self.assoc.send_n_action(information, REQUEST_ACTION, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
        _judge(self.destination, answer, "N-ACTION")

    def has(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool:
        """Ask for one instance by C-FIND; raises as `has_instance` does."""
        return has_instance(self.destination, self.assoc, study_uid, series_uid, sop_instance_uid)

    def hold(self, seconds: float, is_open: Callable[[], bool]) -> None:
        """Keep the association for an answer that comes on it, while `is_open` says that it is still wanted."""
        deadline = time.monotonic() + seconds
        while self.assoc.is_established and time.monotonic() < deadline and is_open():
            time.sleep(min(_LOOK_SECONDS, seconds))


@contextmanager
def confirmation_session(
    destination: Destination, on_reply: OnReply, *, commitment: bool, query: bool
) -> Iterator[ConfirmationSession]:
    """Open an association that proposes storage commitment, or Study Root C-FIND, or both.

    `on_reply` is given what the destination answers on it, in a thread of its own. Raises NoContextAccepted when it
    takes neither, PeerUnavailable as `associated` does.
    """
    wanted = [(STORAGE_COMMITMENT, commitment), (STUDY_ROOT_FIND, query)]
    proposals = [Proposal(uid, _SYNTAXES) for uid, is_wanted in wanted if is_wanted]
    handlers = [(evt.EVT_N_EVENT_REPORT, lambda event: answer_event(event, on_reply))]
    with associated(destination, proposals, handlers) as assoc:
        accepted = {str(cx.abstract_syntax) for cx in assoc.accepted_contexts}
        yield ConfirmationSession(destination, assoc, STORAGE_COMMITMENT in accepted, STUDY_ROOT_FIND in accepted)


def report_event(destination: Destination, reply: CommitmentReply) -> None:
    """Tell a sender, on an association of our own as its SCP, what is committed and what is not (N-EVENT-REPORT).

    Raises PeerUnavailable when it cannot be told, PeerBusy and QuestionRefused on a failure status.
    """
    proposal = Proposal(STORAGE_COMMITMENT, _SYNTAXES, as_scp=True)
    with associated(destination, [proposal]) as assoc, _lost(destination):
        answer, _ = assoc.send_n_event_report(
            event_information(reply), event_type(reply), STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE
        )
        _judge(destination, answer, "N-EVENT-REPORT")


@contextmanager
def _lost(destination: Destination) -> Iterator[None]:
    """Turn what pynetdicom raises on an association that is gone into PeerUnavailable."""
    try:
        yield
    except RuntimeError as error:
        raise PeerUnavailable(f"{destination.name}: association lost") from error


def _judge(destination: Destination, answer: Dataset, operation: str) -> None:
    if "Status" not in answer:
        raise PeerUnavailable(f"{destination.name}: association lost, or no answer to {operation} in time")
    judge_status(int(answer.Status), operation)


def judge_status(status: int, operation: str) -> None:
    """Raise PeerBusy or QuestionRefused unless a status says that the peer has taken a message."""
    family, words = classify(status), f"to {operation}: {status_words(status)}"
    if family is StatusFamily.TRANSIENT:
        raise PeerBusy(status, words)
    if family is StatusFamily.REFUSED:
        raise QuestionRefused(status, words)
