"""Moves of a study from status to status: each one a compare-and-set, so that two workers cannot both win."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Association, Instance, Study
from domain.priority import QueuePriority
from domain.study import StudyStatus

_UNCLAIMED = {"claimed_by": None, "claim_token": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to analyse one revision of a study, until the lease ends."""

    study_id: int
    study_instance_uid: str
    revision: int
    #: Number of this attempt, from 1.
    attempt: int
    #: Fencing token, new with each claim: every later move compares it.
    token: str
    #: The version that shall read it; None: the active one.
    wanted_version: str | None = None


def mark_ready(engine: Engine, now: datetime, quiet: timedelta, stale: timedelta) -> list[int]:
    """Move quiet studies from RECEIVING to READY, and return their ids.

    Quiet: no new image for `quiet`, and no open association (with a sign of life within `stale`) whose
    newest image belongs to the study. A study of nothing but our own output has nothing to be read, and stays.
    """
    still_sending = exists().where(
        Association.current_study_id == Study.id, Association.closed_at.is_(None), Association.seen_at > now - stale
    )
    arrived = and_(Study.status == StudyStatus.RECEIVING, Study.last_received_at <= now - quiet)
    is_quiet = and_(arrived, has_images(), ~still_sending)
    with reading(engine) as session:
        found = session.scalars(select(Study.id).where(is_quiet)).all()
    return [study_id for study_id in found if _move_to_ready(engine, study_id, is_quiet, now)]


def has_images() -> ColumnElement[bool]:
    """Condition on a study: something of it came that was not made here."""
    return exists().where(Instance.study_id == Study.id, ~Instance.is_own_output)


def _move_to_ready(engine: Engine, study_id: int, is_quiet: ColumnElement[bool], now: datetime) -> bool:
    values = {"status": StudyStatus.READY, "ready_at": now}
    with transaction(engine) as session:
        moved = _compare_and_set(session, and_(Study.id == study_id, is_quiet), values)
        if moved:
            events.record(session, now, EventKind.STUDY_READY, study_id)
    return moved


