"""Table of the reading worklist, as other systems see it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base
from domain.priority import ReadingPriority
from domain.workitem import WorkitemState


class Workitem(Base):
    """One study revision on the reading worklist, as others see and claim it (Unified Procedure Step)."""

    __tablename__ = "workitem"

    id: Mapped[int] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64), unique=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"))
    state: Mapped[WorkitemState]
    reading_priority: Mapped[ReadingPriority]
    #: Since when the study waits: the second key of the reading order.
    waiting_since: Mapped[datetime]
    #: Of the claim; "" before one.
    transaction_uid: Mapped[str] = mapped_column(String(64), default="")
    performer_ae_title: Mapped[str] = mapped_column(String(16), default="")
    #: All other attributes, in the DICOM JSON Model (PS3.18 Annex F).
    attributes: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (Index(None, "state", "waiting_since"),)
