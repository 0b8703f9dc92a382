"""Feedback: what readers say of a result. Never changed; the newest of each reader counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Result
from db.worklist_tables import LONGEST_TEXT, Account, Feedback
from domain.reading import Verdict

_LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Opinion:
    """One reader's word on one result."""

    result_id: int
    verdict: Verdict
    finding: str
    note: str
    by: str
    at: datetime


def give(
    engine: Engine, result_id: int, account: Account, verdict: Verdict, finding: str, note: str, now: datetime
) -> bool:
    """Keep what a reader says of a result; False when there is no such result."""
    with transaction(engine) as session:
        result = session.get(Result, result_id)
        if result is None:
            return False
        row = Feedback(
            result_id=result_id,
            account_id=account.id,
            verdict=verdict,
            finding=finding[:LONGEST_TEXT],
            note=note[:_LONGEST_NOTE],
            at=now,
        )
        session.add(row)
        detail = {"by": account.name, "result_id": result_id, "verdict": verdict.value}
        events.record(session, now, EventKind.FEEDBACK_GIVEN, result.study_id, **detail)
    return True


def of_study(engine: Engine, study_id: int) -> Sequence[Opinion]:
    """List what was said of any result of a study, oldest first."""
    query = (
        select(Feedback, Account.name)
        .join(Account, Account.id == Feedback.account_id)
        .join(Result, Result.id == Feedback.result_id)
        .where(Result.study_id == study_id)
        .order_by(Feedback.id)
    )
    with reading(engine) as session:
        return [
            Opinion(row.result_id, row.verdict, row.finding, row.note, name, row.at)
            for row, name in session.execute(query)
        ]
