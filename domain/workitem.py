"""Workitems: the life of a Unified Procedure Step, and who may change it (PS3.4 CC.1.1 and CC.2).

The rules of our own worklist and of the simulated PACS; how they are kept and asked for is not told here.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class WorkitemState(StrEnum):
    """Procedure Step State (0074,1000), PS3.4 Table CC.1.1-1."""

    SCHEDULED = "SCHEDULED"
    #: Claimed: only who knows the Transaction UID may change it.
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing may be changed any more."""
        return self in (WorkitemState.COMPLETED, WorkitemState.CANCELED)


class Verdict(StrEnum):
    """What is answered to a request; each has one DIMSE status."""

    GRANTED = "granted"
    #: Granted as a warning: nothing changes.
    ALREADY_COMPLETED = "already completed"
    ALREADY_CANCELED = "already canceled"
    NO_LONGER_UPDATABLE = "may no longer be updated"
    WRONG_TRANSACTION_UID = "the correct Transaction UID was not provided"
    ALREADY_IN_PROGRESS = "already in progress"
    SCHEDULED_ONLY_BY_CREATION = "may only become SCHEDULED by N-CREATE"
    FINAL_STATE_NOT_MET = "final state requirements not met"
    UNKNOWN = "no such workitem"
    NOT_IN_PROGRESS = "not yet in progress"
    CANCEL_OF_COMPLETED = "cannot be canceled, it is completed"
    PERFORMER_UNREACHABLE = "the performer cannot be contacted"


@dataclass(frozen=True, slots=True)
class Lock:
    """Where a workitem stands, and the Transaction UID of its claim ("" when it was never claimed)."""

    state: WorkitemState
    transaction_uid: str

    def opens_with(self, transaction_uid: str) -> bool:
        """Say whether this is the Transaction UID of the claim."""
        return self.transaction_uid != "" and transaction_uid == self.transaction_uid


@dataclass(frozen=True, slots=True)
class StoredWorkitem:
    """One workitem as it is kept."""

    sop_instance_uid: str
    lock: Lock
    #: All attributes but state and Transaction UID, in the DICOM JSON Model (PS3.18 Annex F).
    attributes: str
    #: Who claimed it: an AE title, "" for nobody.
    performer_ae_title: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request: the answer, and the workitem as it shall be kept; None leaves it as it is."""

    verdict: Verdict
    changed: StoredWorkitem | None = None


class Workitems(Protocol):
    """Where workitems are kept. Each method raises StoreUnavailable when the store is away."""

    def listed(self, states: Collection[WorkitemState] | None) -> Iterable[StoredWorkitem]:
        """Give the workitems in these states (None: in any), in reading order."""

    def get(self, sop_instance_uid: str) -> StoredWorkitem | None:
        """Give one workitem."""

    def update(self, sop_instance_uid: str, decide: Callable[[StoredWorkitem], Decision]) -> Verdict:
        """Let `decide` see a workitem that nobody else can change meanwhile, and keep what it says."""


def judge_state_change(
    lock: Lock, requested: WorkitemState, transaction_uid: str, *, final_state_met: bool = True
) -> Verdict:
    """Say whether a performer may change the state, PS3.4 Table CC.1.1-2.

    `final_state_met`: whether the attributes are there that the requested final state needs (Table CC.2.5-3).
    """
    if requested is WorkitemState.SCHEDULED:
        return Verdict.SCHEDULED_ONLY_BY_CREATION
    if requested is WorkitemState.IN_PROGRESS:
        return _judge_claim(lock, transaction_uid)
    return _judge_end(lock, requested, transaction_uid, final_state_met=final_state_met)


def _judge_claim(lock: Lock, transaction_uid: str) -> Verdict:
    if lock.state.is_final:
        return Verdict.NO_LONGER_UPDATABLE
    if lock.state is WorkitemState.IN_PROGRESS:
        return Verdict.ALREADY_IN_PROGRESS
    return Verdict.GRANTED if transaction_uid else Verdict.WRONG_TRANSACTION_UID


def _judge_end(lock: Lock, requested: WorkitemState, transaction_uid: str, *, final_state_met: bool) -> Verdict:
    if lock.state is WorkitemState.SCHEDULED:
        return Verdict.NOT_IN_PROGRESS
    if lock.state.is_final and lock.state is not requested:
        return Verdict.NO_LONGER_UPDATABLE
    # What was canceled before anybody claimed it has no Transaction UID that could be known.
    if lock.transaction_uid and not lock.opens_with(transaction_uid):
        return Verdict.WRONG_TRANSACTION_UID
    if lock.state is requested:
        is_completed = requested is WorkitemState.COMPLETED
        return Verdict.ALREADY_COMPLETED if is_completed else Verdict.ALREADY_CANCELED
    return Verdict.GRANTED if final_state_met else Verdict.FINAL_STATE_NOT_MET


def judge_update(lock: Lock, transaction_uid: str) -> Verdict:
    """Say whether a performer may set attributes, PS3.4 CC.2.6.3: in progress, and by who claimed it."""
    if lock.state.is_final:
        return Verdict.NO_LONGER_UPDATABLE
    if lock.state is WorkitemState.SCHEDULED:
        return Verdict.NOT_IN_PROGRESS
    return Verdict.GRANTED if lock.opens_with(transaction_uid) else Verdict.WRONG_TRANSACTION_UID


def judge_cancel_request(state: WorkitemState) -> Verdict:
    """Say what becomes of somebody else's wish to cancel, PS3.4 CC.2.2.3.

    Who performs it could only be told by an event, and none are sent.
    """
    return {
        WorkitemState.SCHEDULED: Verdict.GRANTED,
        WorkitemState.IN_PROGRESS: Verdict.PERFORMER_UNREACHABLE,
        WorkitemState.COMPLETED: Verdict.CANCEL_OF_COMPLETED,
        WorkitemState.CANCELED: Verdict.ALREADY_CANCELED,
    }[state]
