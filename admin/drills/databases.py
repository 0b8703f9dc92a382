"""Drill 3: the database locked, restarted, cut off, read-only, or out of connections."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pg8000.dbapi
import psutil

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load
from admin.drills.postgres import DATABASE, Server, on_database, running, start
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count

_LOCK_SECONDS = (0.5, 6.0)
#: Every so many rounds it is locked for longer than a writer waits (db.session.BUSY_SECONDS).
_LONG_LOCK_EVERY, _LONG_LOCK_SECONDS = 20, 36.0
_FAULT_SECONDS = (0.5, 4.0)
_CONNECTIONS = 40
_CUT = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'"  # noqa: S608 - ours


def _sqlite(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            load = new_load(rig, f"sqlite-{number}")
            is_long = number % _LONG_LOCK_EVERY == _LONG_LOCK_EVERY - 1
            seconds = _LONG_LOCK_SECONDS if is_long else run.chance.uniform(*_LOCK_SECONDS)
            with load:
                time.sleep(run.chance.uniform(0, 1.0))
                _lock(rig.data_dir / "cxr-triage.sqlite", seconds)
                over_at = time.monotonic()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


def _lock(file: Path, seconds: float) -> None:
    """Hold the write lock, as a backup or a person with a shell would."""
    connection = sqlite3.connect(file, timeout=60, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextlib.contextmanager
def _restarted(server: Server) -> Iterator[None]:
    """Crash it (SIGQUIT: every connection is dropped, and its log is replayed) and start it again."""
    pid = server.get_pid()
    os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: _is_gone(pid), "the PostgreSQL server gone")
    try:
        yield
    finally:
        start(server)


def _is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def _dropped(server: Server) -> Iterator[None]:
    """Cut every connection, some of them in the middle of a transaction."""
    server.psql(_CUT)
    yield


@contextlib.contextmanager
def _read_only(server: Server) -> Iterator[None]:
    """Let nothing be written, as after a failover to a standby."""
    server.psql(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")
    with _dropped(server):
        yield
    server.psql(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = off")
    with _dropped(server):
        pass


@contextlib.contextmanager
def _out_of_connections(server: Server) -> Iterator[None]:
    """Take every connection that the server has."""
    where = urlsplit(server.get_uri(DATABASE))
    socket = f"{parse_qs(where.query)['host'][0]}/.s.PGSQL.{where.port or 5432}"
    with contextlib.ExitStack() as held:
        server.psql(_CUT)
        with contextlib.suppress(pg8000.dbapi.Error, OSError):
            for _ in range(_CONNECTIONS):
                taken = pg8000.dbapi.connect(where.username or "", database=DATABASE, unix_sock=socket)
                held.enter_context(contextlib.closing(taken))
        yield


_FAULTS: tuple[Callable[[Server], AbstractContextManager[None]], ...] = (
    _dropped,
    _out_of_connections,
    _read_only,
    _restarted,
)


def _postgresql(run: DrillRun) -> Tally:
    with running(run.folder / "pg") as server, Rig(run.folder / "rig", on_database(server)) as rig:
        server.psql(f"ALTER SYSTEM SET max_connections = {_CONNECTIONS}")
        with _restarted(server):
            pass
        for number in run.each_round():
            load = new_load(rig, f"pg-{number}")
            with load:
                time.sleep(run.chance.uniform(0, 1.5))
                with _FAULTS[number % len(_FAULTS)](server):
                    time.sleep(run.chance.uniform(*_FAULT_SECONDS))
                over_at = time.monotonic()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


DRILLS = (
    Drill("sqlite", "SQLite locked by another process, also for longer than a writer waits", 40, 1, _sqlite),
    Drill("postgresql", "PostgreSQL crashed, connections cut, read-only, out of connections", 60, 4, _postgresql),
)
