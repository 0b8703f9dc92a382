"""Copies of the database: SQLite's own backup while it is in use, PostgreSQL's by its own tools."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import Engine

from db import events, schema
from db.events import EventKind
from db.session import transaction
from domain.clock import utc_now
from domain.errors import Rejected, StoreUnavailable


def sqlite_file(engine: Engine) -> Path | None:
    """Give the file of a SQLite database; None for PostgreSQL."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    return Path(engine.url.database)


def suffix(engine: Engine) -> str:
    """Give the ending that the file with a copy of this kind of database has."""
    return ".dump" if sqlite_file(engine) is None else ".sqlite"


def require_absent(engine: Engine) -> None:
    """Raise Rejected when the database is there already: for PostgreSQL, when it holds our tables."""
    file = sqlite_file(engine)
    if file is not None and file.exists():
        raise Rejected(f"there is a database already: {file}")
    if file is None and schema.current_revision(engine) is not None:
        raise Rejected("there are tables in the database already: restore into an empty one")


def copy_database(engine: Engine, target: Path) -> None:
    """Write a consistent copy of the database, as of now, to a new file; nobody is held up by it.

    Raises StoreUnavailable, and Rejected with the command to run by hand where pg_dump is not installed.
    """
    file = sqlite_file(engine)
    if file is None:
        _run(engine, dump_command(engine, target))
        return
    try:
        # In one step: on one snapshot, however much is written meanwhile.
        source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be copied: {error}") from error


def restore_database(engine: Engine, source: Path) -> None:
    """Put a copy in the place of a database that is not there yet (`require_absent`).

    Raises StoreUnavailable, and Rejected with the command to run by hand where pg_restore is not installed.
    """
    file = sqlite_file(engine)
    if file is None:
        _run(engine, restore_command(engine, source))
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f"{file.name}.part")
        shutil.copyfile(source, temporary)
        temporary.replace(file)
    except OSError as error:
        raise StoreUnavailable(f"the database cannot be put back: {error.strerror}") from error


def dump_command(engine: Engine, target: Path) -> list[str]:
    """Give the command that copies a PostgreSQL database; the password goes by PGPASSWORD."""
    return ["pg_dump", *_connection(engine), "--format=custom", "--no-owner", f"--file={target}", _name(engine)]


def restore_command(engine: Engine, source: Path) -> list[str]:
    """Give the command that fills an empty PostgreSQL database from a copy."""
    settings = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={_name(engine)}"]
    return ["pg_restore", *_connection(engine), *settings, str(source)]


def _connection(engine: Engine) -> list[str]:
    url = engine.url
    socket = url.query.get("unix_sock")
    host = str(Path(str(socket)).parent) if socket else url.host
    given = {"--host": host, "--port": url.port, "--username": url.username}
    return [f"{name}={value}" for name, value in given.items() if value]


def _name(engine: Engine) -> str:
    return engine.url.database or ""


def _run(engine: Engine, command: list[str]) -> None:
    words = " ".join(command)
    if shutil.which(command[0]) is None:
        raise Rejected(f"{command[0]} is not installed here; where it is, run: {words}")
    environment = {**os.environ, **({"PGPASSWORD": str(engine.url.password)} if engine.url.password else {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreUnavailable(f"{words} ended with {done.returncode}: {done.stderr.strip()[:500]}")


def record(engine: Engine, kind: EventKind, *, by: str, instances: int) -> None:
    """Note that a backup was made, or that this database came from one."""
    with transaction(engine) as session:
        events.record(session, utc_now(), kind, None, by=by, instances=instances)
