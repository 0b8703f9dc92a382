"""Results: immutable rows, committed together with the study's move and the deliveries they cause."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, select
from sqlalchemy.orm import Session, aliased

from db import events, studies, worklist_entries
from db.events import EventKind
from db.heat_maps import NewHeatMap
from db.session import reading, transaction
from db.studies import Claim
from db.tables import Delivery, Result, Study
from domain.finding import Assessment, OperatingPoint, Refusal
from domain.priority import ReadingPriority
from domain.study import DeliveryState


@dataclass(frozen=True, slots=True)
class NewResult:
    """What the pipeline found in one revision of a study."""

    model_version: str
    assessment: Assessment
    probability: float | None
    operating_point: OperatingPoint | None
    refusal: Refusal | None
    analysed_instance_id: int | None
    considered: tuple[str, ...]
    notes: tuple[str, ...]
    reading_priority: ReadingPriority
    #: None when nothing was scored.
    heat_map: NewHeatMap | None = None


def commit_result(
    engine: Engine,
    claim: Claim,
    new: NewResult,
    destinations: Sequence[str],
    now: datetime,
    shadow: NewResult | None = None,
) -> list[int] | None:
    """Store the result, move the study to ANALYSED and open a delivery for each destination: all or nothing.

    `shadow` is what another version says of the same image: stored beside, never delivered.
    Returns the deliveries' ids, or None when the claim was lost in the meantime (a late image, or a
    worker that took over): then nothing is stored. Raises StoreUnavailable.
    """
    with transaction(engine) as session:
        if not studies.finish(session, claim, now):
            return None
        result = _row(session, claim, new, now)
        session.add(result)
        if shadow is not None:
            session.add(_row(session, claim, shadow, now, is_shadow=True))
        session.flush()
        worklist_entries.note_result(session, result, now)
        if new.heat_map is not None:
            session.add(new.heat_map.row_of(result.id))
        deliveries = [_delivery(result.id, name, now) for name in destinations]
        session.add_all(deliveries)
        session.flush()
        events.record(
            session,
            now,
            EventKind.STUDY_ANALYSED,
            claim.study_id,
            revision=claim.revision,
            model_version=new.model_version,
            assessment=new.assessment.value,
            refusal=new.refusal.code.value if new.refusal else None,
            reading_priority=new.reading_priority.value,
        )
        return [delivery.id for delivery in deliveries]


def _row(session: Session, claim: Claim, new: NewResult, now: datetime, *, is_shadow: bool = False) -> Result:
    earlier = select(Result.id).where(Result.study_id == claim.study_id, ~Result.is_shadow)
    superseded = None if is_shadow else session.scalar(earlier.order_by(Result.id.desc()).limit(1))
    return Result(
        study_id=claim.study_id,
        revision=claim.revision,
        model_version=new.model_version,
        assessment=new.assessment,
        probability=new.probability,
        operating_point=asdict(new.operating_point) if new.operating_point else None,
        refusal_code=new.refusal.code if new.refusal else None,
        refusal_detail=new.refusal.detail if new.refusal else None,
        analysed_instance_id=new.analysed_instance_id,
        considered=list(new.considered),
        notes=list(new.notes),
        reading_priority=new.reading_priority,
        is_shadow=is_shadow,
        created_at=now,
        supersedes_id=superseded,
    )


def _delivery(result_id: int, destination: str, now: datetime) -> Delivery:
    return Delivery(
        result_id=result_id,
        destination=destination,
        state=DeliveryState.PENDING,
        attempts=0,
        next_attempt_at=now,
        created_at=now,
    )


def operating_point_of(result: Result) -> OperatingPoint | None:
    """Give the operating point that a result was assessed at."""
    return OperatingPoint(**result.operating_point) if result.operating_point else None


def refusal_of(result: Result) -> Refusal | None:
    """Give the reason why nothing was scored."""
    return Refusal(result.refusal_code, result.refusal_detail or "") if result.refusal_code else None


def of_study(engine: Engine, study_id: int) -> Sequence[Result]:
    """List a study's results, oldest first; those of a shadow version are left out."""
    query = select(Result).where(Result.study_id == study_id, ~Result.is_shadow).order_by(Result.id)
    with reading(engine) as session:
        return session.scalars(query).all()


def with_study(engine: Engine, result_id: int) -> tuple[Result, Study]:
    """Give a result and its study."""
    with reading(engine) as session:
        result = session.get_one(Result, result_id)
        return result, session.get_one(Study, result.study_id)


def with_shadows(engine: Engine, since: datetime | None) -> Sequence[tuple[Study, Result, Result]]:
    """List what the active and the shadow version said of the same revisions: study, active's result, shadow's."""
    shadow = aliased(Result)
    query = (
        select(Study, Result, shadow)
        .join(Result, Result.study_id == Study.id)
        .join(shadow, and_(shadow.study_id == Result.study_id, shadow.revision == Result.revision))
        .where(~Result.is_shadow, shadow.is_shadow)
        .order_by(Result.id)
    )
    if since is not None:
        query = query.where(Result.created_at >= since)
    with reading(engine) as session:
        return session.execute(query).all()