def _compare_and_set(session: Session, condition: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(Study).where(condition).values(**values)
    return session.connection().execute(statement).rowcount == 1


def claim(engine: Engine, study_id: int, task_id: str, now: datetime, lease: timedelta) -> Claim | None:
    """Move one study from READY to ANALYSING for `task_id`; None when it is not to be had.

    The same task may claim again what it held: a redelivered message follows a worker that died.
    """
    free = or_(
        and_(Study.status == StudyStatus.READY, or_(Study.not_before.is_(None), Study.not_before <= now)),
        and_(Study.status == StudyStatus.ANALYSING, or_(Study.lease_until < now, Study.claimed_by == task_id)),
    )
    values = {
        "status": StudyStatus.ANALYSING,
        "attempts": Study.attempts + 1,
        "claimed_by": task_id,
        "claim_token": uuid.uuid4().hex,
        "lease_until": now + lease,
        "analysis_started_at": now,
    }
    with transaction(engine) as session:
        if not _compare_and_set(session, and_(Study.id == study_id, free), values):
            return None
        study = session.get_one(Study, study_id)
        events.record(session, now, EventKind.ANALYSIS_STARTED, study_id, attempt=study.attempts)
        return _claim_of(study)


def _claim_of(study: Study) -> Claim:
    return Claim(
        study_id=study.id,
        study_instance_uid=study.study_instance_uid,
        revision=study.revision,
        attempt=study.attempts,
        token=study.claim_token or "",
        wanted_version=study.wanted_version,
    )


def _held(claim: Claim) -> ColumnElement[bool]:
    """Condition: the study is still ours to move."""
    return and_(
        Study.id == claim.study_id,
        Study.status == StudyStatus.ANALYSING,
        Study.claim_token == claim.token,
    )


def finish(session: Session, claim: Claim, now: datetime) -> bool:
    """Move ANALYSING to ANALYSED in the caller's transaction; False when the claim was lost."""
    values = {"status": StudyStatus.ANALYSED, "analysed_at": now, **_UNCLAIMED}
    return _compare_and_set(session, _held(claim), values)


def give_back(engine: Engine, claim: Claim, now: datetime, error: str, wait: timedelta) -> bool:
    """Move ANALYSING back to READY after a failed attempt, not to be tried before `now + wait`."""
    values = {
        "status": StudyStatus.READY,
        **_UNCLAIMED,
        "queued_at": None,
        "not_before": now + wait,
        "last_error": error,
    }
    with transaction(engine) as session:
        moved = _compare_and_set(session, _held(claim), values)
        if moved:
            events.record(session, now, EventKind.ANALYSIS_RETRY, claim.study_id, attempt=claim.attempt, error=error)
    return moved


def fail(engine: Engine, claim: Claim, now: datetime, error: str) -> bool:
    """Move ANALYSING to FAILED: out of attempts, a human must read it."""
    values = {"status": StudyStatus.FAILED, **_UNCLAIMED, "last_error": error}
    with transaction(engine) as session:
        moved = _compare_and_set(session, _held(claim), values)
        if moved:
            events.record(session, now, EventKind.STUDY_FAILED, claim.study_id, attempt=claim.attempt, error=error)
    return moved


def expired_claims(engine: Engine, now: datetime) -> list[Claim]:
    """List the claims whose lease ran out: their worker died or hangs."""
    query = select(Study).where(Study.status == StudyStatus.ANALYSING, Study.lease_until < now)
    with reading(engine) as session:
        studies = session.scalars(query).all()
    return [_claim_of(study) for study in studies]


def held_by(engine: Engine, study_id: int, task_id: str) -> Claim | None:
    """Give the claim that a task holds on a study, if it still does."""
    query = select(Study).where(
        Study.id == study_id, Study.status == StudyStatus.ANALYSING, Study.claimed_by == task_id
    )
    with reading(engine) as session:
        study = session.scalars(query).one_or_none()
    return _claim_of(study) if study else None


def release_all_claims(engine: Engine) -> int:
    """Take back every claim, without counting the attempt: for the start of the only service on this data folder."""
    values = {"status": StudyStatus.READY, "attempts": Study.attempts - 1, "queued_at": None, **_UNCLAIMED}
    with transaction(engine) as session:
        statement = update(Study).where(Study.status == StudyStatus.ANALYSING).values(**values)
        return session.connection().execute(statement).rowcount


def due(
    engine: Engine,
    now: datetime,
    requeue_before: datetime | None,
    limit: int = 500,
    queue_priority: QueuePriority = QueuePriority.LIVE,
) -> Sequence[int]:
    """List READY studies of one priority to ring for: never rung for, or rung for before `requeue_before`."""
    unheard: ColumnElement[bool] = Study.queued_at.is_(None)
    if requeue_before is not None:
        unheard = or_(unheard, Study.queued_at < requeue_before)
    query = (
        select(Study.id)
        .where(Study.status == StudyStatus.READY, Study.queue_priority == queue_priority)
        .where(or_(Study.not_before.is_(None), Study.not_before <= now), unheard)
        .order_by(Study.ready_at)
        .limit(limit)
    )
    with reading(engine) as session:
        return session.scalars(query).all()


def note_queued(engine: Engine, study_ids: Sequence[int], now: datetime) -> None:
    """Remember that the doorbell was rung for these studies."""
    if study_ids:
        with transaction(engine) as session:
            session.execute(update(Study).where(Study.id.in_(study_ids)).values(queued_at=now))


def find(engine: Engine, study_instance_uid: str) -> Study | None:
    """Give one study by its UID."""
    with reading(engine) as session:
        return session.scalars(select(Study).where(Study.study_instance_uid == study_instance_uid)).one_or_none()


def listed(engine: Engine, status: StudyStatus | None, limit: int) -> Sequence[Study]:
    """List studies of one status or of all: those that a human must read first, then newest first."""
    query = select(Study).order_by(Study.status != StudyStatus.FAILED, Study.last_received_at.desc()).limit(limit)
    if status is not None:
        query = query.where(Study.status == status)
    with reading(engine) as session:
        return session.scalars(query).all()
