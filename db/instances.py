"""Keep what was received: the committed row behind every 0x0000."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, and_, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db import events, worklist_entries
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Association, Base, Instance, Study
from domain.study import StudyStatus


@dataclass(frozen=True, slots=True)
class NewInstance:
    """One instance whose file is safe on disk."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    relative_path: str
    size_bytes: int
    sha256: str
    association_id: str
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    received_at: datetime
    #: Made by this service and sent back to it: kept, and never considered.
    is_own_output: bool = False


class Recorded(StrEnum):
    """What an arriving instance turned out to be."""

    NEW = "new"
    #: The same UID and the same bytes: nothing was changed.
    DUPLICATE = "duplicate"
    #: The same UID with other bytes: kept beside the first.
    DIFFERS = "differs"
    #: The same UID and the same bytes, whose file had been found damaged: it is whole again.
    MENDED = "mended"


def record_instance(engine: Engine, new: NewInstance) -> Recorded:
    """Commit one instance; after this returns it may be acknowledged (promise 1).

    A study that was waiting or being analysed goes back to RECEIVING; a revision that already has a
    result is closed, so a late image opens the next one. Our own output is kept and moves nothing.
    Raises StoreUnavailable.
    """
    with transaction(engine) as session:
        study = _lock_study(session, new)
        _note_association(session, new, study)
        known_uid = session.scalar(select(exists().where(Instance.sop_instance_uid == new.sop_instance_uid)))
        if not _insert_instance(session, new, study):
            return _mend(session, study, new)
        if new.is_own_output:
            _note_own_output(session, study, new)
        else:
            _reopen(session, study, new)
            worklist_entries.note_image(session, study, new.received_at)
        if known_uid:
            events.record(
                session, new.received_at, EventKind.INSTANCE_DIFFERS, study.id, sop_instance_uid=new.sop_instance_uid
            )
        return Recorded.DIFFERS if known_uid else Recorded.NEW


def _insert_unless_there(session: Session, table: type[Base], **values: object) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; say whether a row was added."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return session.connection().execute(statement).rowcount == 1


def _lock_study(session: Session, new: NewInstance) -> Study:
    opened = _insert_unless_there(
        session,
        Study,
        study_instance_uid=new.study_instance_uid,
        status=StudyStatus.RECEIVING,
        revision=1,
        attempts=0,
        first_received_at=new.received_at,
        last_received_at=new.received_at,
    )
    study = session.scalars(
        select(Study).where(Study.study_instance_uid == new.study_instance_uid).with_for_update()
    ).one()
    if opened:
        events.record(session, new.received_at, EventKind.STUDY_OPENED, study.id, calling_ae_title=new.calling_ae_title)
    return study


def _note_association(session: Session, new: NewInstance, study: Study) -> None:
    added = _insert_unless_there(
        session,
        Association,
        id=new.association_id,
        calling_ae_title=new.calling_ae_title,
        called_ae_title=new.called_ae_title,
        peer_address=new.peer_address,
        current_study_id=study.id,
        opened_at=new.received_at,
        seen_at=new.received_at,
    )
    if not added:
        session.execute(
            update(Association)
            .where(Association.id == new.association_id)
            .values(current_study_id=study.id, seen_at=new.received_at)
        )


def _insert_instance(session: Session, new: NewInstance, study: Study) -> bool:
    return _insert_unless_there(
        session,
        Instance,
        study_id=study.id,
        association_id=new.association_id,
        sop_instance_uid=new.sop_instance_uid,
        sop_class_uid=new.sop_class_uid,
        series_instance_uid=new.series_instance_uid,
        transfer_syntax_uid=new.transfer_syntax_uid,
        relative_path=new.relative_path,
        size_bytes=new.size_bytes,
        sha256=new.sha256,
        received_at=new.received_at,
        is_own_output=new.is_own_output,
    )


