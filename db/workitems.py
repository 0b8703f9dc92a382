"""Workitems: the reading worklist as other systems see it, and who has claimed what. Claims outlive every process."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, case, select

from db import events, worklist_entries
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Result
from db.workitem_tables import Workitem
from domain.priority import ReadingPriority
from domain.workitem import Decision, Lock, StoredWorkitem, Verdict, WorkitemState

#: The order of reading: what is more urgent first.
_RANK = case({priority.value: priority.rank for priority in ReadingPriority}, value=Workitem.reading_priority)


@dataclass(frozen=True, slots=True)
class NewWorkitem:
    """What is put on the worklist."""

    sop_instance_uid: str
    result_id: int
    reading_priority: ReadingPriority
    waiting_since: datetime
    #: DICOM JSON Model.
    attributes: str


def add(engine: Engine, new: NewWorkitem, now: datetime) -> bool:
    """Put a workitem on the list, in the state of its study on the page; False when it is there already.

    Raises StoreUnavailable.
    """
    with transaction(engine) as session:
        if session.scalar(select(Workitem.id).where(Workitem.sop_instance_uid == new.sop_instance_uid)) is not None:
            return False
        state = worklist_entries.state_of_new_workitem(session, new.result_id)
        row = Workitem(
            sop_instance_uid=new.sop_instance_uid,
            result_id=new.result_id,
            state=state,
            reading_priority=new.reading_priority,
            waiting_since=new.waiting_since,
            transaction_uid="" if state is WorkitemState.SCHEDULED else worklist_entries.new_transaction_uid(),
            performer_ae_title="",
            attributes=new.attributes,
            created_at=now,
            changed_at=now,
        )
        session.add(row)
    return True


def listed(engine: Engine, states: Collection[WorkitemState] | None) -> list[StoredWorkitem]:
    """List the workitems in these states (None: in any): by reading priority, then who has waited longest."""
    query = select(Workitem).order_by(_RANK, Workitem.waiting_since, Workitem.id)
    if states is not None:
        query = query.where(Workitem.state.in_(states))
    with reading(engine) as session:
        return [_stored(row) for row in session.scalars(query)]


def by_uid(engine: Engine, sop_instance_uid: str) -> StoredWorkitem | None:
    """Give one workitem."""
    with reading(engine) as session:
        row = session.scalars(select(Workitem).where(Workitem.sop_instance_uid == sop_instance_uid)).one_or_none()
        return _stored(row) if row is not None else None


def study_of(engine: Engine, sop_instance_uid: str) -> int | None:
    """Give the study that a workitem asks to have read."""
    query = select(Result.study_id).join(Workitem, Workitem.result_id == Result.id)
    with reading(engine) as session:
        return session.scalar(query.where(Workitem.sop_instance_uid == sop_instance_uid))


def update(
    engine: Engine, sop_instance_uid: str, decide: Callable[[StoredWorkitem], Decision], now: datetime
) -> Verdict:
    """Change a workitem as `decide` says, while nobody else can. Raises StoreUnavailable."""
    query = select(Workitem).where(Workitem.sop_instance_uid == sop_instance_uid).with_for_update()
    with transaction(engine) as session:
        row = session.scalars(query).one_or_none()
        if row is None:
            return Verdict.UNKNOWN
        decision = decide(_stored(row))
        if decision.changed is None:
            return decision.verdict
        before = row.state
        row.state, row.transaction_uid = decision.changed.lock.state, decision.changed.lock.transaction_uid
        row.performer_ae_title = decision.changed.performer_ae_title
        row.attributes, row.changed_at = decision.changed.attributes, now
        if row.state is not before:
            detail = {"sop_instance_uid": sop_instance_uid, "state": row.state.value, "by": row.performer_ae_title}
            study_id = session.get_one(Result, row.result_id).study_id
            events.record(session, now, EventKind.WORKITEM_CHANGED, study_id, **detail)
            worklist_entries.follow_workitem(session, row, now)
        return decision.verdict


def _stored(row: Workitem) -> StoredWorkitem:
    lock = Lock(row.state, row.transaction_uid)
    return StoredWorkitem(row.sop_instance_uid, lock, row.attributes, row.performer_ae_title)
