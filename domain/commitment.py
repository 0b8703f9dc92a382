"""Storage commitment in words and values, PS3.4 Annex J: what is asked, and what is answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class FailureReason(IntEnum):
    """Why an instance is not committed: Failure Reason (0008,1197), PS3.3 C.14.1.1."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION_UID = 0x0131
    RESOURCE_LIMITATION = 0x0213


@dataclass(frozen=True, slots=True)
class SopReference:
    """One instance, as a commitment names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class CommitmentReply:
    """An N-EVENT-REPORT: what is committed, and what is not. Event type 1 when nothing failed, else 2."""

    transaction_uid: str
    committed: tuple[SopReference, ...]
    #: What is not committed, with its Failure Reason.
    failed: tuple[tuple[SopReference, int], ...] = ()

    def failures(self, asked: Iterable[str]) -> dict[str, int | None]:
        """Give the SOP Instance UIDs of `asked` that are not committed, each with its reason; None: not mentioned.

        Who names an instance both as committed and as failed has not committed it.
        """
        failed = {reference.sop_instance_uid: reason for reference, reason in self.failed}
        committed = {reference.sop_instance_uid for reference in self.committed}
        return {uid: failed.get(uid) for uid in asked if uid in failed or uid not in committed}


class CommitmentState(StrEnum):
    """Where the request of a sender stands."""

    #: Accepted; its answer is due.
    PENDING = "PENDING"
    #: Claimed, with a lease.
    ANSWERING = "ANSWERING"
    #: The sender has taken the answer.
    ANSWERED = "ANSWERED"
    #: Out of attempts, or no way to the sender: listed, and answered again by command.
    FAILED = "FAILED"


def reason_words(reason: int | None) -> str:
    """Name a failure reason for people: hexadecimal value and meaning."""
    if reason is None:
        return "not mentioned in the answer"
    known = reason in FailureReason.__members__.values()
    return f"0x{reason:04X} {FailureReason(reason).name.lower().replace('_', ' ')}" if known else f"0x{reason:04X}"
