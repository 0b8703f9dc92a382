"""Bring the database to the newest schema, and tell whether it is there."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from db import commitment_tables, peer_tables, workitem_tables  # noqa: F401 - the tables of the schema are those of all modules
from db.session import database_file, make_database_file, reading, store_errors
from domain.errors import ConfigurationInvalid


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def newest_revision() -> str:
    """Name the schema revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the first migration ships with the package
    return head


def current_revision(engine: Engine) -> str | None:
    """Name the schema revision that the database has; None when it has no tables of ours.

    Raises StoreUnavailable when the database cannot be reached.
    """
    file = database_file(engine)
    if file is not None and not file.exists():
        return None
    with reading(engine) as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Make the database, if it is missing, and migrate to the newest schema, or to `revision`.

    Safe to run again, on PostgreSQL by several processes at once.
    Returns the revision reached. Raises StoreUnavailable when the database cannot be reached, ConfigurationInvalid
    when SQLite's file cannot be made, or a newer version has upgraded the database already.
    """
    make_database_file(engine)
    found = current_revision(engine)
    if found == newest_revision():
        return newest_revision()
    _refuse_unknown(found)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config()
    config.attributes["engine"] = engine
    with store_errors():
        command.upgrade(config, revision)
    return current_revision(engine) or ""


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to an older revision, with the loss of what only newer ones keep. For tests of upgrades."""
    config = _config()
    config.attributes["engine"] = engine
    with store_errors():
        command.downgrade(config, revision)


def require_newest(engine: Engine) -> None:
    """Raise ConfigurationInvalid unless the schema is the one that this code needs."""
    file = database_file(engine)
    if file is not None and not file.exists():
        raise ConfigurationInvalid(
            f"there is no database {file}: is the data folder the right one? `cxr-triage db upgrade` makes it"
        )
    found = current_revision(engine)
    _refuse_unknown(found)
    if found != newest_revision():
        raise ConfigurationInvalid(
            f"the database schema is {found or 'missing'}, this version needs {newest_revision()}: "
            "run `cxr-triage db upgrade`"
        )


def _refuse_unknown(revision: str | None) -> None:
    """Raise ConfigurationInvalid for a schema that no migration of this version leads to or from."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigurationInvalid(
            f"the database schema is {revision}, which this version does not know: a newer version has upgraded it; "
            "install that one, or restore the backup from before"
        )
