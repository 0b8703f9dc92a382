import errno
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from config.load import load_settings
from domain.failpoints import FAILPOINTS, FAILPOINTS_VARIABLE, Arming, FailAction, Failpoint, Failpoints

POINT = Failpoint.RECEIVE_AFTER_FSYNC


def test_nothing_is_armed_by_default() -> None:
    """Without the variable there is no folder to arm a point in, no clock to move, and every point passes."""
    assert FAILPOINTS_VARIABLE not in os.environ
    assert FAILPOINTS.folder is None
    for point in Failpoint:
        FAILPOINTS.hit(point)
    assert FAILPOINTS.clock_offset() == timedelta()
    with pytest.raises(ValueError, match="no folder"):
        FAILPOINTS.arm(POINT, Arming(FailAction.KILL))


def test_an_armed_point_raises_what_the_disk_would(tmp_path: Path) -> None:
    """Only while armed, only that point, and only for its subject."""
    points = Failpoints(tmp_path)
    with points.armed(POINT, Arming(FailAction.ERROR, errno.ENOSPC, only="1.2")):
        points.hit(Failpoint.RECEIVE_AFTER_RENAME, "1.2")
        points.hit(POINT, "1.3")
        with pytest.raises(OSError, match="No space left") as raised:
            points.hit(POINT, "1.2")
    assert raised.value.errno == errno.ENOSPC
    points.hit(POINT, "1.2")


def test_a_point_that_is_armed_once_is_met_once(tmp_path: Path) -> None:
    """The first process that passes disarms it."""
    points = Failpoints(tmp_path)
    points.arm(POINT, Arming(FailAction.ERROR, once=True))
    with pytest.raises(OSError, match="Input/output"):
        points.hit(POINT)
    assert not points.is_armed(POINT)
    points.hit(POINT)


def test_a_pause_ends_when_the_point_is_disarmed(tmp_path: Path) -> None:
    """A thread stands at the point until then."""
    points = Failpoints(tmp_path)
    points.arm(POINT, Arming(FailAction.PAUSE))
    waiting = threading.Thread(target=points.hit, args=(POINT,))
    waiting.start()
    assert waiting.is_alive()
    points.disarm(POINT)
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_process_that_a_drill_started_dies_at_the_armed_point(tmp_path: Path) -> None:
    """CXR_FAILPOINTS is read at the start; the point may be armed later."""
    Failpoints(tmp_path).arm(POINT, Arming(FailAction.KILL))
    code = "from domain.failpoints import Failpoint, failpoint; failpoint(Failpoint.RECEIVE_AFTER_FSYNC)"
    environment = {**os.environ, FAILPOINTS_VARIABLE: str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL


def test_the_clock_of_a_drill_can_be_moved(tmp_path: Path) -> None:
    """Forward and back."""
    points = Failpoints(tmp_path)
    assert points.clock_offset() == timedelta()
    points.set_clock(timedelta(hours=-1))
    assert points.clock_offset() == timedelta(hours=-1)


def test_the_variable_of_the_drills_passes_for_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It begins with CXR_, but sets nothing, and stops nothing."""
    monkeypatch.setenv(FAILPOINTS_VARIABLE, str(tmp_path))
    load_settings()
