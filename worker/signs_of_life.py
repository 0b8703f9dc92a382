"""Signs of life of this process, written into the database from a thread of its own."""

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from config.settings import Settings
from db import processes
from db.processes import Life
from db.session import Engine, make_engine
from domain.clock import utc_now
from domain.errors import Transient

_log = structlog.get_logger()
#: Seconds between two signs of life.
SIGN_SECONDS = 10.0
#: Seconds of silence after which a process counts as gone: some signs may come late, on a machine that is busy.
SILENT_SECONDS = 60.0
#: Seconds that an end is waited for: a database may be away.
_END_SECONDS = 5.0


@contextmanager
def signs_of_life(settings: Settings, name: str) -> Iterator[None]:
    """Write them while the block runs; `name` is what the process is for.

    The thread has ended when the block has: what still runs while the interpreter ends may break its end.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(settings, name, stop), name="signs-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_SECONDS)


def _run(settings: Settings, name: str, stop: threading.Event) -> None:
    # An engine of its own: a worker's pool processes are forked from the others.
    engine = make_engine(settings.database_url)
    life = Life(uuid.uuid4().hex, name, socket.gethostname(), os.getpid(), utc_now())
    try:
        while True:
            try:
                processes.note_alive(engine, life, utc_now())
            except Transient as error:
                _log.warning("sign_of_life_not_written", error=type(error).__name__)
            if stop.wait(SIGN_SECONDS):
                break
        _end(engine, life)
    finally:
        engine.dispose()


def _end(engine: Engine, life: Life) -> None:
    try:
        processes.note_ended(engine, life)
    except Transient as error:
        _log.warning("end_not_written", error=type(error).__name__)
