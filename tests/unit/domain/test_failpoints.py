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
    while not points.is_waited_at(POINT):
        assert waiting.is_alive()
    points.disarm(POINT)
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_point_can_be_armed_for_several_subjects(tmp_path: Path) -> None:
    """Each meets its own fault, and the others pass."""
    points = Failpoints(tmp_path)
    points.arm(POINT, Arming(FailAction.ERROR, errno.ENOSPC, only="1.2"))
    points.arm(POINT, Arming(FailAction.ERROR, errno.EROFS, only="1.3"))
    with pytest.raises(OSError, match="No space left"):
        points.hit(POINT, "1.2")
    points.disarm(POINT, "1.2")
    points.hit(POINT, "1.2")
    with pytest.raises(OSError, match="Read-only"):
        points.hit(POINT, "1.3")


def _hit_in_a_child(folder: Path, before: str = "") -> subprocess.Popen[bytes]:
    code = f"{before}\nfrom domain.failpoints import Failpoint, failpoint; failpoint(Failpoint.RECEIVE_AFTER_FSYNC)"
    environment = {**os.environ, FAILPOINTS_VARIABLE: str(folder)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)


def test_what_hangs_hears_only_sigkill(tmp_path: Path) -> None:
    """SIGTERM is blocked, as it is of no use to a decoder that never comes back to Python."""
    Failpoints(tmp_path).arm(POINT, Arming(FailAction.HANG))
    with _hit_in_a_child(tmp_path, "import signal") as child:
        while _blocked(child.pid) & (1 << (signal.SIGTERM - 1)) == 0:
            assert child.poll() is None
        child.terminate()
        child.kill()
        assert child.wait() == -signal.SIGKILL


def _blocked(pid: int) -> int:
    """Give the mask of blocked signals, proc(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("SigBlk:")).split()[1], 16)


def test_what_eats_memory_is_stopped_by_the_limit(tmp_path: Path) -> None:
    """The process gets MemoryError well before the machine suffers."""
    Failpoints(tmp_path).arm(POINT, Arming(FailAction.EAT))
    limit = "from worker.memory import limit_memory; limit_memory(300)"
    with _hit_in_a_child(tmp_path, limit) as child:
        _, errors = child.communicate()
    assert errors.decode().rstrip().endswith("MemoryError")


def test_a_process_that_a_drill_started_dies_at_the_armed_point(tmp_path: Path) -> None:
    """CXR_FAILPOINTS is read at the start; the point may be armed later."""
    Failpoints(tmp_path).arm(POINT, Arming(FailAction.KILL))
    with _hit_in_a_child(tmp_path) as child:
        assert child.wait() == -signal.SIGKILL


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
