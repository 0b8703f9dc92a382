"""What senders ask: requests for storage commitment, each answered until the sender has taken the answer."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, update
from sqlalchemy.orm import Session

from db import lanes, peers
from db.commitment_tables import CommitmentRequest
from db.deliveries import UNCLAIMED
from db.lanes import NO_LIMITS, Lanes
from db.peers import NO_PAUSES, Pauses
from db.session import reading, transaction
from domain.commitment import CommitmentState, SopReference


@dataclass(frozen=True, slots=True)
class NewRequest:
    """One N-ACTION, as it came."""

    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    transaction_uid: str
    instances: tuple[SopReference, ...]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RequestClaim:
    """The right to answer one request, until the lease ends."""

    request_id: int
    #: Who asked, as whom it called us, and from where.
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    transaction_uid: str
    #: Number of this attempt, from 1.
    attempt: int
    #: Fencing token, new with each claim.
    token: str
    #: Each instance that it is about, with what was found: None before it is checked, 0, or a failure reason.
    checked: tuple[tuple[SopReference, int | None], ...]


def record(engine: Engine, new: NewRequest, answer_at: datetime) -> int:
    """Keep a request, to be answered from `answer_at` on; gives its id.

    The same transaction of the same sender again is one request, checked and answered anew.
    """
    same = and_(
        CommitmentRequest.calling_ae_title == new.calling_ae_title,
        CommitmentRequest.transaction_uid == new.transaction_uid,
    )
    values = {
        "called_ae_title": new.called_ae_title,
        "peer_address": new.peer_address,
        "instances": [_unchecked(reference) for reference in new.instances],
        "received_at": new.received_at,
    }
    with transaction(engine) as session:
        row = session.scalars(select(CommitmentRequest).where(same).with_for_update()).one_or_none()
        if row is None:
            row = CommitmentRequest(calling_ae_title=new.calling_ae_title, transaction_uid=new.transaction_uid)
            session.add(row)
        for name, value in (values | _anew(answer_at)).items():
            setattr(row, name, value)
        session.flush()
        return row.id


def _unchecked(reference: SopReference) -> dict[str, Any]:
    return {"sop_class_uid": reference.sop_class_uid, "sop_instance_uid": reference.sop_instance_uid, "reason": None}


def _anew(due_at: datetime) -> dict[str, object]:
    """Give the values of a request that is to be answered from its first attempt."""
    nothing = {"queued_at": None, "last_error": None, "answered_at": None}
    return {"state": CommitmentState.PENDING, "attempts": 0, "next_attempt_at": due_at, **nothing, **UNCLAIMED}


def due(
    engine: Engine, now: datetime, requeue_before: datetime | None, limit: int = 200, limits: Lanes = NO_LIMITS
) -> Sequence[int]:
    """List requests to ring for: due, and never rung for or rung for before `requeue_before`.

    None whose sender has no room.
    """
    unheard: ColumnElement[bool] = CommitmentRequest.queued_at.is_(None)
    if requeue_before is not None:
        unheard = or_(unheard, CommitmentRequest.queued_at < requeue_before)
    peer = lanes.peer_of(CommitmentRequest)
    work = select(CommitmentRequest.id, peer, CommitmentRequest.next_attempt_at).where(_answerable(now), unheard)
    with reading(engine) as session:
        return lanes.with_room(session, limits, work, now, limit)


def note_queued(engine: Engine, request_ids: Sequence[int], now: datetime) -> None:
    """Remember that the doorbell was rung for these requests."""
    if request_ids:
        with transaction(engine) as session:
            these = CommitmentRequest.id.in_(request_ids)
            session.execute(update(CommitmentRequest).where(these).values(queued_at=now))


def _answerable(now: datetime) -> ColumnElement[bool]:
    waiting = and_(CommitmentRequest.state == CommitmentState.PENDING, CommitmentRequest.next_attempt_at <= now)
    forsaken = and_(CommitmentRequest.state == CommitmentState.ANSWERING, CommitmentRequest.lease_until < now)
    return or_(waiting, forsaken)


def claim(
    engine: Engine,
    request_id: int,
    task_id: str,
    now: datetime,
    lease: timedelta,
    limits: Lanes = NO_LIMITS,
    *,
    early: bool = False,
) -> RequestClaim | None:
    """Claim one request for `task_id`; None when it is not to be had. `early`: also before it is due.

    One whose sender has no room is rung for when it has.
    """
    free = _answerable(now)
    if early:
        free = or_(free, CommitmentRequest.state == CommitmentState.PENDING)
    values = {
        "state": CommitmentState.ANSWERING,
        "attempts": CommitmentRequest.attempts + 1,
        "claimed_by": task_id,
        "claim_token": uuid.uuid4().hex,
        "lease_until": now + lease,
    }
    answerable = and_(CommitmentRequest.id == request_id, free)
    with transaction(engine) as session:
        sender = session.scalar(select(CommitmentRequest.calling_ae_title).where(answerable))
        if sender is None:
            return None
        if not lanes.has_room(session, limits, lanes.sender(sender), now):
            _move(session, answerable, {"queued_at": None})
            return None
        if not _move(session, answerable, values):
            return None
        return _claim_of(session.get_one(CommitmentRequest, request_id))


def held_by(engine: Engine, request_id: int, task_id: str) -> RequestClaim | None:
    """Give the claim that a task holds on a request, if it still does."""
    held = and_(
        CommitmentRequest.id == request_id,
        CommitmentRequest.state == CommitmentState.ANSWERING,
        CommitmentRequest.claimed_by == task_id,
    )
    with reading(engine) as session:
        row = session.scalars(select(CommitmentRequest).where(held)).one_or_none()
    return _claim_of(row) if row else None


def _claim_of(row: CommitmentRequest) -> RequestClaim:
    checked = tuple(
        (SopReference(item["sop_class_uid"], item["sop_instance_uid"]), item["reason"]) for item in row.instances
    )
    return RequestClaim(
        row.id,
        row.calling_ae_title,
        row.called_ae_title,
        row.peer_address,
        row.transaction_uid,
        row.attempts,
        row.claim_token or "",
        checked,
    )


def _move(session: Session, condition: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(CommitmentRequest).where(condition).values(**values)
    return session.connection().execute(statement).rowcount == 1


def _held(claim: RequestClaim) -> ColumnElement[bool]:
    return and_(
        CommitmentRequest.id == claim.request_id,
        CommitmentRequest.state == CommitmentState.ANSWERING,
        CommitmentRequest.claim_token == claim.token,
    )


def keep_checked(
    engine: Engine, claim: RequestClaim, checked: Sequence[tuple[SopReference, int | None]], now: datetime
) -> bool:
    """Keep what was found so far and give the request back, due at once: the next task goes on from there."""
    values = {
        "state": CommitmentState.PENDING,
        "attempts": CommitmentRequest.attempts - 1,
        "next_attempt_at": now,
        "queued_at": None,
        "instances": [_unchecked(reference) | {"reason": reason} for reference, reason in checked],
        **UNCLAIMED,
    }
    with transaction(engine) as session:
        return _move(session, _held(claim), values)


def finish(
    engine: Engine, claim: RequestClaim, checked: Sequence[tuple[SopReference, int | None]], now: datetime
) -> bool:
    """Move ANSWERING to ANSWERED: the sender has taken this answer."""
    instances = [_unchecked(reference) | {"reason": reason} for reference, reason in checked]
    values = {"state": CommitmentState.ANSWERED, "answered_at": now, "instances": instances, "last_error": None}
    with transaction(engine) as session:
        peers.note_well(session, lanes.sender(claim.calling_ae_title))
        return _move(session, _held(claim), values | UNCLAIMED)


def try_again(
    engine: Engine,
    claim: RequestClaim,
    now: datetime,
    error: str,
    *,
    wait: timedelta,
    pauses: Pauses | None = NO_PAUSES,
) -> bool:
    """Move ANSWERING back to PENDING, due at `now + wait`; everything is checked anew then.

    `pauses`: None when the sender did answer; that is no reason to leave it alone.
    """
    values = {
        "state": CommitmentState.PENDING,
        "next_attempt_at": now + wait,
        "queued_at": None,
        "instances": [_unchecked(reference) for reference, _ in claim.checked],
        "last_error": error,
    }
    with transaction(engine) as session:
        moved = _move(session, _held(claim), values | UNCLAIMED)
        if moved:
            peers.note(session, lanes.sender(claim.calling_ae_title), now, pauses)
    return moved


def fail(engine: Engine, claim: RequestClaim, error: str) -> bool:
    """Move ANSWERING to FAILED: listed, and answered again by command."""
    with transaction(engine) as session:
        return _move(session, _held(claim), {"state": CommitmentState.FAILED, "last_error": error, **UNCLAIMED})


def release_all_claims(engine: Engine) -> int:
    """Take back every claim of who answers: for when they are known to be gone. The attempt counts."""
    values = {"state": CommitmentState.PENDING, "queued_at": None, **UNCLAIMED}
    with transaction(engine) as session:
        answering = update(CommitmentRequest).where(CommitmentRequest.state == CommitmentState.ANSWERING)
        return session.connection().execute(answering.values(**values)).rowcount


def answer_again(engine: Engine, request_ids: Sequence[int], now: datetime) -> int:
    """Make requests due again, from the first attempt; returns how many were moved."""
    movable = and_(CommitmentRequest.id.in_(request_ids), CommitmentRequest.state != CommitmentState.ANSWERING)
    with transaction(engine) as session:
        rows = session.scalars(select(CommitmentRequest).where(movable).with_for_update()).all()
        for row in rows:
            row.instances = [item | {"reason": None} for item in row.instances]
            for name, value in _anew(now).items():
                setattr(row, name, value)
        return len(rows)


def listed(engine: Engine, state: CommitmentState | None, limit: int) -> Sequence[CommitmentRequest]:
    """List requests, newest first."""
    query = select(CommitmentRequest).order_by(CommitmentRequest.id.desc()).limit(limit)
    if state is not None:
        query = query.where(CommitmentRequest.state == state)
    with reading(engine) as session:
        return session.scalars(query).all()


def by_state(engine: Engine) -> dict[str, int]:
    """Count requests by state; every state is named."""
    counted = select(CommitmentRequest.state, func.count()).group_by(CommitmentRequest.state)
    with reading(engine) as session:
        found = dict(session.execute(counted).all())
    return {state.value: found.get(state, 0) for state in CommitmentState}
