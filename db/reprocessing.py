"""Reprocessing: a new revision of chosen studies, made from the same images. Nothing is overwritten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, exists, func, or_, select
from sqlalchemy.orm import Session

from db import events
from db.events import EventKind
from db.instances import start_over
from db.session import reading, transaction
from db.tables import Instance, Result, Study
from domain.finding import Assessment
from domain.priority import QueuePriority
from domain.study import StudyStatus

#: What can be reprocessed: the rest is on its way anyway.
DONE = (StudyStatus.ANALYSED, StudyStatus.REPORTED, StudyStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies to reprocess; what is None does not restrict. All None selects every finished study."""

    study_instance_uids: tuple[str, ...] | None = None
    status: StudyStatus | None = None
    #: Its newest image received at or after, and before.
    since: datetime | None = None
    until: datetime | None = None
    #: Of the newest result.
    model_version: str | None = None
    assessment: Assessment | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """How a study is to be read again."""

    #: Who asked for it.
    by: str
    queue_priority: QueuePriority = QueuePriority.LIVE
    #: The version that shall read it; None: the active one.
    version: str | None = None
    #: The run that it belongs to (db.reprocess_runs).
    run: str | None = None


def select_studies(engine: Engine, selection: Selection, without_run: str | None = None) -> Sequence[Study]:
    """List the finished studies that a selection means, oldest first; those of one run may be left out."""
    query = select(Study).where(Study.status.in_(DONE), ~_lacks_images(), *_conditions(selection))
    if without_run is not None:
        query = query.where(or_(Study.reprocess_run.is_(None), Study.reprocess_run != without_run))
    with reading(engine) as session:
        return session.scalars(query.order_by(Study.id)).all()


def _lacks_images() -> ColumnElement[bool]:
    """Condition on a study: images were purged, and reading what is left would take back its result."""
    return exists().where(Instance.study_id == Study.id, Instance.purged_at.is_not(None), ~Instance.is_own_output)


def without_images(engine: Engine, selection: Selection) -> Sequence[str]:
    """List the UIDs of the studies that are meant and cannot be reprocessed, because their images are gone."""
    query = select(Study.study_instance_uid).where(Study.status.in_(DONE), _lacks_images(), *_conditions(selection))
    with reading(engine) as session:
        return session.scalars(query.order_by(Study.id)).all()


def _conditions(selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.study_instance_uids is not None:
        yield Study.study_instance_uid.in_(selection.study_instance_uids)
    if selection.status is not None:
        yield Study.status == selection.status
    if selection.since is not None:
        yield Study.last_received_at >= selection.since
    if selection.until is not None:
        yield Study.last_received_at < selection.until
    if selection.model_version is not None:
        yield _newest_result(Result.model_version == selection.model_version)
    if selection.assessment is not None:
        yield _newest_result(Result.assessment == selection.assessment)


def _newest_result(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    newest = select(func.max(Result.id)).where(~Result.is_shadow).group_by(Result.study_id)
    return Study.id.in_(select(Result.study_id).where(Result.id.in_(newest), condition))


def reprocess(engine: Engine, study_id: int, now: datetime, request: Request) -> int | None:
    """Open the next revision of one finished study and make it READY.

    Returns the revision, or None when the study is not finished any more, or its images are gone. A FAILED
    revision has no result yet, so it is tried again under its own number.
    """
    with transaction(engine) as session:
        return reopen(session, study_id, now, request)


def reopen(session: Session, study_id: int, now: datetime, request: Request) -> int | None:
    """Do what `reprocess` does in the caller's transaction."""
    reopenable = select(Study).where(Study.id == study_id, Study.status.in_(DONE), ~_lacks_images())
    study = session.scalars(reopenable.with_for_update()).one_or_none()
    if study is None:
        return None
    if study.status is not StudyStatus.FAILED:
        study.revision += 1
    start_over(study)
    study.status, study.ready_at = StudyStatus.READY, now
    study.queue_priority, study.wanted_version, study.reprocess_run = (
        request.queue_priority,
        request.version,
        request.run,
    )
    detail = {"revision": study.revision, "by": request.by, "version": request.version, "run": request.run}
    events.record(session, now, EventKind.REPROCESS_REQUESTED, study.id, **detail)
    return study.revision
