"""Tables. Every status lives here, never in files or in the broker."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.commitment import CommitmentState
from domain.finding import Assessment, RefusalCode
from domain.priority import QueuePriority, ReadingPriority
from domain.study import DeliveryState, StudyStatus
from domain.workitem import WorkitemState

_IS_HELD = "lease_until IS NOT NULL"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC in the database, the same in SQLite and PostgreSQL."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive times; store UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def enum_column(kind: type[Any]) -> Enum:
    """Store the value as text: readable in SQL, and a new member needs no migration of the type."""
    return Enum(kind, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])


class Base(DeclarativeBase):
    """Base of all tables; constraints are named so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        StudyStatus: enum_column(StudyStatus),
        DeliveryState: enum_column(DeliveryState),
        CommitmentState: enum_column(CommitmentState),
        Assessment: enum_column(Assessment),
        RefusalCode: enum_column(RefusalCode),
        ReadingPriority: enum_column(ReadingPriority),
        QueuePriority: enum_column(QueuePriority),
        WorkitemState: enum_column(WorkitemState),
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[str]: JSON,
    }


class Study(Base):
    """One study, and where it stands."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64), unique=True)
    #: Counts the sets of images, or reprocessings, that a result was or will be made from; from 1.
    revision: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[StudyStatus]
    first_received_at: Mapped[datetime]
    last_received_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    analysis_started_at: Mapped[datetime | None]
    analysed_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    #: Attempts at the current revision.
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    #: The task that holds the study while ANALYSING, its fencing token, and until when.
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claim_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    #: READY, but not to be tried before.
    not_before: Mapped[datetime | None]
    #: When the doorbell was last rung for it.
    queued_at: Mapped[datetime | None]
    #: Why the last attempt failed, without patient data.
    last_error: Mapped[str | None] = mapped_column(Text)
    #: Of the current revision: when it is queued, the version that shall read it (None: the active one), and the
    #: reprocessing that asked for it.
    queue_priority: Mapped[QueuePriority] = mapped_column(default=QueuePriority.LIVE)
    wanted_version: Mapped[str | None] = mapped_column(String(64))
    reprocess_run: Mapped[str | None] = mapped_column(String(32), index=True)

    __table_args__ = (
        Index(None, "status", "last_received_at"),
        Index(None, "last_received_at"),
    )


class Association(Base):
    """One association that sent images: who, from where, and what it is sending now."""

    __tablename__ = "association"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    calling_ae_title: Mapped[str] = mapped_column(String(16))
    called_ae_title: Mapped[str] = mapped_column(String(16))
    peer_address: Mapped[str] = mapped_column(String(45))
    #: The study of the newest image: only that one waits for the association.
    current_study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    opened_at: Mapped[datetime]
    #: Last sign of life, written while it is open.
    seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "current_study_id", "closed_at"), Index(None, "opened_at"))


class Instance(Base):
    """One acknowledged instance. The same UID with other bytes is a row, and a file, of its own."""

    __tablename__ = "instance"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    association_id: Mapped[str] = mapped_column(ForeignKey("association.id"))
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    series_instance_uid: Mapped[str] = mapped_column(String(64))
    transfer_syntax_uid: Mapped[str] = mapped_column(String(64))
    #: Below the instance store's root.
    relative_path: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(Integer)
    #: Of the encoded data set, without the file meta information.
    sha256: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime]
    #: When its file was found missing or altered; the same bytes, sent again, mend it.
    damaged_at: Mapped[datetime | None]
    #: When it was decided that its file goes; the same bytes, sent again, bring it back.
    purged_at: Mapped[datetime | None]
    #: When its sender was first promised that it stays (storage commitment): it is never purged.
    promised_at: Mapped[datetime | None]
    #: Made by this service and sent back to it: kept, and never considered.
    is_own_output: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (UniqueConstraint("sop_instance_uid", "sha256"), Index(None, "purged_at", "study_id"))


class Result(Base):
    """What was found in one revision by one model version. Immutable; reprocessing adds another."""

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    revision: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))
    assessment: Mapped[Assessment]
    #: Calibrated, in [0, 1]; None when nothing was scored.
    probability: Mapped[float | None] = mapped_column(Float)
    #: The operating point's fields (domain.finding.OperatingPoint); None when nothing was scored.
    operating_point: Mapped[dict[str, Any] | None]
    refusal_code: Mapped[RefusalCode | None]
    refusal_detail: Mapped[str | None] = mapped_column(Text)
    #: The image that was scored.
    analysed_instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"))
    #: SOP Instance UIDs of all images that were considered.
    considered: Mapped[list[str]]
    #: What was decided on the way to the display image.
    notes: Mapped[list[str]]
    reading_priority: Mapped[ReadingPriority]
    #: Made by the shadow version: stored and compared, never reported, never superseding.
    is_shadow: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    #: The newest earlier result of the study.
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("result.id"))

    __table_args__ = (UniqueConstraint("study_id", "revision", "model_version"), Index(None, "created_at"))


class HeatMap(Base):
    """Where the network's suspicion of one result comes from, over the image as it was read."""

    __tablename__ = "heat_map"

    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), primary_key=True)
    #: (150, 150) bytes, row by row, in 255ths of `hottest`; deflated.
    levels: Mapped[bytes] = mapped_column(LargeBinary)
    #: Greatest heat, in the unit of the logit.
    hottest: Mapped[float] = mapped_column(Float)
    #: How the image was put right before it was read: quarter turns anticlockwise, then an inversion of polarity.
    quarter_turns: Mapped[int]
    inverted: Mapped[bool]


