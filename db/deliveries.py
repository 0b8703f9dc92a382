"""Deliveries: one result's report for one destination, retried in this one place."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from db import events, lanes, peers
from db.events import EventKind
from db.lanes import NO_LIMITS, Lanes
from db.peers import NO_PAUSES, Pauses
from db.session import reading, transaction
from db.tables import Delivery, Result, Study
from domain.study import ARRIVED, DeliveryState, StudyStatus

UNCLAIMED = {"claimed_by": None, "claim_token": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """The right to send one report to one destination, until the lease ends."""

    delivery_id: int
    result_id: int
    study_id: int
    destination: str
    #: Number of this attempt, from 1.
    attempt: int
    #: Fencing token, new with each claim: every later move compares it.
    token: str


def claim(
    engine: Engine, delivery_id: int, task_id: str, now: datetime, lease: timedelta, limits: Lanes = NO_LIMITS
) -> DeliveryClaim | None:
    """Move one delivery from PENDING to SENDING for `task_id`; None when it is not to be had.

    One whose destination has no room stays PENDING, and is rung for when it has.
    """
    free = or_(
        and_(Delivery.state == DeliveryState.PENDING, Delivery.next_attempt_at <= now),
        and_(Delivery.state == DeliveryState.SENDING, or_(Delivery.lease_until < now, Delivery.claimed_by == task_id)),
    )
    values = {
        "state": DeliveryState.SENDING,
        "attempts": Delivery.attempts + 1,
        "claimed_by": task_id,
        "claim_token": uuid.uuid4().hex,
        "lease_until": now + lease,
    }
    sendable = and_(Delivery.id == delivery_id, free)
    with transaction(engine) as session:
        destination = session.scalar(select(Delivery.destination).where(sendable))
        if destination is None:
            return None
        if not lanes.has_room(session, limits, destination, now, but=delivery_id):
            _compare_and_set(session, sendable, {"queued_at": None})
            return None
        if not _compare_and_set(session, sendable, values):
            return None
        row = session.get_one(Delivery, delivery_id)
        study_id = session.get_one(Result, row.result_id).study_id
        return _claim_of(row, study_id)


def _claim_of(row: Delivery, study_id: int) -> DeliveryClaim:
    return DeliveryClaim(row.id, row.result_id, study_id, row.destination, row.attempts, row.claim_token or "")


def _compare_and_set(session: Session, condition: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(Delivery).where(condition).values(**values)
    return session.connection().execute(statement).rowcount == 1


def _held(claim: DeliveryClaim) -> ColumnElement[bool]:
    return and_(
        Delivery.id == claim.delivery_id,
        Delivery.state == DeliveryState.SENDING,
        Delivery.claim_token == claim.token,
    )


def hexadecimal(dimse_status: int | None) -> str | None:
    """Write a DIMSE status as the standard does; None where there is none."""
    return None if dimse_status is None else f"0x{dimse_status:04X}"


def finish(
    engine: Engine, claim: DeliveryClaim, now: datetime, dimse_status: int | None, *, confirm_at: datetime | None = None
) -> bool:
    """Move SENDING to SENT; the study is REPORTED when its newest result has nothing left to send.

    From `confirm_at` on the destination is asked whether it keeps the report (`db.confirmations`); None: never.
    """
    values = {
        "state": DeliveryState.SENT,
        "sent_at": now,
        "dimse_status": dimse_status,
        **UNCLAIMED,
        "last_error": None,
        "queued_at": None,
        "confirm_at": confirm_at,
        "confirm_attempts": 0,
        "misses": 0,
        "confirmation": None,
    }
    with transaction(engine) as session:
        if not _compare_and_set(session, _held(claim), values):
            return False
        peers.note_well(session, claim.destination)
        detail = {"destination": claim.destination, "attempt": claim.attempt, "dimse_status": hexadecimal(dimse_status)}
        events.record(session, now, EventKind.REPORT_SENT, claim.study_id, **detail)
        _mark_reported(session, claim, now)
    return True


def _mark_reported(session: Session, claim: DeliveryClaim, now: datetime) -> None:
    unsent = exists().where(Delivery.result_id == claim.result_id, Delivery.state.not_in(ARRIVED))
    newest = exists().where(Result.id == claim.result_id, Result.revision == Study.revision)
    statement = (
        update(Study)
        .where(Study.id == claim.study_id, Study.status == StudyStatus.ANALYSED, newest, ~unsent)
        .values(status=StudyStatus.REPORTED, reported_at=now)
    )
    if session.connection().execute(statement).rowcount:
        events.record(session, now, EventKind.STUDY_REPORTED, claim.study_id)


def try_again(
    engine: Engine,
    claim: DeliveryClaim,
    now: datetime,
    error: str,
    *,
    wait: timedelta,
    dimse_status: int | None,
    pauses: Pauses = NO_PAUSES,
) -> bool:
    """Move SENDING back to PENDING, due at `now + wait`."""
    values = {
        "state": DeliveryState.PENDING,
        "next_attempt_at": now + wait,
        "queued_at": None,
        **UNCLAIMED,
        "dimse_status": dimse_status,
        "last_error": error,
    }
    return _end_attempt(engine, claim, now, EventKind.DELIVERY_RETRY, values, pauses)


def fail(engine: Engine, claim: DeliveryClaim, now: datetime, error: str, dimse_status: int | None) -> bool:
    """Move SENDING to FAILED: refused for good or out of attempts; listed, and re-sendable by command."""
    values = {
        "state": DeliveryState.FAILED,
        **UNCLAIMED,
        "dimse_status": dimse_status,
        "last_error": error,
    }
    return _end_attempt(engine, claim, now, EventKind.DELIVERY_FAILED, values)


def _end_attempt(
    engine: Engine,
    claim: DeliveryClaim,
    now: datetime,
    kind: EventKind,
    values: Mapping[str, object],
    pauses: Pauses | None = None,
) -> bool:
    with transaction(engine) as session:
        moved = _compare_and_set(session, _held(claim), values)
        if moved:
            detail = {"destination": claim.destination, "attempt": claim.attempt, "error": values["last_error"]}
            events.record(session, now, kind, claim.study_id, **detail)
            if pauses is not None:
                peers.note_failing(session, claim.destination, now, pauses)
    return moved


def expired_claims(engine: Engine, now: datetime) -> list[DeliveryClaim]:
    """List the claims whose lease ran out: their worker died or hangs."""
    query = (
        select(Delivery, Result.study_id)
        .join(Result, Result.id == Delivery.result_id)
        .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until < now)
    )
    with reading(engine) as session:
        rows = session.execute(query).all()
    return [_claim_of(delivery, study_id) for delivery, study_id in rows]


def held_by(engine: Engine, delivery_id: int, task_id: str) -> DeliveryClaim | None:
    """Give the claim that a task holds on a delivery, if it still does."""
    query = (
        select(Delivery, Result.study_id)
        .join(Result, Result.id == Delivery.result_id)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.SENDING, Delivery.claimed_by == task_id)
    )
    with reading(engine) as session:
        row = session.execute(query).one_or_none()
    return _claim_of(*row) if row else None


def release_all_claims(engine: Engine) -> int:
    """Take back every claim, without counting the attempt: for the start of the only service on this data folder."""
    values = {"state": DeliveryState.PENDING, "attempts": Delivery.attempts - 1, "queued_at": None, **UNCLAIMED}
    with transaction(engine) as session:
        statement = update(Delivery).where(Delivery.state == DeliveryState.SENDING).values(**values)
        return session.connection().execute(statement).rowcount


def due(
    engine: Engine, now: datetime, requeue_before: datetime | None, limit: int = 200, limits: Lanes = NO_LIMITS
) -> Sequence[int]:
    """List PENDING deliveries to ring for: due, and never rung for or rung for before `requeue_before`.

    None whose destination has no room; of those that fail no more than may be tried at once.
    """
    unheard: ColumnElement[bool] = Delivery.queued_at.is_(None)
    if requeue_before is not None:
        unheard = or_(unheard, Delivery.queued_at < requeue_before)
    is_due = (Delivery.state == DeliveryState.PENDING, Delivery.next_attempt_at <= now, unheard)
    work = select(Delivery.id, lanes.peer_of(Delivery), Delivery.next_attempt_at).where(*is_due)
    with reading(engine) as session:
        return lanes.with_room(session, limits, work, now, limit)


def note_queued(engine: Engine, delivery_ids: Sequence[int], now: datetime) -> None:
    """Remember that the doorbell was rung for these deliveries."""
    if delivery_ids:
        with transaction(engine) as session:
            session.execute(update(Delivery).where(Delivery.id.in_(delivery_ids)).values(queued_at=now))


def listed(engine: Engine, state: DeliveryState | None, limit: int) -> Sequence[tuple[Delivery, Result, Study]]:
    """List deliveries with their results and studies, newest first."""
    query = (
        select(Delivery, Result, Study)
        .join(Result, Result.id == Delivery.result_id)
        .join(Study, Study.id == Result.study_id)
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(Delivery.state == state)
    with reading(engine) as session:
        return session.execute(query).all()


def of_result(engine: Engine, result_id: int) -> Sequence[Delivery]:
    """List the deliveries of one result."""
    with reading(engine) as session:
        return session.scalars(select(Delivery).where(Delivery.result_id == result_id).order_by(Delivery.id)).all()


def resend(engine: Engine, delivery_ids: Sequence[int], now: datetime, by: str) -> int:
    """Make deliveries due again, from the first attempt, as `by` asked for; returns how many were moved.

    Their destinations are paused no longer.
    """
    moved = 0
    for delivery_id in delivery_ids:
        with transaction(engine) as session:
            moved += _resend(session, delivery_id, now, by)
    return moved


def _resend(session: Session, delivery_id: int, now: datetime, by: str) -> bool:
    states = [DeliveryState.FAILED, DeliveryState.PENDING, *ARRIVED]
    movable = and_(Delivery.id == delivery_id, Delivery.state.in_(states))
    destination = session.scalar(select(Delivery.destination).where(movable))
    if destination is None:
        return False
    # First, as who claims has it: both take the peer's row before the delivery's.
    peers.end_pause(session, destination)
    if not _compare_and_set(session, movable, _anew(now)):
        return False
    study_id = session.get_one(Result, session.get_one(Delivery, delivery_id).result_id).study_id
    events.record(session, now, EventKind.DELIVERY_RESEND, study_id, delivery_id=delivery_id, by=by)
    return True


def _anew(now: datetime) -> dict[str, object]:
    """Give the values of a delivery that is to be sent from its first attempt; who asks about it loses its claim."""
    counts = dict.fromkeys(("attempts", "confirm_attempts", "misses", "losses"), 0)
    nothing_known = {"confirm_at": None, "confirmation": None, "queued_at": None}
    return {"state": DeliveryState.PENDING, "next_attempt_at": now, **counts, **nothing_known, **UNCLAIMED}
