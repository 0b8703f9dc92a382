"""A process that is stopped is ended with all that it started, because of the locks that it may hold."""

import itertools
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from admin.standstill import LONGEST_SECONDS, Standstill
from admin.supervisor import Child

#: A process that starts another one, and says so.
_PARENT = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); child.wait()"
)


class Seconds:
    """A clock that is read, and goes on by so much each time it is."""

    def __init__(self, step: float) -> None:
        self._seconds = itertools.count(0.0, step)

    def __call__(self) -> float:
        """Give the time."""
        return next(self._seconds)


@pytest.fixture
def family() -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """A process, and one that it started."""
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        yield psutil.Process(parent.pid), child
        child.kill()
        parent.kill()


def test_what_runs_is_left_alone_and_what_is_stopped_is_noticed(
    family: tuple[psutil.Process, psutil.Process],
) -> None:
    """Also where only a process of its pool stands; a short stop is forgiven."""
    parent, child = family
    watch = Standstill(Seconds(LONGEST_SECONDS / 2))
    assert not watch.is_too_long(parent.pid)
    child.suspend()
    assert not watch.is_too_long(parent.pid)
    child.resume()
    assert not watch.is_too_long(parent.pid)
    child.suspend()
    assert [watch.is_too_long(parent.pid) for _ in range(3)] == [False, False, True]


def test_looks_that_follow_at_once_cost_nothing(family: tuple[psutil.Process, psutil.Process]) -> None:
    """The supervisor asks five times a second."""
    parent, _ = family
    parent.suspend()
    watch = Standstill(Seconds(0.0))
    assert not any(watch.is_too_long(parent.pid) for _ in range(100))


def test_a_process_that_is_gone_does_not_stand() -> None:
    """Its end is noticed elsewhere."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    watch = Standstill(Seconds(LONGEST_SECONDS))
    assert not any(watch.is_too_long(gone.pid) for _ in range(3))


def test_a_child_that_stands_still_is_killed_with_what_it_started_and_started_again() -> None:
    """SIGKILL reaches what is stopped, and the kernel lets go of its locks."""
    child = Child("worker", [sys.executable, "-c", _PARENT], watch=lambda: Standstill(Seconds(LONGEST_SECONDS)))
    child.start()
    assert child.process is not None
    first = psutil.Process(child.process.pid)
    while not (started := first.children()):
        pass
    first.suspend()
    while not child.look():
        pass
    psutil.wait_procs(started, timeout=60)
    assert not started[0].is_running()
    child.not_before = 0.0
    child.look()
    assert child.process is not None
    child.process.kill()
    child.process.wait()
