"""Table of the peers that are called: destinations, and senders that are answered."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base


class PeerHealth(Base):
    """Whether the last attempt to reach a peer went well."""

    __tablename__ = "peer_health"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Since the first of the attempts that have failed without one that went well; None when the last one went well.
    failing_since: Mapped[datetime | None]
    #: Attempts that have failed since then; one that was under way when a pause began is not counted.
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    #: Until then nothing goes there.
    paused_until: Mapped[datetime | None]
