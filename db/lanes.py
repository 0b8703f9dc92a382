"""How many reports are on their way at once: to one destination, and to those that fail, lest they take all room."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.destination_tables import DestinationHealth
from db.insertion import insert_unless_there
from db.tables import Delivery
from domain.study import DeliveryState


@dataclass(frozen=True, slots=True)
class Lanes:
    """Limits, over all workers of the service."""

    #: Most to one destination.
    each: int
    #: Most to all failing destinations together.
    failing: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is on its way."""

    lanes: Lanes
    #: Reports on their way, by destination.
    under_way: Mapping[str, int]
    failing: frozenset[str]

    @property
    def room_for_failing(self) -> int:
        """Give how many more may go to failing destinations."""
        return max(0, self.lanes.failing - sum(self.under_way.get(name, 0) for name in self.failing))

    def has_room(self, destination: str) -> bool:
        """Say whether one more may go there."""
        has_lane = self.under_way.get(destination, 0) < self.lanes.each
        return has_lane and (destination not in self.failing or self.room_for_failing > 0)

    @property
    def full(self) -> frozenset[str]:
        """Name the destinations that nothing more may go to for now."""
        return frozenset(name for name in {*self.under_way, *self.failing} if not self.has_room(name))


def traffic(session: Session, lanes: Lanes, now: datetime, *, but: int = 0) -> Traffic:
    """Count what is on its way, but the delivery `but`."""
    holding = (Delivery.state == DeliveryState.SENDING, Delivery.lease_until >= now, Delivery.id != but)
    counts = select(Delivery.destination, func.count()).where(*holding).group_by(Delivery.destination)
    failing = select(DestinationHealth.name).where(DestinationHealth.failing_since.is_not(None))
    under_way: dict[str, int] = dict(session.execute(counts).all())
    return Traffic(lanes, under_way, frozenset(session.scalars(failing)))


def queue_up(session: Session, destination: str) -> None:
    """Have others that would send wait until this transaction ends, so that no two take the last lane."""
    insert_unless_there(session, DestinationHealth, name=destination)
    # SQLite has one writer anyway, and leaves FOR UPDATE out.
    session.execute(select(DestinationHealth.name).order_by(DestinationHealth.name).with_for_update())


def note_well(session: Session, destination: str) -> None:
    """Note that an attempt went well."""
    failed = (DestinationHealth.name == destination, DestinationHealth.failing_since.is_not(None))
    session.execute(update(DestinationHealth).where(*failed).values(failing_since=None))


def note_failing(session: Session, destination: str, now: datetime) -> None:
    """Note that an attempt failed in a way that may pass."""
    insert_unless_there(session, DestinationHealth, name=destination)
    was_well = (DestinationHealth.name == destination, DestinationHealth.failing_since.is_(None))
    session.execute(update(DestinationHealth).where(*was_well).values(failing_since=now))
