"""Which processes of the service live, on whatever host."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select

from db.session import reading, transaction
from db.tables import Process

#: A process that was not seen for so long is forgotten.
_FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Life:
    """One run of one process."""

    #: Random.
    id: str
    name: str
    host: str
    pid: int
    started_at: datetime


def note_alive(engine: Engine, life: Life, now: datetime) -> None:
    """Write a sign of life."""
    with transaction(engine) as session:
        row = session.get(Process, life.id)
        if row is None:
            session.execute(delete(Process).where(Process.seen_at < now - _FORGOTTEN))
            session.add(
                Process(
                    id=life.id,
                    name=life.name,
                    host=life.host,
                    pid=life.pid,
                    started_at=life.started_at,
                    seen_at=now,
                )
            )
        else:
            row.seen_at = now


def note_ended(engine: Engine, life: Life) -> None:
    """Forget a process that ended in order; one that was killed stays, silent."""
    with transaction(engine) as session:
        session.execute(delete(Process).where(Process.id == life.id))


def listed(engine: Engine) -> Sequence[Process]:
    """List the processes by name, those that went silent within a day included."""
    with reading(engine) as session:
        return session.scalars(select(Process).order_by(Process.name, Process.started_at)).all()
