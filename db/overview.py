"""Counts for people and monitors."""

from datetime import datetime

from sqlalchemy import Engine, func, select

from db.session import reading
from db.studies import has_images
from db.tables import Delivery, Instance, Study
from domain.study import DeliveryState, StudyStatus


def studies_by_status(engine: Engine) -> dict[str, int]:
    """Count studies by status; every status is named."""
    with reading(engine) as session:
        found = dict(session.execute(select(Study.status, func.count()).group_by(Study.status)).all())
    return {status.value: found.get(status, 0) for status in StudyStatus}


def deliveries_by_state(engine: Engine) -> dict[str, int]:
    """Count deliveries by state; every state is named."""
    with reading(engine) as session:
        found = dict(session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all())
    return {state.value: found.get(state, 0) for state in DeliveryState}


def instances_kept(engine: Engine) -> tuple[int, int]:
    """Count the acknowledged instances whose files are kept, and their bytes."""
    kept = select(func.count(), func.coalesce(func.sum(Instance.size_bytes), 0)).where(Instance.purged_at.is_(None))
    with reading(engine) as session:
        count, size = session.execute(kept).one()
    return int(count), int(size)


def instances_purged(engine: Engine) -> int:
    """Count the instances whose files were removed after their retention time."""
    with reading(engine) as session:
        return int(session.scalar(select(func.count()).where(Instance.purged_at.is_not(None))) or 0)


def oldest_waiting(engine: Engine) -> datetime | None:
    """Tell since when the longest-waiting unfinished study waits."""
    waiting = [StudyStatus.RECEIVING, StudyStatus.READY, StudyStatus.ANALYSING]
    with reading(engine) as session:
        oldest = select(func.min(Study.last_received_at)).where(Study.status.in_(waiting), has_images())
        return session.scalar(oldest)
