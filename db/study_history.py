"""Who sent a study, and who is still sending it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, exists, func, select

from db.session import reading
from db.tables import Association, Instance, Study


@dataclass(frozen=True, slots=True)
class Sender:
    """One association that sent images of a study."""

    association: Association
    #: Acknowledged instances of this study, and when the first and the last one came.
    instances: int
    first_at: datetime
    last_at: datetime


def senders(engine: Engine, study_id: int) -> list[Sender]:
    """List the associations that a study came over, oldest first."""
    query = (
        select(Association, func.count(), func.min(Instance.received_at), func.max(Instance.received_at))
        .join(Instance, Instance.association_id == Association.id)
        .where(Instance.study_id == study_id)
        .group_by(Association.id)
        .order_by(func.min(Instance.received_at))
    )
    with reading(engine) as session:
        return [Sender(*row) for row in session.execute(query)]


def still_sending(engine: Engine, study_id: int, now: datetime, stale: timedelta) -> Sequence[Association]:
    """List the open associations, alive within `stale`, whose newest image is of the study: it waits for them."""
    query = select(Association).where(
        Association.current_study_id == study_id, Association.closed_at.is_(None), Association.seen_at > now - stale
    )
    with reading(engine) as session:
        return session.scalars(query).all()


def has_images(engine: Engine, study_id: int) -> bool:
    """Say whether anything of a study came that was not made here."""
    with reading(engine) as session:
        return bool(session.scalar(select(exists().where(Instance.study_id == study_id, ~Instance.is_own_output))))


def received_between(engine: Engine, since: datetime | None, until: datetime | None) -> Sequence[Study]:
    """List the studies whose newest image came at or after, and before, these times; None does not restrict."""
    query = select(Study).order_by(Study.id)
    if since is not None:
        query = query.where(Study.last_received_at >= since)
    if until is not None:
        query = query.where(Study.last_received_at < until)
    with reading(engine) as session:
        return session.scalars(query).all()
