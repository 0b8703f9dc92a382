"""What happened to a study, written in the transaction that made it happen."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.session import reading
from db.tables import Event


class EventKind(StrEnum):
    """The kinds of event; the value is stored."""

    STUDY_OPENED = "study_opened"
    LATE_INSTANCE = "late_instance"
    INSTANCE_DIFFERS = "instance_differs"
    INSTANCE_DAMAGED = "instance_damaged"
    INSTANCE_MENDED = "instance_mended"
    OWN_OUTPUT_RETURNED = "own_output_returned"
    STUDY_READY = "study_ready"
    ANALYSIS_STARTED = "analysis_started"
    ANALYSIS_RETRY = "analysis_retry"
    ANALYSIS_ABANDONED = "analysis_abandoned"
    STUDY_ANALYSED = "study_analysed"
    STUDY_FAILED = "study_failed"
    REPROCESS_REQUESTED = "reprocess_requested"
    REPORT_BUILT = "report_built"
    REPORT_SENT = "report_sent"
    DELIVERY_RETRY = "delivery_retry"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERY_RESEND = "delivery_resend"
    COMMITMENT_ASKED = "commitment_asked"
    REPORT_COMMITTED = "report_committed"
    REPORT_VERIFIED = "report_verified"
    REPORT_UNCONFIRMED = "report_unconfirmed"
    REPORT_LOST = "report_lost"
    STUDY_REPORTED = "study_reported"
    WORKITEM_CHANGED = "workitem_changed"
    STUDY_TAKEN = "study_taken"
    STUDY_GIVEN_BACK = "study_given_back"
    STUDY_READ = "study_read"
    CLAIM_EXPIRED = "claim_expired"
    LIST_VIEWED = "list_viewed"
    STUDY_VIEWED = "study_viewed"
    REPORT_DOWNLOADED = "report_downloaded"
    FEEDBACK_GIVEN = "feedback_given"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_REFUSED = "sign_in_refused"
    ACCOUNT_CHANGED = "account_changed"
    MODEL_ROLE_CHANGED = "model_role_changed"
    REPROCESS_BEGUN = "reprocess_begun"
    REPROCESS_MARKED = "reprocess_marked"
    STUDY_PURGED = "study_purged"
    ORPHANS_REMOVED = "orphans_removed"
    INSTANCE_RESTORED = "instance_restored"
    BACKUP_MADE = "backup_made"
    BACKUP_RESTORED = "backup_restored"
    INTAKE_STOPPED = "intake_stopped"
    INTAKE_RESUMED = "intake_resumed"


def record(session: Session, at: datetime, kind: EventKind, study_id: int | None, **detail: object) -> None:
    """Add an event. `detail` holds UIDs, codes and our own ids: never patient data."""
    session.add(Event(study_id=study_id, at=at, kind=kind.value, detail=detail))


def of_study(engine: Engine, study_id: int) -> Sequence[Event]:
    """List a study's events, oldest first."""
    with reading(engine) as session:
        return session.scalars(select(Event).where(Event.study_id == study_id).order_by(Event.id)).all()
