"""Runs of reprocessing: what one command asked for, so that after an interruption it goes on, not starts again."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from db import events
from db.events import EventKind
from db.reprocessing import DONE, Request, Selection, reopen
from db.session import reading, transaction
from db.tables import Event, Study
from domain.study import StudyStatus

#: Runs that are looked through for one that is not over.
_LATEST = 100


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far the studies of a run are."""

    total: int
    #: With a new result, or FAILED.
    done: int
    failed: int

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is on its way."""
        return self.done == self.total


def meaning(selection: Selection, version: str | None) -> dict[str, object]:
    """Describe what is asked for, for comparison: UIDs, which may be many, by their hash."""
    uids = selection.study_instance_uids
    listed = None if uids is None else hashlib.sha256("\n".join(sorted(uids)).encode()).hexdigest()
    return {
        "study_instance_uids": listed,
        "status": selection.status,
        "since": selection.since.isoformat() if selection.since else None,
        "until": selection.until.isoformat() if selection.until else None,
        "model_version": selection.model_version,
        "assessment": selection.assessment,
        "version": version,
    }


def begin(engine: Engine, now: datetime, asked: Mapping[str, object], matched: int, by: str) -> str:
    """Note that a run begins; gives its name."""
    run = uuid.uuid4().hex
    with transaction(engine) as session:
        detail = {"run": run, "asked": dict(asked), "matched": matched, "by": by}
        events.record(session, now, EventKind.REPROCESS_BEGUN, None, **detail)
    return run


def unfinished(engine: Engine, asked: Mapping[str, object]) -> str | None:
    """Name the newest run that asked for the same, if not all of its studies were marked, or some are on their way."""
    with reading(engine) as session:
        begun = select(Event).where(Event.study_id.is_(None), Event.kind == EventKind.REPROCESS_BEGUN)
        newest = session.scalars(begun.order_by(Event.id.desc()).limit(_LATEST)).all()
        run = next((str(event.detail["run"]) for event in newest if event.detail["asked"] == asked), None)
    if run is None or (is_marked(engine, run) and progress(engine, run).is_over):
        return None
    return run


def is_marked(engine: Engine, run: str) -> bool:
    """Say whether every study of a run was made READY."""
    marked = select(Event).where(Event.study_id.is_(None), Event.kind == EventKind.REPROCESS_MARKED)
    with reading(engine) as session:
        newest = session.scalars(marked.order_by(Event.id.desc()).limit(_LATEST)).all()
    return any(event.detail["run"] == run for event in newest)


def mark(engine: Engine, study_ids: Sequence[int], now: datetime, request: Request) -> list[int]:
    """Reopen studies for a run, all of these or none; gives those that were still finished. Raises StoreUnavailable."""
    with transaction(engine) as session:
        return [study_id for study_id in study_ids if reopen(session, study_id, now, request) is not None]


def end_marking(engine: Engine, run: str, now: datetime, by: str) -> None:
    """Note that every study of a run was made READY."""
    with transaction(engine) as session:
        events.record(session, now, EventKind.REPROCESS_MARKED, None, run=run, by=by)


def progress(engine: Engine, run: str) -> RunProgress:
    """Say how far a run is. A study that a late image took out of it counts no more."""
    query = select(Study.status, func.count()).where(Study.reprocess_run == run).group_by(Study.status)
    with reading(engine) as session:
        counts: dict[StudyStatus, int] = dict(session.execute(query).all())
    done = sum(count for status, count in counts.items() if status in DONE)
    return RunProgress(sum(counts.values()), done, counts.get(StudyStatus.FAILED, 0))
