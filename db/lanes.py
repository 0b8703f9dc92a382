"""How many associations are under way at once: with one peer, and with those that fail, lest they take all room.

A peer is a destination that is sent a report or asked about one, or a sender that is given its answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all, update
from sqlalchemy.orm import Session

from db.commitment_tables import CommitmentRequest
from db.destination_tables import DestinationHealth
from db.insertion import insert_unless_there
from db.tables import Delivery
from domain.commitment import CommitmentState

#: No destination's name begins so: it holds no space.
_SENDER = "sender "


@dataclass(frozen=True, slots=True)
class Lanes:
    """Limits, over all workers of the service."""

    #: Most with one peer.
    each: int
    #: Most with all failing peers together.
    failing: int


#: For callers that reach nobody.
NO_LIMITS = Lanes(each=2**31, failing=2**31)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is under way."""

    lanes: Lanes
    #: Associations, by peer.
    under_way: Mapping[str, int]
    failing: frozenset[str]

    @property
    def room_for_failing(self) -> int:
        """Give how many more may go to failing peers."""
        return max(0, self.lanes.failing - sum(self.under_way.get(name, 0) for name in self.failing))

    def has_room(self, peer: str) -> bool:
        """Say whether one more may go there."""
        has_lane = self.under_way.get(peer, 0) < self.lanes.each
        return has_lane and (peer not in self.failing or self.room_for_failing > 0)

    @property
    def full(self) -> frozenset[str]:
        """Name the peers that nothing more may go to for now."""
        return frozenset(name for name in {*self.under_way, *self.failing} if not self.has_room(name))


def sender(calling_ae_title: str) -> str:
    """Name the peer that a sender is."""
    return f"{_SENDER}{calling_ae_title}"


def peer_of(row: type[Delivery | CommitmentRequest]) -> ColumnElement[str]:
    """Give the peer that work is for, in a query."""
    if row is Delivery:
        return Delivery.destination.expression
    return literal(_SENDER).concat(CommitmentRequest.calling_ae_title)


def has_room(session: Session, lanes: Lanes, peer: str, now: datetime, *, but: int = 0) -> bool:
    """Say whether one more may go to a peer, not counting the delivery `but`.

    Others that would know wait until this transaction ends, so that no two take the last lane.
    """
    insert_unless_there(session, DestinationHealth, name=peer)
    # SQLite has one writer anyway, and leaves FOR UPDATE out.
    session.execute(select(DestinationHealth.name).order_by(DestinationHealth.name).with_for_update())
    return _traffic(session, lanes, now, but=but).has_room(peer)


def with_room(
    session: Session, lanes: Lanes, work: Select[int], peer: ColumnElement[str], now: datetime, limit: int
) -> list[int]:
    """Choose from `work` what has room; of what is for failing peers, last, no more than may be tried at once."""
    traffic = _traffic(session, lanes, now)
    well = work.where(peer.not_in(sorted(traffic.full | traffic.failing))).limit(limit)
    tried = work.where(peer.in_(sorted(traffic.failing - traffic.full))).limit(traffic.room_for_failing)
    return [*session.scalars(well), *session.scalars(tried)][:limit]


def _traffic(session: Session, lanes: Lanes, now: datetime, *, but: int = 0) -> Traffic:
    # A report is held while it is sent, and once more while its destination is asked about it.
    deliveries = select(Delivery.destination.label("peer")).where(Delivery.lease_until >= now, Delivery.id != but)
    answering = (CommitmentRequest.state == CommitmentState.ANSWERING, CommitmentRequest.lease_until >= now)
    requests = select(peer_of(CommitmentRequest).label("peer")).where(*answering)
    held = union_all(deliveries, requests).subquery()
    under_way: dict[str, int] = dict(session.execute(select(held.c.peer, func.count()).group_by(held.c.peer)).all())
    failing = select(DestinationHealth.name).where(DestinationHealth.failing_since.is_not(None))
    return Traffic(lanes, under_way, frozenset(session.scalars(failing)))


def note_well(session: Session, peer: str) -> None:
    """Note that an attempt went well."""
    failed = (DestinationHealth.name == peer, DestinationHealth.failing_since.is_not(None))
    session.execute(update(DestinationHealth).where(*failed).values(failing_since=None))


def note_failing(session: Session, peer: str, now: datetime) -> None:
    """Note that an attempt failed in a way that may pass."""
    insert_unless_there(session, DestinationHealth, name=peer)
    was_well = (DestinationHealth.name == peer, DestinationHealth.failing_since.is_(None))
    session.execute(update(DestinationHealth).where(*was_well).values(failing_since=now))
