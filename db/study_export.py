"""Studies with their results, page by page, for exports."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import aliased

from db.session import reading
from db.tables import Instance, Result, Study

_PAGE = 500

Exported = tuple[Study, Result | None, int]


def count(engine: Engine, since: datetime | None, until: datetime | None) -> int:
    """Count the studies whose newest image came in a time."""
    query = select(func.count()).select_from(Study).where(*_within(since, until))
    with reading(engine) as session:
        return int(session.scalar(query) or 0)


def pages(engine: Engine, since: datetime | None, until: datetime | None) -> Iterator[Sequence[Exported]]:
    """Give studies, oldest first, each with its newest result (no shadow's) and its number of images."""
    last = 0
    earlier = aliased(Result)
    newest = select(func.max(earlier.id)).where(earlier.study_id == Study.id, ~earlier.is_shadow).scalar_subquery()
    images = select(func.count()).where(Instance.study_id == Study.id, ~Instance.is_own_output).scalar_subquery()
    while True:
        query = select(Study, Result, images).join(Result, Result.id == newest, isouter=True)
        query = query.where(Study.id > last, *_within(since, until)).order_by(Study.id).limit(_PAGE)
        with reading(engine) as session:
            page = [(study, result, number) for study, result, number in session.execute(query)]
        if not page:
            return
        last = page[-1][0].id
        yield page


def _within(since: datetime | None, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield Study.last_received_at >= since
    if until is not None:
        yield Study.last_received_at < until
