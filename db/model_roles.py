"""Which version of the network is active, and which runs in its shadow."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, select

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import ModelRole


class Role(StrEnum):
    """What a version is for."""

    #: Its results are reported.
    ACTIVE = "active"
    #: Its results are stored beside and compared, never reported.
    SHADOW = "shadow"


def versions_by_role(engine: Engine) -> dict[Role, str]:
    """Give the versions that were chosen by command; a role that nobody chose is missing."""
    with reading(engine) as session:
        return {Role(row.role): row.version for row in session.scalars(select(ModelRole))}


def choose(engine: Engine, role: Role, version: str | None, now: datetime, changed_by: str) -> str | None:
    """Give a role to a version, or with None to nobody; returns the version that had it."""
    with transaction(engine) as session:
        row = session.get(ModelRole, role.value)
        before = row.version if row else None
        if row is not None:
            session.delete(row)
            session.flush()
        if version is not None:
            session.add(ModelRole(role=role.value, version=version, since=now, changed_by=changed_by))
        detail = {"role": role.value, "before": before, "after": version, "changed_by": changed_by}
        events.record(session, now, EventKind.MODEL_ROLE_CHANGED, None, **detail)
    return before
