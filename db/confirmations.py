"""Whether destinations keep what they took: questions about deliveries that are SENT, and their answers.

Beside db.deliveries, which sends. What a destination has lost goes back there, to be sent again.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, update
from sqlalchemy.orm import Session

from db import events, lanes, peers
from db.commitment_tables import CommitmentQuestion
from db.deliveries import UNCLAIMED
from db.events import EventKind
from db.lanes import NO_LIMITS, Lanes
from db.peers import NO_PAUSES, Pauses
from db.session import reading, transaction
from db.tables import Delivery, Result, Study
from domain.commitment import CommitmentReply, reason_words
from domain.study import DeliveryState, StudyStatus

#: Claimed by who asks; once it is COMMITTED until the association of the question is over.
_ASKED = (DeliveryState.SENT, DeliveryState.COMMITTED)
#: Failures that are quoted; the rest is counted.
_QUOTED = 3


@dataclass(frozen=True, slots=True)
class ConfirmationClaim:
    """The right to ask about one delivery, until the lease ends."""

    delivery_id: int
    result_id: int
    study_id: int
    destination: str
    #: Fencing token, new with each claim.
    token: str
    #: Number of this step since the report was sent, from 1.
    attempt: int
    #: Requests for commitment since then.
    asked: int
    #: Times in a row that a query did not find the report.
    misses: int
    losses: int


@dataclass(frozen=True, slots=True)
class LossPolicy:
    """What becomes of a report that a destination has lost."""

    #: Times that it is sent again; then it is FAILED.
    most: int
    #: Wait before it is sent for the n-th time again.
    wait: Callable[[int], timedelta]


class Heard(StrEnum):
    """What an answer turned out to be."""

    COMMITTED = "committed"
    #: Not committed: the report is sent again, or FAILED.
    LOST = "lost"
    #: Answered before, or about an earlier sending: nothing was changed.
    STALE = "stale"
    #: No question has this Transaction UID.
    UNKNOWN = "unknown"


def due(
    engine: Engine, now: datetime, requeue_before: datetime | None, limit: int = 200, limits: Lanes = NO_LIMITS
) -> Sequence[int]:
    """List the deliveries to ask about: due, unclaimed, and never rung for or rung for before `requeue_before`.

    None whose destination has no room.
    """
    unheard: ColumnElement[bool] = Delivery.queued_at.is_(None)
    if requeue_before is not None:
        unheard = or_(unheard, Delivery.queued_at < requeue_before)
    work = select(Delivery.id, lanes.peer_of(Delivery), Delivery.confirm_at).where(_askable(now), unheard)
    with reading(engine) as session:
        return lanes.with_room(session, limits, work, now, limit)


def _askable(now: datetime) -> ColumnElement[bool]:
    free = or_(Delivery.lease_until.is_(None), Delivery.lease_until < now)
    return and_(Delivery.state == DeliveryState.SENT, Delivery.confirm_at <= now, free)


def claim(
    engine: Engine, delivery_id: int, task_id: str, now: datetime, lease: timedelta, limits: Lanes = NO_LIMITS
) -> ConfirmationClaim | None:
    """Claim a delivery that is to be asked about, for `task_id`; None when it is not to be had.

    One whose destination has no room is rung for when it has.
    """
    values = {
        "confirm_attempts": Delivery.confirm_attempts + 1,
        "claimed_by": task_id,
        "claim_token": uuid.uuid4().hex,
        "lease_until": now + lease,
    }
    askable = and_(Delivery.id == delivery_id, _askable(now))
    with transaction(engine) as session:
        destination = session.scalar(select(Delivery.destination).where(askable))
        if destination is None:
            return None
        if not lanes.has_room(session, limits, destination, now):
            _move(session, askable, {"queued_at": None})
            return None
        if not _move(session, askable, values):
            return None
        return _claim_of(session, session.get_one(Delivery, delivery_id))


def held_by(engine: Engine, delivery_id: int, task_id: str) -> ConfirmationClaim | None:
    """Give the claim that a task holds, if it still does."""
    held = and_(Delivery.id == delivery_id, Delivery.state.in_(_ASKED), Delivery.claimed_by == task_id)
    with reading(engine) as session:
        row = session.scalars(select(Delivery).where(held)).one_or_none()
        return _claim_of(session, row) if row else None


def release_all_claims(engine: Engine) -> int:
    """Take back every claim of who asks: for when they are known to be gone."""
    held = and_(Delivery.state.in_(_ASKED), Delivery.claimed_by.is_not(None))
    with transaction(engine) as session:
        statement = update(Delivery).where(held).values(queued_at=None, **UNCLAIMED)
        return session.connection().execute(statement).rowcount


def _claim_of(session: Session, row: Delivery) -> ConfirmationClaim:
    since = and_(CommitmentQuestion.delivery_id == row.id, CommitmentQuestion.asked_at >= row.sent_at)
    return ConfirmationClaim(
        delivery_id=row.id,
        result_id=row.result_id,
        study_id=session.get_one(Result, row.result_id).study_id,
        destination=row.destination,
        token=row.claim_token or "",
        attempt=row.confirm_attempts,
        asked=session.scalar(select(func.count()).select_from(CommitmentQuestion).where(since)) or 0,
        misses=row.misses,
        losses=row.losses,
    )


def _move(session: Session, condition: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(Delivery).where(condition).values(**values)
    return session.connection().execute(statement).rowcount == 1


def _held(claim: ConfirmationClaim) -> ColumnElement[bool]:
    ours = Delivery.claim_token == claim.token
    return and_(Delivery.id == claim.delivery_id, Delivery.state == DeliveryState.SENT, ours)


def keep_question(
    engine: Engine, claim: ConfirmationClaim, transaction_uid: str, asked: Sequence[str], now: datetime, wait: timedelta
) -> bool:
    """Keep a question that is about to be asked, to be asked anew at `now + wait`; False when the claim is lost."""
    with transaction(engine) as session:
        if not _move(session, _held(claim), {"confirm_at": now + wait}):
            return _let_go(session, claim)
        question = CommitmentQuestion(
            delivery_id=claim.delivery_id, transaction_uid=transaction_uid, asked=list(asked), asked_at=now
        )
        session.add(question)
        detail = {"destination": claim.destination, "transaction_uid": transaction_uid}
        events.record(session, now, EventKind.COMMITMENT_ASKED, claim.study_id, **detail)
    return True


def close_question(engine: Engine, transaction_uid: str, now: datetime, failure: str) -> None:
    """Note that the destination would not take a question: no answer is to come."""
    is_open = and_(CommitmentQuestion.transaction_uid == transaction_uid, CommitmentQuestion.answered_at.is_(None))
    with transaction(engine) as session:
        session.execute(update(CommitmentQuestion).where(is_open).values(answered_at=now, failure=failure))


def is_open(engine: Engine, transaction_uid: str) -> bool:
    """Say whether a question waits for its answer."""
    query = select(CommitmentQuestion.answered_at).where(CommitmentQuestion.transaction_uid == transaction_uid)
    with reading(engine) as session:
        return session.execute(query).one().answered_at is None


def wait(engine: Engine, claim: ConfirmationClaim, until: datetime, words: str, *, missed: bool = False) -> bool:
    """Give the delivery back after an answer, to be asked about at `until`; `missed`: a query did not find it."""
    with transaction(engine) as session:
        peers.note_well(session, claim.destination)
        return _put_off(session, claim, until, words, claim.misses + 1 if missed else claim.misses)


def try_again(
    engine: Engine,
    claim: ConfirmationClaim,
    now: datetime,
    error: str,
    *,
    wait: timedelta,
    pauses: Pauses | None = NO_PAUSES,
) -> bool:
    """Give the delivery back after a failure that may pass, to be asked about at `now + wait`.

    `pauses`: None when the destination did answer; that is no reason to leave it alone.
    """
    with transaction(engine) as session:
        moved = _put_off(session, claim, now + wait, error, claim.misses)
        if moved:
            peers.note(session, claim.destination, now, pauses)
    return moved


def _put_off(session: Session, claim: ConfirmationClaim, until: datetime, words: str, misses: int) -> bool:
    values = {"confirm_at": until, "queued_at": None, "misses": misses, "confirmation": words, **UNCLAIMED}
    return _move(session, _held(claim), values) or _let_go(session, claim)


def _let_go(session: Session, claim: ConfirmationClaim) -> bool:
    """Give up a claim on what was committed meanwhile; False, as nothing else is changed."""
    ours = and_(Delivery.id == claim.delivery_id, Delivery.claim_token == claim.token)
    _move(session, ours, UNCLAIMED)
    return False


def verify(engine: Engine, claim: ConfirmationClaim, now: datetime) -> bool:
    """Move SENT to VERIFIED: the destination found everything that was sent."""
    values = {"state": DeliveryState.VERIFIED, "confirm_at": None, "confirmation": "found by C-FIND", **UNCLAIMED}
    return _end(engine, claim, now, EventKind.REPORT_VERIFIED, values, peers.note_well)


def leave_unconfirmed(engine: Engine, claim: ConfirmationClaim, now: datetime, words: str) -> bool:
    """Leave a delivery plainly SENT: nobody can say more."""
    return _end(
        engine, claim, now, EventKind.REPORT_UNCONFIRMED, {"confirm_at": None, "confirmation": words, **UNCLAIMED}
    )


def _end(
    engine: Engine,
    claim: ConfirmationClaim,
    now: datetime,
    kind: EventKind,
    values: Mapping[str, object],
    note: Callable[[Session, str], None] | None = None,
) -> bool:
    with transaction(engine) as session:
        moved = _move(session, _held(claim), values) or _let_go(session, claim)
        if moved and note is not None:
            note(session, claim.destination)
        if moved:
            detail = {"destination": claim.destination, "confirmation": values["confirmation"]}
            events.record(session, now, kind, claim.study_id, **detail)
    return moved


def lose(engine: Engine, claim: ConfirmationClaim, now: datetime, words: str, policy: LossPolicy) -> bool:
    """Send a report again that a query did not find, or move it to FAILED after the last time."""
    with transaction(engine) as session:
        row = session.scalars(select(Delivery).where(_held(claim)).with_for_update()).one_or_none()
        if row is None:
            return _let_go(session, claim)
        peers.note_well(session, claim.destination)
        _lose(session, row, now, words, policy)
    return True


def hear(engine: Engine, reply: CommitmentReply, now: datetime, policy: LossPolicy) -> Heard:
    """Take a destination's answer; the first answer to a question counts, and a question is never too old for a yes."""
    with transaction(engine) as session:
        asked = CommitmentQuestion.transaction_uid == reply.transaction_uid
        question = session.scalars(select(CommitmentQuestion).where(asked).with_for_update()).one_or_none()
        if question is None:
            return Heard.UNKNOWN
        if question.answered_at is not None:
            return Heard.STALE
        failures = reply.failures(question.asked)
        question.answered_at, question.failure = now, _failure_words(failures) if failures else None
        row = session.scalars(select(Delivery).where(Delivery.id == question.delivery_id).with_for_update()).one()
        if failures:
            return _take_no(session, row, question, now, policy)
        return _take_yes(session, row, now)


