"""Peers that fail: since when, and until when they are left alone.

A peer is a destination that is sent a report or asked about one, or a sender that is given its answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from db.insertion import insert_unless_there
from db.peer_tables import PeerHealth
from db.session import reading
from domain.retry import wait_before_retry


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a peer that fails is left alone."""

    first_seconds: float
    longest_seconds: float

    def after(self, failures: int) -> timedelta:
        """Give the pause after so many failures in a row: none after the first, which may be one report's own."""
        if failures < 2:  # noqa: PLR2004 - the first
            return timedelta()
        return wait_before_retry(failures - 1, self.first_seconds, self.longest_seconds)


#: For callers that reach nobody.
NO_PAUSES = Pauses(0.0, 0.0)


def note_well(session: Session, peer: str) -> None:
    """Note that an attempt went well."""
    failed = (PeerHealth.name == peer, PeerHealth.failing_since.is_not(None))
    well = {"failing_since": None, "failures": 0, "paused_until": None}
    session.execute(update(PeerHealth).where(*failed).values(**well))


def note_failing(session: Session, peer: str, now: datetime, pauses: Pauses) -> None:
    """Note that an attempt failed in a way that may pass; what was under way when a pause began prolongs nothing."""
    insert_unless_there(session, PeerHealth, name=peer)
    row = session.scalars(select(PeerHealth).where(PeerHealth.name == peer).with_for_update()).one()
    if row.paused_until is not None and row.paused_until > now:
        return
    row.failing_since = row.failing_since or now
    row.failures += 1
    row.paused_until = now + pauses.after(row.failures)


def note(session: Session, peer: str, now: datetime, pauses: Pauses | None) -> None:
    """Note an attempt that failed; None: the peer answered, and so is well."""
    if pauses is None:
        note_well(session, peer)
    else:
        note_failing(session, peer, now, pauses)


def end_pause(session: Session, peer: str) -> None:
    """Let the next attempt be made at once: whoever asks for it knows more."""
    session.execute(update(PeerHealth).where(PeerHealth.name == peer).values(paused_until=None))


def failing(engine: Engine) -> Sequence[PeerHealth]:
    """List the peers whose last attempt failed, by name."""
    query = select(PeerHealth).where(PeerHealth.failing_since.is_not(None)).order_by(PeerHealth.name)
    with reading(engine) as session:
        return session.scalars(query).all()
