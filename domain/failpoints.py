"""Failpoints: named steps at which a drill breaks the service. Nothing is broken unless CXR_FAILPOINTS names a folder.

A drill arms a point by a file of its name in that folder, while the service runs, and can disarm it again.
For drills only: in a hospital the variable is not set, and each point costs one comparison.
"""

import errno
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

#: Names the folder of armed points, and of the drill's clock.
FAILPOINTS_VARIABLE = "CXR_FAILPOINTS"
_CLOCK = "clock"
_POLL_SECONDS = 0.01
#: What EAT takes at a time, and at most: where nothing stops it, the machine must live and the drill must fail.
_BITE_BYTES, _MOST_EATEN_BYTES = 64 << 20, 3 << 30


class Failpoint(StrEnum):
    """The steps that can be broken, in the order in which a study passes them; the value is the file's name."""

    RECEIVE_BEFORE_FILE = "receive.before_file"
    RECEIVE_BEFORE_WRITE = "receive.before_write"
    RECEIVE_BEFORE_FSYNC = "receive.before_fsync"
    RECEIVE_AFTER_FSYNC = "receive.after_fsync"
    RECEIVE_AFTER_RENAME = "receive.after_rename"
    RECEIVE_AFTER_FOLDER_FSYNC = "receive.after_folder_fsync"
    RECEIVE_AFTER_COMMIT = "receive.after_commit"
    RECEIVE_BEFORE_ANSWER = "receive.before_answer"
    SWEEP_AFTER_READY = "sweep.after_ready"
    RING_BEFORE_NOTE = "ring.before_note"
    ANALYSE_AFTER_CLAIM = "analyse.after_claim"
    ANALYSE_BEFORE_DECODE = "analyse.before_decode"
    ANALYSE_BEFORE_COMMIT = "analyse.before_commit"
    ANALYSE_AFTER_COMMIT = "analyse.after_commit"
    DELIVER_AFTER_CLAIM = "deliver.after_claim"
    DELIVER_AFTER_REPORT_KEPT = "deliver.after_report_kept"
    DELIVER_AFTER_SEND = "deliver.after_send"
    DELIVER_AFTER_RECORD = "deliver.after_record"
    PURGE_AFTER_MARK = "purge.after_mark"
    PURGE_AFTER_MOVE = "purge.after_move"
    CONFIRM_AFTER_QUESTION_KEPT = "confirm.after_question_kept"


class FailAction(StrEnum):
    """What an armed point does."""

    #: SIGKILL this process.
    KILL = "kill"
    #: Raise OSError with `error_number`, as the disk would.
    ERROR = "error"
    #: Wait until it is disarmed.
    PAUSE = "pause"
    #: Wait for ever and hear no signal but SIGKILL, like a decoder in C that never comes back to Python.
    HANG = "hang"
    #: Take memory until there is no more, like a decoder that believes a false size; no more than a drill may harm.
    EAT = "eat"


@dataclass(frozen=True, slots=True)
class Arming:
    """How a point is armed."""

    action: FailAction
    #: For ERROR, e.g. errno.ENOSPC.
    error_number: int = errno.EIO
    #: Only where the point is passed for this subject, e.g. a Study Instance UID; empty: any.
    only: str = ""
    #: Disarm at the first hit: one process meets it, whichever comes first.
    once: bool = False


class Failpoints:
    """The armed points of one folder; with None, nothing is ever armed."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def hit(self, point: Failpoint, subject: str = "") -> None:
        """Pass a point. Raises OSError where it is armed so."""
        if self.folder is None:
            return
        for path in (self.folder / point.value, self.folder / _name(point, subject)):
            arming = _read(path)
            if arming is not None and (not arming.once or _take(path)):
                _act(arming, path)
                return

    def clock_offset(self) -> timedelta:
        """Give what the drill's clock is ahead of the real one."""
        if self.folder is None:
            return timedelta()
        try:
            return timedelta(seconds=float((self.folder / _CLOCK).read_text()))
        except FileNotFoundError:
            return timedelta()

    def arm(self, point: Failpoint, arming: Arming) -> None:
        """Arm a point, from a drill's own process; one point may be armed for several subjects, each in its way."""
        name = _name(point, arming.only)
        if self.folder is not None:
            _mark_of(self.folder / name).unlink(missing_ok=True)
        self._write(name, json.dumps(asdict(arming)))

    def disarm(self, point: Failpoint, only: str = "") -> None:
        """Let a point pass again."""
        if self.folder is not None:
            (self.folder / _name(point, only)).unlink(missing_ok=True)

    def is_armed(self, point: Failpoint) -> bool:
        """Say whether a point is armed; one that is armed once no longer is when it was hit."""
        return self.folder is not None and (self.folder / point.value).exists()

    def is_waited_at(self, point: Failpoint, only: str = "") -> bool:
        """Say whether a process waits, or has waited, at a point that is armed to pause."""
        return self.waits_at(point, only) is not None

    def waits_at(self, point: Failpoint, only: str = "") -> int | None:
        """Give the pid of the process that came last to a point that is armed to pause; None when none has come."""
        try:
            return None if self.folder is None else int(_mark_of(self.folder / _name(point, only)).read_text())
        except (FileNotFoundError, ValueError):  # not there, or not yet written
            return None

    @contextmanager
    def armed(self, point: Failpoint, arming: Arming) -> Iterator[None]:
        """Arm a point for a while."""
        self.arm(point, arming)
        try:
            yield
        finally:
            self.disarm(point, arming.only)

    def set_clock(self, ahead: timedelta) -> None:
        """Move the drill's clock."""
        self._write(_CLOCK, str(ahead.total_seconds()))

    def _write(self, name: str, text: str) -> None:
        """Put a file into the folder in one step: no reader sees half of it."""
        if self.folder is None:
            raise ValueError("there is no folder for failpoints")
        temporary = self.folder / f".{name}"
        temporary.write_text(text)
        temporary.replace(self.folder / name)


def _name(point: Failpoint, only: str) -> str:
    """Give the file's name of a point that is armed for one subject, or for any."""
    return f"{point.value}@{only}" if only else point.value


def _mark_of(path: Path) -> Path:
    """Give the file that says that a process waits at an armed point."""
    return path.with_name(f"{path.name}.waited")


def _read(path: Path) -> Arming | None:
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return Arming(**(values | {"action": FailAction(values["action"])}))


def _take(path: Path) -> bool:
    """Disarm a point; say whether this process was the one that did."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _act(arming: Arming, path: Path) -> None:
    if arming.action is FailAction.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if arming.action is FailAction.ERROR:
        raise OSError(arming.error_number, os.strerror(arming.error_number))
    if arming.action is FailAction.HANG:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            signal.pause()
    if arming.action is FailAction.EAT:
        _eat()
    else:
        _mark_of(path).write_text(str(os.getpid()))
        while path.exists():
            time.sleep(_POLL_SECONDS)


def _eat() -> None:
    """Take memory, and use it, until MemoryError or the most that a drill may take."""
    eaten = []
    for _ in range(_MOST_EATEN_BYTES // _BITE_BYTES):
        eaten.append(b"\1" * _BITE_BYTES)  # noqa: PERF401 - one bite after the other is the point


def _of_environment() -> Failpoints:
    named = os.environ.get(FAILPOINTS_VARIABLE)
    return Failpoints(Path(named) if named else None)


#: The points of this process: off, unless it was started by a drill.
FAILPOINTS = _of_environment()
failpoint = FAILPOINTS.hit
