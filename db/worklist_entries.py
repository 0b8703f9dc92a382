"""Keep the worklist's page up with studies and results, in the transactions that change them."""

import secrets
import uuid
from datetime import UTC, datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.session import reading, transaction
from db.tables import Instance, Result, Study
from db.workitem_tables import Workitem
from db.worklist_tables import LONGEST_NAME, LONGEST_TEXT, WorklistEntry
from domain.priority import ReadingPriority
from domain.reading import ReadingState
from domain.study_facts import StudyFacts
from domain.workitem import WorkitemState

_STATE_OF_WORKITEM = {
    WorkitemState.SCHEDULED: ReadingState.WAITING,
    WorkitemState.IN_PROGRESS: ReadingState.READING,
    WorkitemState.COMPLETED: ReadingState.READ,
}


def milliseconds(moment: datetime) -> int:
    """Give a moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def moment_of(waiting_since_ms: int) -> datetime:
    """Give the moment back."""
    return datetime.fromtimestamp(waiting_since_ms / 1000, UTC)


def note_image(session: Session, study: Study, at: datetime) -> None:
    """Put a study on the list with its first image; one that was read is open again with a further one."""
    entry = session.get(WorklistEntry, study.id)
    if entry is None:
        session.add(
            WorklistEntry(
                study_id=study.id,
                token=secrets.token_hex(16),
                reading_state=ReadingState.WAITING,
                state_changed_at=at,
                reading_priority=ReadingPriority.ROUTINE,
                rank=ReadingPriority.ROUTINE.rank,
                waiting_since_ms=milliseconds(at),
            )
        )
    elif entry.reading_state is ReadingState.READ:
        entry.waiting_since_ms = milliseconds(at)
        _open_again(entry, at)


def _open_again(entry: WorklistEntry, at: datetime) -> None:
    entry.reading_state, entry.state_changed_at = ReadingState.WAITING, at
    entry.reader_id, entry.reader = None, ""


def note_result(session: Session, result: Result, at: datetime) -> None:
    """Show a study's newest result; one that raises a study which was read opens it again.

    So does one that comes while another system reads: its claim is of the workitem of the result before.
    """
    entry = session.get(WorklistEntry, result.study_id)
    if entry is None:
        return
    is_raised = result.reading_priority.rank < entry.rank
    entry.result_id, entry.probability = result.id, result.probability
    entry.reading_priority, entry.rank = result.reading_priority, result.reading_priority.rank
    is_claimed_elsewhere = entry.reading_state is ReadingState.READING and entry.reader_id is None
    if is_claimed_elsewhere or (is_raised and entry.reading_state is ReadingState.READ):
        _open_again(entry, at)


def new_transaction_uid() -> str:
    """Give the Transaction UID of a claim that is made on the page (PS3.5 B.2); nobody else knows it."""
    return f"2.25.{uuid.uuid4().int}"


def follow_workitem(session: Session, workitem: Workitem, at: datetime) -> None:
    """Show what another system has done with the workitem of a study's newest result."""
    entry = session.scalars(select(WorklistEntry).where(WorklistEntry.result_id == workitem.result_id)).one_or_none()
    state = _STATE_OF_WORKITEM.get(workitem.state)
    if entry is None or state is None:  # CANCELED says that it is out of date, not that it was read
        return
    entry.reading_state, entry.state_changed_at = state, at
    entry.reader_id, entry.reader = None, workitem.performer_ae_title


def state_of_new_workitem(session: Session, result_id: int) -> WorkitemState:
    """Give the state that a new workitem begins in: that of its study on the page."""
    query = select(WorklistEntry.reading_state).where(WorklistEntry.result_id == result_id)
    known = session.scalar(query)
    states = {state: of_workitem for of_workitem, state in _STATE_OF_WORKITEM.items()}
    return states[known] if known is not None else WorkitemState.SCHEDULED


def without_facts(engine: Engine, limit: int) -> list[tuple[int, list[Instance]]]:
    """List studies whose header was not read yet, each with its images in order of arrival."""
    unread = select(WorklistEntry.study_id).where(WorklistEntry.facts_instance_id.is_(None))
    unread = unread.order_by(WorklistEntry.study_id.desc()).limit(limit)
    query = select(Instance).where(Instance.study_id.in_(unread.scalar_subquery()), ~Instance.is_own_output)
    found: dict[int, list[Instance]] = {}
    with reading(engine) as session:
        for row in session.scalars(query.order_by(Instance.id)):
            found.setdefault(row.study_id, []).append(row)
    return list(found.items())


def keep_facts(engine: Engine, study_id: int, instance_id: int, facts: StudyFacts | None) -> None:
    """Keep what a header says of its study; None when it cannot be read, so that it is not tried for ever."""
    with transaction(engine) as session:
        entry = session.get_one(WorklistEntry, study_id)
        entry.facts_instance_id = instance_id
        if facts is None:
            return
        entry.patient_name = facts.patient_name[:LONGEST_NAME]
        entry.patient_key = facts.patient_name.replace("^", " ").casefold()[:LONGEST_NAME]
        entry.patient_id, entry.sex = facts.patient_id[:LONGEST_TEXT], facts.patient_sex[:1]
        entry.birth_date = facts.patient_birth_date[:8]
        entry.study_moment = (facts.study_date + facts.study_time.partition(".")[0])[:14]
        entry.accession_number = facts.accession_number[:LONGEST_TEXT]
        entry.study_description = facts.study_description[:LONGEST_TEXT]
