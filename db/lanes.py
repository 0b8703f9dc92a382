"""How many associations are under way at once: with one peer, and with those that fail, lest they take all room."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from db.commitment_tables import CommitmentRequest
from db.insertion import insert_unless_there
from db.peer_tables import PeerHealth
from db.tables import Delivery
from domain.commitment import CommitmentState

#: Chosen beyond what may be under way, to wait behind it until the next look.
_BEHIND = 8
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
    #: Of those, what is left alone for now.
    paused: frozenset[str]

    @property
    def room_for_failing(self) -> int:
        """Give how many more may go to failing peers."""
        return max(0, self.lanes.failing - sum(self.under_way.get(name, 0) for name in self.failing))

    def has_room(self, peer: str) -> bool:
        """Say whether one more may go there."""
        if peer in self.failing:  # one attempt at a time shows whether it is well again
            return peer not in self.paused and not self.under_way.get(peer) and self.room_for_failing > 0
        return self.under_way.get(peer, 0) < self.lanes.each

    @property
    def full(self) -> frozenset[str]:
        """Name the peers that nothing more may go to for now."""
        return frozenset(name for name in {*self.under_way, *self.failing} if not self.has_room(name))


def sender(calling_ae_title: str) -> str:
    """Name the peer that a sender is."""
    return f"{_SENDER}{calling_ae_title}"


def is_sender(peer: str) -> bool:
    """Say whether a peer is a sender, not a destination."""
    return peer.startswith(_SENDER)


def peer_of(row: type[Delivery | CommitmentRequest]) -> ColumnElement[str]:
    """Give the peer that work is for, in a query."""
    if row is Delivery:
        return Delivery.destination.expression
    return literal(_SENDER).concat(CommitmentRequest.calling_ae_title)


def has_room(session: Session, lanes: Lanes, peer: str, now: datetime, *, but: int = 0) -> bool:
    """Say whether one more may go to a peer, not counting the delivery `but`.

    Others that would know wait until this transaction ends, so that no two take the last lane.
    """
    insert_unless_there(session, PeerHealth, name=peer)
    # SQLite has one writer anyway, and leaves FOR UPDATE out.
    session.execute(select(PeerHealth.name).order_by(PeerHealth.name).with_for_update())
    return _traffic(session, lanes, now, but=but).has_room(peer)


def with_room(session: Session, lanes: Lanes, work: Select[int, str, Any], now: datetime, limit: int) -> list[int]:
    """Choose from work that is due what has room, first come first, what is for failing peers last.

    `work` selects ids, peers and the times since which they are due. Of each peer's little more is chosen than may be
    under way: what finds no room is only chosen again.
    """
    traffic = _traffic(session, lanes, now)
    ids, peers, times = work.subquery().columns
    place = func.row_number().over(partition_by=peers, order_by=(times, ids))
    lined_up = select(ids.label("id"), peers.label("peer"), times.label("due_at"), place.label("place"))
    row = lined_up.where(peers.not_in(sorted(traffic.full))).subquery().columns
    first_come = select(row.id).order_by(row.due_at, row.id)
    fails = row.peer.in_(sorted(traffic.failing))
    well = first_come.where(~fails, row.place <= lanes.each + _BEHIND).limit(limit)
    tried = first_come.where(fails, row.place == 1).limit(traffic.room_for_failing)
    return [*session.scalars(well), *session.scalars(tried)][:limit]


def _traffic(session: Session, lanes: Lanes, now: datetime, *, but: int = 0) -> Traffic:
    # A report is held while it is sent, and once more while its destination is asked about it.
    deliveries = select(Delivery.destination.label("peer")).where(Delivery.lease_until >= now, Delivery.id != but)
    answering = (CommitmentRequest.state == CommitmentState.ANSWERING, CommitmentRequest.lease_until >= now)
    requests = select(peer_of(CommitmentRequest).label("peer")).where(*answering)
    held = union_all(deliveries, requests).subquery()
    under_way: dict[str, int] = dict(session.execute(select(held.c.peer, func.count()).group_by(held.c.peer)).all())
    failing = session.scalars(select(PeerHealth).where(PeerHealth.failing_since.is_not(None))).all()
    paused = frozenset(peer.name for peer in failing if peer.paused_until is not None and peer.paused_until > now)
    return Traffic(lanes, under_way, frozenset(peer.name for peer in failing), paused)
