"""Engines and transactions, for SQLite in WAL mode and for PostgreSQL."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from domain.errors import ConfigurationInvalid, StoreUnavailable

#: Engine is what every other layer knows of SQLAlchemy.
__all__ = [
    "Engine",
    "database_file",
    "make_database_file",
    "make_engine",
    "masked",
    "reading",
    "store_errors",
    "transaction",
]

#: Seconds that a writer waits for another one before it gives up.
BUSY_SECONDS = 30
#: Seconds that PostgreSQL may take for one answer, or to accept a connection, before it counts as away.
ANSWER_SECONDS = 60.0
_POSTGRESQL_PORT = 5432
#: Of every engine; the values of a statement stay out of the errors that it meets.
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 50, "hide_parameters": True}
#: SQLSTATE of what PostgreSQL may do better later (its manual, Appendix A): connection exceptions, read-only
#: transactions (a standby after a failover), a writer that was paused, who may log in and where (28, 3D000, 42501: a
#: human mends it while the service waits), rollbacks, insufficient resources (connections, disk, memory), operator
#: intervention, system errors. pg8000 raises them as any of DB-API's classes.
_PASSING_STATES = ("08", "25006", "25P03", "28", "3D000", "40", "42501", "53", "57", "58")
#: Names of what drivers and brokers take in a URL's query and nobody else should read.
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
_RIGHT_URL = "write postgresql://user:password@host:5432/name, or leave it empty for SQLite in the data folder"
#: What pg8000 can be told in the query of a URL; the socket's folder is `host`.
_PG8000_PARAMETERS = {"host", "unix_sock", "application_name"}


def make_engine(url: str, *, answer_seconds: float = ANSWER_SECONDS) -> Engine:
    """Give an engine for `url`; nothing is opened yet, and a SQLite file that is missing is never made by it.

    `answer_seconds` is PostgreSQL's; SQLite waits `BUSY_SECONDS`.
    Raises ConfigurationInvalid, without the password, for a URL that cannot be used.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose words quote parts of it
        raise ConfigurationInvalid(f"database.url is no URL: {_RIGHT_URL}") from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql", "postgres"}:
        raise ConfigurationInvalid(f"database.url: there is no support for {backend}: {_RIGHT_URL}")
    try:
        return (
            _sqlite_engine(parsed) if backend == "sqlite" else _postgresql_engine(_with_driver(parsed), answer_seconds)
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationInvalid(
            f"database.url needs a driver that is not installed ({error}): {_RIGHT_URL}"
        ) from None


def database_file(engine: Engine) -> Path | None:
    """Give the file of a SQLite database; None for PostgreSQL, and for a database in memory."""
    name = engine.url.database or ""
    if engine.dialect.name != "sqlite" or name in {"", ":memory:"} or name.startswith("file:"):
        return None
    return Path(name).absolute()


def make_database_file(engine: Engine) -> None:
    """Make SQLite's empty file and its folder, if they are missing. Raises ConfigurationInvalid."""
    file = database_file(engine)
    if file is None or file.exists():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise ConfigurationInvalid(f"the database {file} cannot be made: {error.strerror}") from error


def masked(url: str) -> str:
    """Give a URL with its passwords masked, for people to see; where it is no URL, nothing of it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "***"
    secret = {name: "***" for name in parsed.query if _SECRET.search(name)}
    return parsed.update_query_dict(secret).render_as_string(hide_password=True)


def _with_driver(url: URL) -> URL:
    """Name the PostgreSQL driver that ships, and give it a Unix socket the way it wants it."""
    if url.drivername not in {"postgresql", "postgres"}:
        return url
    url = url.set(drivername="postgresql+pg8000")
    if unknown := sorted(set(url.query) - _PG8000_PARAMETERS):
        raise ConfigurationInvalid(f"database.url: the driver knows no parameter {', '.join(unknown)}: {_RIGHT_URL}")
    socket_folder = url.query.get("host")
    if isinstance(socket_folder, str) and socket_folder.startswith("/"):
        socket = f"{socket_folder}/.s.PGSQL.{url.port or _POSTGRESQL_PORT}"
        return url.difference_update_query(["host"]).update_query_dict({"unix_sock": socket})
    return url


def _postgresql_engine(url: URL, answer_seconds: float) -> Engine:
    arguments = {"timeout": answer_seconds}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, **_POOL)
    event.listen(engine, "handle_error", _say_lost)
    event.listen(engine, "begin", partial(_begin_postgresql, answer_seconds / 2))
    return engine


def _begin_postgresql(longest_seconds: float, connection: Connection) -> None:
    """Have the server end a writer that says nothing: a host that was paused in mid-transaction keeps its locks.

    Half of what others wait for an answer, so that those who wait for its locks come through.
    """
    if not _only_reads(connection):
        milliseconds = round(longest_seconds * 1000)
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}")


def _say_lost(context: ExceptionContext) -> None:
    """Drop the connection when its socket fails: pg8000 lets that error through as it is, also a time-out's."""
    if isinstance(context.original_exception, OSError):
        context.is_disconnect = True
        raise StoreUnavailable(f"database connection lost: {context.original_exception}")


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **_POOL)
    if file := database_file(engine):
        event.listen(engine, "do_connect", partial(_open_existing, file))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_existing(file: Path, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:  # noqa: ANN401 - SQLAlchemy's own
    """Have sqlite3 open the file for reading and writing, but not make it."""
    arguments[0] = f"{file.as_uri()}?mode=rw"
    options["uri"] = True


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - sqlite3's own connection
    """Write-ahead log, every commit on disk (promise 1), and transactions under our control."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, unless only reading: a lock upgraded half-way fails instead of waiting."""
    connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("reading", False))


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Give a session whose work is committed on leaving, or rolled back on an error.

    Raises StoreUnavailable when the database is away, locked, full or read-only.
    """
    with store_errors(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session that only reads, on one consistent snapshot; it never waits for writers.

    Raises StoreUnavailable when the database is away.
    """
    read_engine = engine.execution_options(reading=True)
    with store_errors(), Session(read_engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise StoreUnavailable for what drivers say of a database that is away, full, read-only, locked or damaged."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(f"database: {_field(error, 'M') or error.orig}") from error
    except DBAPIError as error:
        if not (error.connection_invalidated or _may_pass(error)):
            raise
        raise StoreUnavailable(f"database: {_words(error)}") from error
    except OSError as error:  # while a connection that is lost is given back
        raise StoreUnavailable(f"database connection lost: {error.strerror}") from error


def _may_pass(error: DBAPIError) -> bool:
    """Say whether PostgreSQL named a state that passes, or SQLite's file is damaged or none of its own."""
    if type(error.orig) is sqlite3.DatabaseError:
        return True
    return _field(error, "C").startswith(_PASSING_STATES)


def _words(error: DBAPIError) -> str:
    """Give the message without PostgreSQL's detail, which may quote values."""
    return _field(error, "M") or (str(error.orig) if type(error.orig) is sqlite3.DatabaseError else "connection lost")


def _field(error: DBAPIError, name: str) -> str:
    """Give one field of PostgreSQL's error message, which pg8000 hands over as a dictionary."""
    arguments = getattr(error.orig, "args", ())
    fields = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    return str(fields.get(name, ""))
