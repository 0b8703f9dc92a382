"""Reprocessing: a new revision of chosen studies, made from the same images. Nothing is overwritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from db import events
from db.events import EventKind
from db.instances import start_over
from db.session import reading, transaction
from db.tables import Study
from domain.study import StudyStatus

#: What can be reprocessed: the rest is on its way anyway.
_DONE = (StudyStatus.ANALYSED, StudyStatus.REPORTED, StudyStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies to reprocess; what is None does not restrict. All None selects every finished study."""

    study_instance_uid: str | None = None
    status: StudyStatus | None = None
    #: Received at or after.
    since: datetime | None = None


def select_studies(engine: Engine, selection: Selection) -> Sequence[Study]:
    """List the finished studies that a selection means, oldest first."""
    query = select(Study).where(Study.status.in_(_DONE)).order_by(Study.id)
    if selection.study_instance_uid is not None:
        query = query.where(Study.study_instance_uid == selection.study_instance_uid)
    if selection.status is not None:
        query = query.where(Study.status == selection.status)
    if selection.since is not None:
        query = query.where(Study.last_received_at >= selection.since)
    with reading(engine) as session:
        return session.scalars(query).all()


def reprocess(engine: Engine, study_id: int, now: datetime, by: str) -> int | None:
    """Open the next revision of one finished study and make it READY, as `by` asked for.

    Returns the revision, or None when the study is not finished any more. A FAILED revision has no
    result yet, so it is tried again under its own number.
    """
    with transaction(engine) as session:
        study = session.scalars(
            select(Study).where(Study.id == study_id, Study.status.in_(_DONE)).with_for_update()
        ).one_or_none()
        if study is None:
            return None
        if study.status is not StudyStatus.FAILED:
            study.revision += 1
        start_over(study)
        study.status, study.ready_at = StudyStatus.READY, now
        events.record(session, now, EventKind.REPROCESS_REQUESTED, study.id, revision=study.revision, by=by)
        return study.revision
