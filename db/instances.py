"""Keep what was received: the committed row behind every 0x0000."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, and_, exists, func, select, update
from sqlalchemy.orm import Session

from db import events, worklist_entries
from db.events import EventKind
from db.insertion import insert_unless_there
from db.session import reading, transaction
from db.tables import Association, Instance, Result, Study
from domain.finding import RefusalCode
from domain.priority import QueuePriority
from domain.study import StudyStatus

#: UIDs in one SELECT: SQLite allows 999 variables where it is old.
_UIDS_AT_ONCE = 500


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
    #: The same UID and the same bytes, whose file had been removed after its retention time: it is there again.
    RESTORED = "restored"


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
            return _take_again(session, study, new)
        if new.is_own_output:
            _note_own_output(session, study, new)
        else:
            _reopen(session, study, new)
        if known_uid:
            events.record(
                session, new.received_at, EventKind.INSTANCE_DIFFERS, study.id, sop_instance_uid=new.sop_instance_uid
            )
        return Recorded.DIFFERS if known_uid else Recorded.NEW


def _lock_study(session: Session, new: NewInstance) -> Study:
    opened = insert_unless_there(
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
    added = insert_unless_there(
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
    return insert_unless_there(
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


def _take_again(session: Session, study: Study, new: NewInstance) -> Recorded:
    """Take a repeated instance: it changes nothing, unless its file was damaged or purged, and is there again now."""
    row = session.scalars(
        select(Instance).where(Instance.sop_instance_uid == new.sop_instance_uid, Instance.sha256 == new.sha256)
    ).one()
    if row.purged_at is not None:
        row.purged_at = row.damaged_at = None
        row.received_at = new.received_at  # it stays as long as a new one
        if study.status not in {StudyStatus.ANALYSED, StudyStatus.REPORTED} or _asks_for_images(session, study):
            _reopen(session, study, new)
        kind, recorded = EventKind.INSTANCE_RESTORED, Recorded.RESTORED
    elif row.damaged_at is not None:
        row.damaged_at = None
        _reopen(session, study, new)
        kind, recorded = EventKind.INSTANCE_MENDED, Recorded.MENDED
    else:
        return Recorded.DUPLICATE
    events.record(session, new.received_at, kind, study.id, sop_instance_uid=new.sop_instance_uid)
    return recorded


def _asks_for_images(session: Session, study: Study) -> bool:
    """Say whether the newest result could not be made because images are gone; one that was made stays."""
    newest = select(Result).where(Result.study_id == study.id, ~Result.is_shadow).order_by(Result.id.desc()).limit(1)
    result = session.scalars(newest).one_or_none()
    return result is not None and result.refusal_code is RefusalCode.IMAGES_PURGED


def _note_own_output(session: Session, study: Study, new: NewInstance) -> None:
    detail = {"sop_instance_uid": new.sop_instance_uid, "calling_ae_title": new.calling_ae_title}
    events.record(session, new.received_at, EventKind.OWN_OUTPUT_RETURNED, study.id, **detail)


def _reopen(session: Session, study: Study, new: NewInstance) -> None:
    worklist_entries.note_image(session, study, new.received_at)
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
    study.queue_priority, study.wanted_version, study.reprocess_run = QueuePriority.LIVE, None, None
    study.ready_at = study.analysis_started_at = study.analysed_at = study.reported_at = None


def note_damage(engine: Engine, damaged: Sequence[Instance], now: datetime) -> None:
    """Remember that files were found missing or altered: the same bytes, sent again, then open a new revision."""
    with transaction(engine) as session:
        for row in damaged:
            is_news = and_(Instance.id == row.id, Instance.damaged_at.is_(None))
            if session.connection().execute(update(Instance).where(is_news).values(damaged_at=now)).rowcount:
                uid = row.sop_instance_uid
                events.record(session, now, EventKind.INSTANCE_DAMAGED, row.study_id, sop_instance_uid=uid)


def promise(engine: Engine, rows: Sequence[Instance], now: datetime) -> bool:
    """Note that these instances stay for good, before their sender is told so; False when one of them is gone.

    Serialised with `db.retention.mark_purged` by the study's row.
    """
    studies = {row.study_id for row in rows}
    with transaction(engine) as session:
        session.scalars(select(Study.id).where(Study.id.in_(studies)).order_by(Study.id).with_for_update()).all()
        kept = and_(Instance.id.in_([row.id for row in rows]), Instance.purged_at.is_(None))
        if session.scalar(select(func.count()).where(kept)) != len(rows):
            return False
        session.execute(update(Instance).where(kept, Instance.promised_at.is_(None)).values(promised_at=now))
        return True


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


def by_sop_instance_uid(engine: Engine, sop_instance_uids: Sequence[str]) -> dict[str, list[Instance]]:
    """Give the acknowledged instances of some UIDs; each content of one UID is a row of its own."""
    found: dict[str, list[Instance]] = {}
    for row in _with_uids(engine, list(dict.fromkeys(sop_instance_uids))):
        found.setdefault(row.sop_instance_uid, []).append(row)
    return found


def _with_uids(engine: Engine, uids: Sequence[str]) -> Iterator[Instance]:
    for first in range(0, len(uids), _UIDS_AT_ONCE):
        wanted = Instance.sop_instance_uid.in_(uids[first : first + _UIDS_AT_ONCE])
        with reading(engine) as session:
            yield from session.scalars(select(Instance).where(wanted).order_by(Instance.id)).all()