def _take_yes(session: Session, row: Delivery, now: datetime) -> Heard:
    if row.state not in (DeliveryState.SENT, DeliveryState.VERIFIED):
        return Heard.STALE
    # Who asked still has the association that it asked on, and lets go of the claim after it.
    row.state, row.confirm_at, row.confirmation = DeliveryState.COMMITTED, None, "committed"
    study_id = session.get_one(Result, row.result_id).study_id
    events.record(session, now, EventKind.REPORT_COMMITTED, study_id, destination=row.destination)
    return Heard.COMMITTED


def _take_no(session: Session, row: Delivery, question: CommitmentQuestion, now: datetime, policy: LossPolicy) -> Heard:
    """Send again, unless that was done since the question: then the answer is about an earlier sending."""
    is_current = row.sent_at is not None and question.asked_at >= row.sent_at
    if row.state not in (DeliveryState.SENT, DeliveryState.VERIFIED) or not is_current:
        return Heard.STALE
    _lose(session, row, now, f"not committed: {question.failure}", policy)
    return Heard.LOST


def _release(row: Delivery) -> None:
    row.claimed_by = row.claim_token = row.lease_until = None


def _lose(session: Session, row: Delivery, now: datetime, words: str, policy: LossPolicy) -> None:
    row.losses += 1
    row.confirm_at, row.queued_at, row.last_error, row.confirmation = None, None, words, None
    _release(row)
    study = session.get_one(Result, row.result_id).study_id
    detail = {"destination": row.destination, "times": row.losses, "error": words}
    events.record(session, now, EventKind.REPORT_LOST, study, **detail)
    if row.losses > policy.most:
        row.state = DeliveryState.FAILED
        row.last_error = f"{words}; taken and lost {row.losses} times"
        failed = {"destination": row.destination, "attempt": row.attempts, "error": row.last_error}
        events.record(session, now, EventKind.DELIVERY_FAILED, study, **failed)
    else:
        row.state, row.next_attempt_at = DeliveryState.PENDING, now + policy.wait(row.losses)
    _take_back_reported(session, row)


def _take_back_reported(session: Session, row: Delivery) -> None:
    """Take back REPORTED, which says that every destination has the report."""
    result = session.get_one(Result, row.result_id)
    reported = and_(
        Study.id == result.study_id, Study.revision == result.revision, Study.status == StudyStatus.REPORTED
    )
    session.execute(update(Study).where(reported).values(status=StudyStatus.ANALYSED, reported_at=None))


def _failure_words(failures: Mapping[str, int | None]) -> str:
    quoted = [f"{uid} {reason_words(reason)}" for uid, reason in list(failures.items())[:_QUOTED]]
    more = f", and {len(failures) - _QUOTED} more" if len(failures) > _QUOTED else ""
    return "; ".join(quoted) + more
