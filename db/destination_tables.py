"""Table of the destinations, as sending has found them."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base


class DestinationHealth(Base):
    """Whether the last attempt to reach a destination went well."""

    __tablename__ = "destination_health"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Since the first of the attempts that have failed without one that went well; None when the last one went well.
    failing_since: Mapped[datetime | None]
