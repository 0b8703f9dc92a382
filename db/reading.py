"""Take, finish and give back studies on the worklist's page: one reader at a time, whoever asks and from wherever.

A claim by another system (UPS, `db.workitems`) and one on the page exclude each other: each moves both rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, select, update
from sqlalchemy.orm import Session

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.workitem_tables import Workitem
from db.worklist_entries import new_transaction_uid
from db.worklist_tables import Account, WorklistEntry
from domain.reading import Outcome, ReadingState, Role
from domain.workitem import WorkitemState

#: Performer of a workitem that is claimed on the page.
PAGE_PERFORMER = "WORKLIST PAGE"


@dataclass(frozen=True, slots=True)
class _Move:
    origin: Collection[ReadingState]
    target: ReadingState
    workitem: WorkitemState
    event: EventKind


_TAKE = _Move([ReadingState.WAITING], ReadingState.READING, WorkitemState.IN_PROGRESS, EventKind.STUDY_TAKEN)
_FINISH = _Move([ReadingState.READING], ReadingState.READ, WorkitemState.COMPLETED, EventKind.STUDY_READ)
_GIVE_BACK = _Move(
    [ReadingState.READING, ReadingState.READ],
    ReadingState.WAITING,
    WorkitemState.SCHEDULED,
    EventKind.STUDY_GIVEN_BACK,
)


def take(engine: Engine, study_id: int, account: Account, now: datetime) -> Outcome:
    """Move WAITING to READING for this reader; DONE also when they hold it already."""
    return _move(engine, study_id, account, now, _TAKE)


def finish(engine: Engine, study_id: int, account: Account, now: datetime) -> Outcome:
    """Move READING to READ; a study that nobody holds is taken on the way."""
    taken = take(engine, study_id, account, now)
    return taken if taken is not Outcome.DONE else _move(engine, study_id, account, now, _FINISH)


def give_back(engine: Engine, study_id: int, account: Account, now: datetime) -> Outcome:
    """Move READING or READ back to WAITING; an admin also what somebody else holds."""
    return _move(engine, study_id, account, now, _GIVE_BACK)


def expire(engine: Engine, longest: timedelta, now: datetime) -> int:
    """Open again what a reader of the page has held for `longest` and not finished; gives how many studies.

    A claim of another system is not ours to take: PS3.4 CC.2.1 leaves that to who holds its Transaction UID.
    """
    return sum(_expire(engine, study_id, longest, now) for study_id in _overdue(engine, longest, now))


def _overdue(engine: Engine, longest: timedelta, now: datetime) -> Sequence[int]:
    with reading(engine) as session:
        return session.scalars(select(WorklistEntry.study_id).where(*_held_since(now - longest))).all()


def _held_since(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        WorklistEntry.reading_state == ReadingState.READING,
        WorklistEntry.reader_id.is_not(None),
        WorklistEntry.state_changed_at <= moment,
    )


def _expire(engine: Engine, study_id: int, longest: timedelta, now: datetime) -> bool:
    with transaction(engine) as session:
        workitem = _workitem(session, study_id)
        overdue = (WorklistEntry.study_id == study_id, *_held_since(now - longest))
        entry = session.scalars(select(WorklistEntry).where(*overdue).with_for_update()).one_or_none()
        if entry is None:  # finished or given back since
            return False
        holder = entry.reader
        entry.reading_state, entry.state_changed_at = ReadingState.WAITING, now
        entry.reader_id, entry.reader = None, ""
        _follow(workitem, WorkitemState.SCHEDULED, now)
        detail = {"held_by": holder, "after_minutes": longest // timedelta(minutes=1), "result_id": entry.result_id}
        events.record(session, now, EventKind.CLAIM_EXPIRED, study_id, **detail)
    return True


def _move(engine: Engine, study_id: int, account: Account, now: datetime, move: _Move) -> Outcome:
    with transaction(engine) as session:
        # The workitem first, as `db.workitems` does: two who lock in different orders would wait for each other.
        workitem = _workitem(session, study_id)
        query = select(WorklistEntry).where(WorklistEntry.study_id == study_id).with_for_update()
        entry = session.scalars(query).one_or_none()
        if entry is None:
            return Outcome.UNKNOWN
        verdict = _judge(entry, account, move)
        if verdict is not None:
            return verdict
        entry.reading_state, entry.state_changed_at = move.target, now
        is_open = move.target is ReadingState.WAITING
        entry.reader_id, entry.reader = (None, "") if is_open else (account.id, account.name)
        _follow(workitem, move.workitem, now)
        events.record(session, now, move.event, study_id, by=account.name, result_id=entry.result_id)
    return Outcome.DONE


def _workitem(session: Session, study_id: int) -> Workitem | None:
    newest = select(WorklistEntry.result_id).where(WorklistEntry.study_id == study_id).scalar_subquery()
    query = select(Workitem).where(Workitem.result_id == newest).order_by(Workitem.id.desc()).limit(1)
    return session.scalars(query.with_for_update()).one_or_none()


def _judge(entry: WorklistEntry, account: Account, move: _Move) -> Outcome | None:
    """Say why it cannot be moved, or that there is nothing to do; None when it can be moved."""
    is_theirs = entry.reader_id == account.id
    may_override = move is _GIVE_BACK and account.role is Role.ADMIN
    if entry.reading_state is ReadingState.READING and not is_theirs and not may_override:
        return Outcome.HELD
    if entry.reading_state is move.target:
        return Outcome.DONE
    return None if entry.reading_state in move.origin else Outcome.NOT_POSSIBLE


def _follow(workitem: Workitem | None, state: WorkitemState, now: datetime) -> None:
    if workitem is None or workitem.state is WorkitemState.CANCELED:
        return
    if state is WorkitemState.SCHEDULED:
        if workitem.state.is_final:  # PS3.4 CC.1.1: what is final stays so
            return
        workitem.transaction_uid = workitem.performer_ae_title = ""
    elif not workitem.transaction_uid:
        workitem.transaction_uid, workitem.performer_ae_title = new_transaction_uid(), PAGE_PERFORMER
    workitem.state, workitem.changed_at = state, now


def release_reader(session: Session, account_id: int, now: datetime) -> None:
    """Open again what an account holds: it is disabled, and would hold it for ever."""
    held = (WorklistEntry.reader_id == account_id, WorklistEntry.reading_state == ReadingState.READING)
    values = {"reading_state": ReadingState.WAITING, "state_changed_at": now, "reader_id": None, "reader": ""}
    session.execute(update(WorklistEntry).where(*held).values(**values))
