"""What an administrator sees of senders and destinations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from db.session import reading
from db.tables import Association, Delivery
from domain.study import DeliveryState


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one destination has not got."""

    destination: str
    #: PENDING or being sent.
    waiting: int
    failed: int
    #: When the oldest of both was made.
    oldest: datetime | None


def associations(engine: Engine, limit: int) -> Sequence[Association]:
    """List the newest associations that sent images."""
    query = select(Association).order_by(Association.opened_at.desc(), Association.id).limit(limit)
    with reading(engine) as session:
        return session.scalars(query).all()


def backlogs(engine: Engine, destinations: Sequence[str]) -> list[Backlog]:
    """Give the backlog of each of these destinations, and of those that are not set any more and have one."""
    unsent = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED)
    query = (
        select(Delivery.destination, Delivery.state, func.count(), func.min(Delivery.created_at))
        .where(Delivery.state.in_(unsent))
        .group_by(Delivery.destination, Delivery.state)
    )
    with reading(engine) as session:
        rows = session.execute(query).all()
    names = [*destinations, *sorted({row[0] for row in rows} - set(destinations))]
    return [_backlog(name, [(state, n, oldest) for named, state, n, oldest in rows if named == name]) for name in names]


def _backlog(destination: str, rows: Sequence[tuple[DeliveryState, int, datetime]]) -> Backlog:
    failed = sum(n for state, n, _ in rows if state is DeliveryState.FAILED)
    waiting = sum(n for state, n, _ in rows if state is not DeliveryState.FAILED)
    return Backlog(destination, waiting, failed, min((oldest for _, _, oldest in rows), default=None))