def _mend(session: Session, study: Study, new: NewInstance) -> Recorded:
    """Take a repeated instance: it changes nothing, unless its file was damaged, which these bytes have replaced."""
    damaged = and_(
        Instance.sop_instance_uid == new.sop_instance_uid,
        Instance.sha256 == new.sha256,
        Instance.damaged_at.is_not(None),
    )
    if not session.connection().execute(update(Instance).where(damaged).values(damaged_at=None)).rowcount:
        return Recorded.DUPLICATE
    _reopen(session, study, new)
    worklist_entries.note_image(session, study, new.received_at)
    kind = EventKind.INSTANCE_MENDED
    events.record(session, new.received_at, kind, study.id, sop_instance_uid=new.sop_instance_uid)
    return Recorded.MENDED


def _note_own_output(session: Session, study: Study, new: NewInstance) -> None:
    detail = {"sop_instance_uid": new.sop_instance_uid, "calling_ae_title": new.calling_ae_title}
    events.record(session, new.received_at, EventKind.OWN_OUTPUT_RETURNED, study.id, **detail)


def _reopen(session: Session, study: Study, new: NewInstance) -> None:
    study.last_received_at = max(study.last_received_at, new.received_at)
    if study.status is StudyStatus.RECEIVING:
        return
    came_in = study.status
    if came_in in {StudyStatus.ANALYSED, StudyStatus.REPORTED}:
        study.revision += 1
    start_over(study)
    events.record(
        session,
        new.received_at,
        EventKind.LATE_INSTANCE,
        study.id,
        sop_instance_uid=new.sop_instance_uid,
        status_was=came_in.value,
        revision=study.revision,
    )


def start_over(study: Study) -> None:
    """Send a study back to RECEIVING with a clean slate; whoever was analysing it loses its claim."""
    study.status = StudyStatus.RECEIVING
    study.attempts = 0
    study.claimed_by = study.claim_token = study.lease_until = study.not_before = study.queued_at = study.last_error = (
        None
    )
    study.ready_at = study.analysis_started_at = study.analysed_at = study.reported_at = None


def note_damage(engine: Engine, damaged: Sequence[Instance], now: datetime) -> None:
    """Remember that files were found missing or altered: the same bytes, sent again, then open a new revision."""
    with transaction(engine) as session:
        for row in damaged:
            is_news = and_(Instance.id == row.id, Instance.damaged_at.is_(None))
            if session.connection().execute(update(Instance).where(is_news).values(damaged_at=now)).rowcount:
                uid = row.sop_instance_uid
                events.record(session, now, EventKind.INSTANCE_DAMAGED, row.study_id, sop_instance_uid=uid)


def touch_associations(engine: Engine, open_ids: Sequence[str], now: datetime) -> None:
    """Give the associations that are open now a sign of life."""
    if not open_ids:
        return
    with transaction(engine) as session:
        session.execute(update(Association).where(Association.id.in_(open_ids)).values(seen_at=now))


def close_association(engine: Engine, association_id: str, now: datetime) -> None:
    """Note that an association ended; one that sent no image has no row, and needs none."""
    with transaction(engine) as session:
        session.execute(update(Association).where(Association.id == association_id).values(seen_at=now, closed_at=now))


def all_of_study(engine: Engine, study_id: int) -> Sequence[Instance]:
    """List a study's instances in order of arrival, each content of one UID by itself."""
    with reading(engine) as session:
        return session.scalars(select(Instance).where(Instance.study_id == study_id).order_by(Instance.id)).all()


def newest_of_study(engine: Engine, study_id: int) -> list[Instance]:
    """List a study's instances in order of arrival, without our own output; of several with one UID only the newest."""
    rows = [row for row in all_of_study(engine, study_id) if not row.is_own_output]
    return list({row.sop_instance_uid: row for row in rows}.values())


def considered(engine: Engine, study_id: int, sop_instance_uids: Sequence[str]) -> list[Instance]:
    """List the instances that a result was made from, in its order; those that came later are left out."""
    by_uid = {row.sop_instance_uid: row for row in newest_of_study(engine, study_id)}
    return [by_uid[uid] for uid in sop_instance_uids]


def by_id(engine: Engine, instance_id: int) -> Instance:
    """Give one instance row."""
    with reading(engine) as session:
        return session.get_one(Instance, instance_id)
