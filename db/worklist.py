"""Reads for the worklist's pages: each page a fixed number of queries, whatever the number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, exists, func, or_, select, true

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Event, Result, Study
from db.worklist_entries import moment_of
from db.worklist_tables import Thumbnail, WorklistEntry
from domain.priority import ReadingPriority
from domain.reading import ReadingState
from domain.study import StudyStatus

#: What people did, as opposed to what the service did.
AUDITED = (
    EventKind.STUDY_TAKEN,
    EventKind.STUDY_GIVEN_BACK,
    EventKind.STUDY_READ,
    EventKind.CLAIM_EXPIRED,
    EventKind.LIST_VIEWED,
    EventKind.STUDY_VIEWED,
    EventKind.WORKITEM_CHANGED,
    EventKind.REPORT_DOWNLOADED,
    EventKind.FEEDBACK_GIVEN,
    EventKind.REPROCESS_REQUESTED,
    EventKind.DELIVERY_RESEND,
    EventKind.SIGNED_IN,
    EventKind.SIGNED_OUT,
    EventKind.SIGN_IN_REFUSED,
    EventKind.ACCOUNT_CHANGED,
)

#: What changes no line of the list.
_LOOKS = (EventKind.LIST_VIEWED, EventKind.STUDY_VIEWED, EventKind.REPORT_DOWNLOADED)


class Column(StrEnum):
    """What the list can be sorted by."""

    READING_ORDER = "order"
    WAITING = "waiting"
    PATIENT = "patient"
    STUDY = "study"
    ACCESSION = "accession"
    PROBABILITY = "probability"


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the list is wanted; empty is everything."""

    states: tuple[ReadingState, ...] = ()
    reading_priority: ReadingPriority | None = None
    #: Studies whose newest result scored nothing, and those that FAILED.
    only_not_analysed: bool = False
    #: Beginning of a word of the patient's name, of the patient ID or of the accession number.
    text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    entry: WorklistEntry
    study: Study
    #: None until the study was read by the network.
    result: Result | None
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """The line after which a list goes on."""

    study_id: int
    #: What it was sorted by, where that is a number; None where it is text, which is looked up.
    value: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and how many there are."""

    rows: tuple[Row, ...]
    total: int


def page(
    engine: Engine, filters: Filters, sort: Column, max_wait: timedelta, *, descending: bool, offset: int, limit: int
) -> Page:
    """Give one page of the list. Two queries: how many, and these."""
    condition = _condition(filters)
    order = _order(sort, max_wait, descending=descending)
    chosen = select(WorklistEntry.study_id).where(condition).order_by(*order).offset(offset).limit(limit)
    query = _rows_of(chosen, order)
    with reading(engine) as session:
        total = session.scalar(select(func.count()).select_from(WorklistEntry).where(condition)) or 0
        return Page(tuple(_row(found) for found in session.execute(query)), total)


def page_after(
    engine: Engine,
    filters: Filters,
    sort: Column,
    max_wait: timedelta,
    place: Place | None,
    *,
    descending: bool,
    limit: int,
) -> Page:
    """Give the lines after a place (None: the first), so that no arrival shifts what follows. Two queries."""
    condition = _condition(filters)
    order = _order(sort, max_wait, descending=descending)
    after = condition if place is None else and_(condition, _after(sort, max_wait, place, descending=descending))
    query = _rows_of(select(WorklistEntry.study_id).where(after).order_by(*order).limit(limit), order)
    with reading(engine) as session:
        total = session.scalar(select(func.count()).select_from(WorklistEntry).where(condition)) or 0
        return Page(tuple(_row(found) for found in session.execute(query)), total)


def place_of(row: Row, sort: Column, max_wait: timedelta) -> Place:
    """Give the place of a line in a list that is sorted so."""
    entry = row.entry
    values: dict[Column, float] = {
        Column.READING_ORDER: entry.waiting_since_ms + entry.rank * _milliseconds(max_wait),
        Column.WAITING: entry.waiting_since_ms,
        Column.PROBABILITY: -1.0 if entry.probability is None else entry.probability,
    }
    return Place(entry.study_id, values.get(sort))


def _after(sort: Column, max_wait: timedelta, place: Place, *, descending: bool) -> ColumnElement[bool]:
    key = _key(sort, max_wait)
    value: Any = place.value
    if value is None:
        value = select(key).where(WorklistEntry.study_id == place.study_id).correlate(None).scalar_subquery()
    beyond = key < value if descending else key > value
    return or_(beyond, and_(key == value, WorklistEntry.study_id > place.study_id))


def by_token(engine: Engine, token: str) -> Row | None:
    """Give the line of the study that a URL names."""
    with reading(engine) as session:
        found = session.execute(_rows().where(WorklistEntry.token == token)).one_or_none()
    return _row(found) if found is not None else None


def by_study_uid(engine: Engine, study_instance_uid: str) -> Row | None:
    """Give the line of a study."""
    with reading(engine) as session:
        found = session.execute(_rows().where(Study.study_instance_uid == study_instance_uid)).one_or_none()
    return _row(found) if found is not None else None


def neighbour(engine: Engine, row: Row, max_wait: timedelta) -> str | None:
    """Give the token of the study that is to be read next: the first in reading order that nobody has taken."""
    waiting = and_(WorklistEntry.reading_state == ReadingState.WAITING, WorklistEntry.study_id != row.study.id)
    order = _order(Column.READING_ORDER, max_wait, descending=False)
    # As in `page`: sorted by what an index covers, and then one row is looked up.
    following = select(WorklistEntry.study_id).where(waiting).order_by(*order).limit(1).scalar_subquery()
    with reading(engine) as session:
        return session.scalar(select(WorklistEntry.token).where(WorklistEntry.study_id == following))


def newest_event(engine: Engine) -> int:
    """Give the number of the newest event that is no mere look: when it has grown, something has changed."""
    newest = select(Event.id).where(Event.kind.not_in([kind.value for kind in _LOOKS])).order_by(Event.id.desc())
    with reading(engine) as session:
        return session.scalar(newest.limit(1)) or 0


def counts(engine: Engine) -> dict[ReadingState, int]:
    """Count the studies in each state."""
    query = select(WorklistEntry.reading_state, func.count()).group_by(WorklistEntry.reading_state)
    with reading(engine) as session:
        found: dict[ReadingState, int] = {row[0]: row[1] for row in session.execute(query)}
    return {state: found.get(state, 0) for state in ReadingState}


def view(engine: Engine, study_id: int, kind: EventKind, by: str, now: datetime, **detail: object) -> None:
    """Note that somebody looked at a study."""
    with transaction(engine) as session:
        events.record(session, now, kind, study_id, by=by, **detail)


def view_list(engine: Engine, study_ids: Sequence[int], by: str, now: datetime, **detail: object) -> None:
    """Note which studies somebody was shown on the list."""
    with transaction(engine) as session:
        events.record(session, now, EventKind.LIST_VIEWED, None, by=by, studies=list(study_ids), **detail)


def audit(engine: Engine, since: datetime | None) -> Sequence[tuple[Event, str | None]]:
    """List what people did, oldest first, each with the Study Instance UID that it was about."""
    query = (
        select(Event, Study.study_instance_uid)
        .outerjoin(Study, Study.id == Event.study_id)
        .where(Event.kind.in_([kind.value for kind in AUDITED]))
        .order_by(Event.id)
    )
    if since is not None:
        query = query.where(Event.at >= since)
    with reading(engine) as session:
        return [(event, uid) for event, uid in session.execute(query)]


def thumbnail(engine: Engine, study_id: int) -> Thumbnail | None:
    """Give the small picture that is kept of a study."""
    with reading(engine) as session:
        return session.get(Thumbnail, study_id)


def keep_thumbnail(engine: Engine, study_id: int, result_id: int, content: bytes) -> None:
    """Keep a study's small picture, instead of the one before it."""
    with transaction(engine) as session:
        session.merge(Thumbnail(study_id=study_id, result_id=result_id, content=content))