class Report(Base):
    """The bytes of a report, or of a heat-map capture, as built, so that sending again sends the same."""

    __tablename__ = "report"

    id: Mapped[int] = mapped_column(primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[str] = mapped_column(String(64), unique=True)
    series_instance_uid: Mapped[str] = mapped_column(String(64))
    #: It refers to the heat-map capture of its result; for destinations that are given that too.
    shows_heat_map: Mapped[bool] = mapped_column(default=False)
    #: A complete DICOM file (PS3.10); that of a capture is deflated.
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("result_id", "sop_class_uid", "shows_heat_map"),)


class Delivery(Base):
    """One result's report on its way to one destination: the only place where sending is retried."""

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"))
    destination: Mapped[str] = mapped_column(String(64))
    state: Mapped[DeliveryState]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime]
    #: The task that holds the delivery while SENDING, its fencing token, and until when.
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claim_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    #: The report that this destination gets, chosen when it was first sent: never a second one beside it.
    report_uid: Mapped[str | None] = mapped_column(String(64))
    #: The destination's last DIMSE status.
    dimse_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    #: SENT, and when it is next to be asked whether the destination keeps it; None: not to be asked.
    confirm_at: Mapped[datetime | None]
    #: Since it was sent: steps towards a confirmation, and times in a row that a query did not find it.
    confirm_attempts: Mapped[int] = mapped_column(Integer, default=0)
    misses: Mapped[int] = mapped_column(Integer, default=0)
    #: Times that the destination took it, and then had it not.
    losses: Mapped[int] = mapped_column(Integer, default=0)
    #: What is known of its safe-keeping, in words.
    confirmation: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("result_id", "destination"),
        Index(None, "state", "next_attempt_at"),
        Index(None, "state", "confirm_at"),
        # Of the few that are held, among all that were ever sent.
        Index(None, "lease_until", sqlite_where=text(_IS_HELD), postgresql_where=text(_IS_HELD)),
    )


class Process(Base):
    """One process of the service, on whatever host: its last sign of life."""

    __tablename__ = "process"

    #: Random, for one run of the process.
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: listen, sweep, work-analyse, work-deliver, work-all or worklist.
    name: Mapped[str] = mapped_column(String(32))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class ModelRole(Base):
    """Which version of the network reads: chosen by command, with who and when."""

    __tablename__ = "model_role"

    #: "active" or "shadow".
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(64))


class Event(Base):
    """What happened to a study, for people who ask why. Holds UIDs and our own ids only."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)
    at: Mapped[datetime]
    #: snake_case, e.g. study_ready, report_sent.
    kind: Mapped[str] = mapped_column(String(48))
    detail: Mapped[dict[str, Any]]
