"""What was answered since some time, how fast, and what readers said of it: rows for figures, each by one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from db.events import EventKind
from db.session import reading
from db.tables import Event, Result, Study
from db.worklist_tables import Feedback
from domain.finding import Assessment, RefusalCode
from domain.reading import Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One result."""

    result_id: int
    study_id: int
    revision: int
    model_version: str
    is_shadow: bool
    assessment: Assessment
    #: None when nothing was scored.
    probability: float | None
    refusal_code: RefusalCode | None
    created_at: datetime
    #: When the first image of its study came.
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Word:
    """What one reader last said of one result."""

    result_id: int
    account_id: int
    verdict: Verdict


def answers(engine: Engine, since: datetime) -> Sequence[Answer]:
    """List the results made since then, oldest first, those of shadow versions too."""
    # Columns, not rows of Result: a month's are many, and their lists and operating points are not wanted.
    query = select(
        Result.id.label("result_id"),
        Result.study_id,
        Result.revision,
        Result.model_version,
        Result.is_shadow,
        Result.assessment,
        Result.probability,
        Result.refusal_code,
        Result.created_at,
        Study.first_received_at.label("arrived_at"),
    ).join(Study, Study.id == Result.study_id)
    query = query.where(Result.created_at >= since).order_by(Result.created_at, Result.id)
    with reading(engine) as session:
        return [Answer(**row) for row in session.execute(query).mappings()]


def first_moments(engine: Engine, since: datetime, kind: EventKind) -> dict[int, datetime]:
    """Give when something first happened to each study whose first revision was answered since then, by study id."""
    first = select(Result.study_id).where(Result.created_at >= since, Result.revision == 1, ~Result.is_shadow)
    query = select(Event.study_id, func.min(Event.at)).where(Event.study_id.in_(first), Event.kind == kind.value)
    with reading(engine) as session:
        rows = session.execute(query.group_by(Event.study_id)).all()
    return {study_id: at for study_id, at in rows if study_id is not None}


def words(engine: Engine, since: datetime) -> Sequence[Word]:
    """List what was said of the results made since then: of each reader the newest word on each result."""
    made = select(Result.id).where(Result.created_at >= since)
    newest = select(func.max(Feedback.id)).where(Feedback.result_id.in_(made))
    newest = newest.group_by(Feedback.result_id, Feedback.account_id)
    query = select(Feedback.result_id, Feedback.account_id, Feedback.verdict).where(Feedback.id.in_(newest))
    with reading(engine) as session:
        return [Word(*row) for row in session.execute(query.order_by(Feedback.id))]
