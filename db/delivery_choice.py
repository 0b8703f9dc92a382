"""Which deliveries a command means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, select

from db.session import reading
from db.tables import Delivery, Result, Study
from domain.study import DeliveryState


@dataclass(frozen=True, slots=True)
class DeliveryChoice:
    """What is None does not restrict."""

    state: DeliveryState | None = None
    destination: str | None = None
    study_instance_uid: str | None = None
    #: Made at or after, and before.
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[int, ...] | None = None
    #: Made before the delivery of this id.
    before_id: int | None = None


def chosen(
    engine: Engine, choice: DeliveryChoice, limit: int | None = None
) -> Sequence[tuple[Delivery, Result, Study]]:
    """List the deliveries of a choice with their results and studies, newest first, at most `limit`."""
    query = (
        select(Delivery, Result, Study)
        .join(Result, Result.id == Delivery.result_id)
        .join(Study, Study.id == Result.study_id)
        .where(*_conditions(choice))
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    with reading(engine) as session:
        return session.execute(query).all()


def _conditions(choice: DeliveryChoice) -> Iterator[ColumnElement[bool]]:
    if choice.state is not None:
        yield Delivery.state == choice.state
    if choice.destination is not None:
        yield Delivery.destination == choice.destination
    if choice.study_instance_uid is not None:
        yield Study.study_instance_uid == choice.study_instance_uid
    if choice.since is not None:
        yield Delivery.created_at >= choice.since
    if choice.until is not None:
        yield Delivery.created_at < choice.until
    if choice.ids is not None:
        yield Delivery.id.in_(choice.ids)
    if choice.before_id is not None:
        yield Delivery.id < choice.before_id
