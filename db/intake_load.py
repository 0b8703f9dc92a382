"""What receiving adds to: the work that waits and the bytes that are kept; and when receiving stopped for it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, func, or_, select

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.studies import has_images
from db.tables import Delivery, Event, Instance, Study
from domain.priority import QueuePriority
from domain.study import DeliveryState, StudyStatus

_UNREAD = (StudyStatus.READY, StudyStatus.ANALYSING)
_UNSENT = (DeliveryState.PENDING, DeliveryState.SENDING)
_CHANGES = (EventKind.INTAKE_STOPPED, EventKind.INTAKE_RESUMED)


def waiting(engine: Engine) -> int:
    """Count the studies that are not analysed yet and the reports that are not sent yet.

    What is only reprocessed, in the background, stands in no new image's way.
    """
    # Our own output, sent back, opens a study that nobody will read.
    arriving = and_(Study.status == StudyStatus.RECEIVING, has_images())
    is_live = Study.queue_priority == QueuePriority.LIVE
    unread = select(func.count()).select_from(Study).where(or_(Study.status.in_(_UNREAD), arriving), is_live)
    unsent = select(func.count()).select_from(Delivery).where(Delivery.state.in_(_UNSENT))
    with reading(engine) as session:
        return int(session.scalar(unread) or 0) + int(session.scalar(unsent) or 0)


def stored_bytes(engine: Engine, after_id: int = 0) -> tuple[int, int]:
    """Sum up the kept files of the instances whose row id is above `after_id`; gives the bytes and the newest id."""
    query = select(func.coalesce(func.sum(Instance.size_bytes), 0), func.coalesce(func.max(Instance.id), after_id))
    query = query.where(Instance.id > after_id, Instance.purged_at.is_(None))
    with reading(engine) as session:
        size, newest = session.execute(query).one()
    return int(size), int(newest)


def record_change(engine: Engine, now: datetime, *, obstacles: Sequence[str], **detail: object) -> None:
    """Note that receiving stopped because of `obstacles`, or with none of them goes on. Raises StoreUnavailable."""
    kind = EventKind.INTAKE_STOPPED if obstacles else EventKind.INTAKE_RESUMED
    with transaction(engine) as session:
        events.record(session, now, kind, None, obstacles=list(obstacles), **detail)


def latest_change(engine: Engine) -> Event | None:
    """Give the newest event of receiving that stopped or went on; None when it never stopped."""
    query = select(Event).where(Event.study_id.is_(None), Event.kind.in_(_CHANGES)).order_by(Event.id.desc()).limit(1)
    with reading(engine) as session:
        return session.scalars(query).one_or_none()


def is_stopped(change: Event | None) -> bool:
    """Say whether receiving stands still after that change."""
    return change is not None and change.kind == EventKind.INTAKE_STOPPED
