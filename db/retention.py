"""Which studies' images may go, and the note that they are gone. Results, reports and events stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Association, Delivery, Instance, Result, Study
from domain.study import DeliveryState, StudyStatus

#: Not, or not known to be, at the destination.
_NOT_DELIVERED = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class Purgeable:
    """One study whose images may go."""

    study_id: int
    study_instance_uid: str
    reported_at: datetime
    instances: int
    size_bytes: int


def is_needed() -> ColumnElement[bool]:
    """Condition on a delivery: its study's images must stay, because its report is not delivered for certain.

    That is: not sent, or sent to a destination that can say whether it keeps it and has not yet said so. The one
    place of this rule.
    """
    is_asked = and_(Delivery.state == DeliveryState.SENT, Delivery.confirm_at.is_not(None))
    return or_(Delivery.state.in_(_NOT_DELIVERED), is_asked)


def purgeable(
    engine: Engine, reported_before: datetime, limit: int, study_instance_uid: str | None = None
) -> list[Purgeable]:
    """List the studies whose images may go, those reported longest ago first."""
    query = (
        select(Study.id, Study.study_instance_uid, Study.reported_at, func.count(), func.sum(Instance.size_bytes))
        .join(Instance, Instance.study_id == Study.id)
        .where(Instance.purged_at.is_(None), _may_go(reported_before))
        .group_by(Study.id, Study.study_instance_uid, Study.reported_at)
        .order_by(Study.reported_at, Study.id)
        .limit(limit)
    )
    if study_instance_uid is not None:
        query = query.where(Study.study_instance_uid == study_instance_uid)
    with reading(engine) as session:
        rows = session.execute(query).all()
    return [Purgeable(id_, uid, at, count, int(size)) for id_, uid, at, count, size in rows if at is not None]


def _may_go(reported_before: datetime) -> ColumnElement[bool]:
    of_study = and_(Result.id == Delivery.result_id, Result.study_id == Study.id)
    image, promised = aliased(Instance), aliased(Instance)
    came_later = exists().where(
        image.study_id == Study.id, image.purged_at.is_(None), image.received_at >= reported_before
    )
    return and_(
        Study.status == StudyStatus.REPORTED,
        Study.reported_at < reported_before,
        ~came_later,
        ~exists().where(promised.study_id == Study.id, promised.promised_at.is_not(None)),
        ~exists().where(of_study, is_needed()),
    )


def received_between(engine: Engine, since: datetime, until: datetime) -> bool:
    """Say whether anybody sent images then, by the clock of that time."""
    then = exists().where(Association.opened_at >= since, Association.opened_at < until)
    with reading(engine) as session:
        return bool(session.scalar(select(then)))


def mark_purged(
    engine: Engine, study_id: int, reported_before: datetime, now: datetime, *, by: str, reason: str
) -> list[Instance]:
    """Note that a study's images are gone, before they are; gives them. None where the study needs them again.

    A late image, a reprocessing, a delivery made due again or a promise to a sender meanwhile wins. Raises
    StoreUnavailable.
    """
    with transaction(engine) as session:
        # First the lock, then the question: what changed while it waited must count.
        session.execute(select(Study.id).where(Study.id == study_id).with_for_update())
        study = session.scalars(select(Study).where(Study.id == study_id, _may_go(reported_before))).one_or_none()
        rows = _kept(session, study_id) if study is not None else []
        for row in rows:
            row.purged_at = now
        if rows:
            size = sum(row.size_bytes for row in rows)
            detail = {"instances": len(rows), "bytes": size, "by": by, "reason": reason}
            events.record(session, now, EventKind.STUDY_PURGED, study_id, **detail)
        return rows


def _kept(session: Session, study_id: int) -> list[Instance]:
    return list(session.scalars(select(Instance).where(Instance.study_id == study_id, Instance.purged_at.is_(None))))


def record_orphans(engine: Engine, now: datetime, *, by: str, files: int) -> None:
    """Note that somebody had files removed that no row speaks of."""
    with transaction(engine) as session:
        events.record(session, now, EventKind.ORPHANS_REMOVED, None, by=by, files=files)


def purged_since(engine: Engine, since: datetime) -> Sequence[Instance]:
    """List the instances that were noted as gone lately: their files may still be there after a crash."""
    with reading(engine) as session:
        return session.scalars(select(Instance).where(Instance.purged_at >= since)).all()


def note_gone(engine: Engine, instance_ids: Sequence[int], now: datetime) -> None:
    """Note in a copy of the database what was purged in the original after the copy was made."""
    if instance_ids:
        with transaction(engine) as session:
            gone = and_(Instance.id.in_(instance_ids), Instance.purged_at.is_(None))
            session.execute(update(Instance).where(gone).values(purged_at=now))


def is_purged(engine: Engine, instance_id: int) -> bool:
    """Say whether an instance is noted as gone now."""
    with reading(engine) as session:
        return session.get_one(Instance, instance_id).purged_at is not None


def kept_paths(engine: Engine, study_instance_uid: str) -> frozenset[str]:
    """Give the relative paths of a study's files that must be there."""
    query = select(Instance.relative_path).join(Study, Study.id == Instance.study_id)
    with reading(engine) as session:
        kept = query.where(Study.study_instance_uid == study_instance_uid, Instance.purged_at.is_(None))
        return frozenset(session.scalars(kept))
