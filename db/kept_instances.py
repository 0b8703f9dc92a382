"""Every instance that was acknowledged and must be there, page by page, however many there are."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, func, select, update

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Instance, Study

_PAGE = 500


def count(engine: Engine, study_instance_uid: str | None = None) -> int:
    """Count them, of one study or of all."""
    query = select(func.count()).select_from(Instance).join(Study, Study.id == Instance.study_id)
    query = query.where(Instance.purged_at.is_(None))
    if study_instance_uid is not None:
        query = query.where(Study.study_instance_uid == study_instance_uid)
    with reading(engine) as session:
        return int(session.scalar(query) or 0)


def pages(engine: Engine, study_instance_uid: str | None = None) -> Iterator[Sequence[tuple[Instance, str]]]:
    """Give them in order of arrival, each with its Study Instance UID; a page is read in a transaction of its own."""
    last = 0
    while True:
        query = (
            select(Instance, Study.study_instance_uid)
            .join(Study, Study.id == Instance.study_id)
            .where(Instance.id > last, Instance.purged_at.is_(None))
            .order_by(Instance.id)
            .limit(_PAGE)
        )
        if study_instance_uid is not None:
            query = query.where(Study.study_instance_uid == study_instance_uid)
        with reading(engine) as session:
            page = [(row, uid) for row, uid in session.execute(query)]
        if not page:
            return
        last = page[-1][0].id
        yield page


def note_whole(engine: Engine, rows: Sequence[Instance], now: datetime) -> None:
    """Forget the damage of files that were found whole again; the study's result stays until it is reprocessed."""
    with transaction(engine) as session:
        for row in rows:
            is_news = and_(Instance.id == row.id, Instance.damaged_at.is_not(None))
            if session.connection().execute(update(Instance).where(is_news).values(damaged_at=None)).rowcount:
                uid = row.sop_instance_uid
                events.record(session, now, EventKind.INSTANCE_MENDED, row.study_id, sop_instance_uid=uid, sent=False)