def _rows() -> Select[WorklistEntry, Study, Result]:
    return (
        select(WorklistEntry, Study, Result)
        .join(Study, Study.id == WorklistEntry.study_id)
        .outerjoin(Result, Result.id == WorklistEntry.result_id)
    )


def _rows_of(chosen: Select[int], order: list[ColumnElement[Any]]) -> Select[WorklistEntry, Study, Result]:
    """Look study and result up of the chosen rows alone, which were sorted by what an index covers."""
    found = chosen.subquery()
    return _rows().join(found, found.c.study_id == WorklistEntry.study_id).order_by(*order)


def _row(found: Any) -> Row:  # noqa: ANN401 - SQLAlchemy's row, whose types an outer join does not tell
    entry, study, result = found
    return Row(entry, study, result, moment_of(entry.waiting_since_ms))


def _condition(filters: Filters) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    if filters.states:
        conditions.append(WorklistEntry.reading_state.in_(filters.states))
    if filters.reading_priority is not None:
        conditions.append(WorklistEntry.reading_priority == filters.reading_priority)
    if filters.only_not_analysed:
        is_failed = exists().where(Study.id == WorklistEntry.study_id, Study.status == StudyStatus.FAILED)
        conditions.append(
            or_(and_(WorklistEntry.result_id.is_not(None), WorklistEntry.probability.is_(None)), is_failed)
        )
    if filters.text:
        conditions.append(_named(filters.text))
    return and_(true(), *conditions)


def _named(text: str) -> ColumnElement[bool]:
    key = " ".join(text.replace("^", " ").replace(",", " ").casefold().split())
    return or_(
        WorklistEntry.patient_key.startswith(key, autoescape=True),
        WorklistEntry.patient_key.contains(f" {key}", autoescape=True),
        WorklistEntry.patient_id.startswith(text, autoescape=True),
        WorklistEntry.accession_number.startswith(text, autoescape=True),
    )


def _order(sort: Column, max_wait: timedelta, *, descending: bool) -> list[ColumnElement[Any]]:
    """Give the keys of an order; the same as `domain.priority.reading_position` for the reading order."""
    key = _key(sort, max_wait)
    return [key.desc() if descending else key, WorklistEntry.study_id.expression]


def _key(sort: Column, max_wait: timedelta) -> ColumnElement[Any]:
    entry = WorklistEntry
    keys: dict[Column, ColumnElement[Any]] = {
        Column.READING_ORDER: entry.waiting_since_ms + entry.rank * _milliseconds(max_wait),
        Column.WAITING: entry.waiting_since_ms.expression,
        Column.PATIENT: entry.patient_key.expression,
        Column.STUDY: entry.study_moment.expression,
        Column.ACCESSION: entry.accession_number.expression,
        Column.PROBABILITY: func.coalesce(entry.probability, -1.0),
    }
    return keys[sort]


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
