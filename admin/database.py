"""The database of a command: opened, and known to have this version's tables."""

from pathlib import Path

from admin.options import settings_from
from db import schema
from db.session import Engine, make_engine


def open_database(config: Path | None, data_dir: Path | None) -> Engine:
    """Open the database that the settings name. Raises ConfigurationInvalid with the remedy when its schema is old."""
    engine = make_engine(settings_from(config, data_dir).database_url)
    schema.require_newest(engine)
    return engine
