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
        path = self.folder / point.value
        arming = _read(path)
        if arming is None or (arming.only and arming.only != subject):
            return
        if arming.once and not _take(path):
            return
        _act(arming, path)

    def clock_offset(self) -> timedelta:
        """Give what the drill's clock is ahead of the real one."""
        if self.folder is None:
            return timedelta()
        try:
            return timedelta(seconds=float((self.folder / _CLOCK).read_text()))
        except FileNotFoundError:
            return timedelta()

    def arm(self, point: Failpoint, arming: Arming) -> None:
        """Arm a point, from a drill's own process."""
        self._write(point.value, json.dumps(asdict(arming)))

    def disarm(self, point: Failpoint) -> None:
        """Let a point pass again."""
        if self.folder is not None:
            (self.folder / point.value).unlink(missing_ok=True)

    def is_armed(self, point: Failpoint) -> bool:
        """Say whether a point is armed; one that is armed once no longer is when it was hit."""
        return self.folder is not None and (self.folder / point.value).exists()

    @contextmanager
    def armed(self, point: Failpoint, arming: Arming) -> Iterator[None]:
        """Arm a point for a while."""
        self.arm(point, arming)
        try:
            yield
        finally:
            self.disarm(point)

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
    while path.exists():
        time.sleep(_POLL_SECONDS)


def _of_environment() -> Failpoints:
    named = os.environ.get(FAILPOINTS_VARIABLE)
    return Failpoints(Path(named) if named else None)


#: The points of this process: off, unless it was started by a drill.
FAILPOINTS = _of_environment()
failpoint = FAILPOINTS.hit
