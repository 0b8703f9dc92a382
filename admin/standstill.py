"""Processes of the service that are stopped (SIGSTOP), by whomever: one may hold the lock that all others wait for."""

import contextlib
import time
from collections.abc import Callable

import psutil

#: Less than a writer waits for SQLite's lock (db.session.BUSY_SECONDS): whoever waits for it comes through.
LONGEST_SECONDS = 20.0
#: Between two looks: each reads the state of every process of the machine.
_LOOK_SECONDS = 5.0


class Standstill:
    """Watches a process and its pool processes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._looked_at = clock()
        self._stopped_since: float | None = None

    def is_too_long(self, pid: int) -> bool:
        """Say whether the process, or one that it started, has been stopped for longer than `LONGEST_SECONDS`."""
        now = self._clock()
        if now < self._looked_at + _LOOK_SECONDS:
            return False
        self._looked_at = now
        if not _is_stopped(pid):
            self._stopped_since = None
            return False
        self._stopped_since = now if self._stopped_since is None else self._stopped_since
        return now - self._stopped_since >= LONGEST_SECONDS - _LOOK_SECONDS


def _is_stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return any(_has_stopped(one) for one in (process, *process.children(recursive=True)))
    return False


def _has_stopped(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False
