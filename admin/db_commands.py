"""`cxr-triage db`: the database's schema."""

import os

import typer

from admin.data_folder import PRIVATE
from admin.options import ConfigOption, DataDirOption, settings_from
from admin.output import console
from db import schema
from db.session import make_engine

app = typer.Typer(help="Look after the database's schema.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look after the database's schema."""


@app.command("upgrade")
def upgrade(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Create the tables, or migrate them to this version; safe to run again."""
    os.umask(PRIVATE)
    engine = make_engine(settings_from(config, data_dir).database_url)
    before = schema.current_revision(engine)
    after = schema.upgrade(engine)
    console.print(f"schema was {before or 'missing'}, is {after}")
