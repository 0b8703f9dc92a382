"""Tables of storage commitment: what destinations are asked, and what senders ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base
from domain.commitment import CommitmentState


class CommitmentQuestion(Base):
    """One N-ACTION about one delivery: kept before it is sent, so that its answer is known whenever it comes."""

    __tablename__ = "commitment_question"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    transaction_uid: Mapped[str] = mapped_column(String(64), unique=True)
    #: SOP Instance UIDs of the report, and of the capture that it shows.
    asked: Mapped[list[str]]
    asked_at: Mapped[datetime]
    #: None while it is open; an answer after the wait is over still counts.
    answered_at: Mapped[datetime | None]
    #: Why not, in words; None with `answered_at`: everything is committed.
    failure: Mapped[str | None] = mapped_column(Text)


class CommitmentRequest(Base):
    """One N-ACTION of a sender about instances that it sent; answered by the sweep until it is taken."""

    __tablename__ = "commitment_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    calling_ae_title: Mapped[str] = mapped_column(String(16))
    called_ae_title: Mapped[str] = mapped_column(String(16))
    peer_address: Mapped[str] = mapped_column(String(45))
    transaction_uid: Mapped[str] = mapped_column(String(64))
    #: sop_class_uid, sop_instance_uid and, once it was checked, reason: 0 or a Failure Reason (0008,1197).
    instances: Mapped[list[dict[str, Any]]]
    received_at: Mapped[datetime]
    state: Mapped[CommitmentState]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime]
    #: The task that holds the request while ANSWERING, its fencing token, and until when.
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claim_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("calling_ae_title", "transaction_uid"),
        Index(None, "state", "next_attempt_at"),
    )
