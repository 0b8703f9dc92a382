"""Room: whether more may be received: asked before each data set and for each fragment of it, without a system call."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import IntakeStopped
from domain.water_marks import Obstacle, WaterMarks

_NO_MARKS = WaterMarks(0, 0, 0, sys.maxsize, sys.maxsize)


@dataclass(frozen=True, slots=True)
class Level:
    """What was measured."""

    #: Free on the file system of the store.
    free_bytes: int
    #: Studies and reports that wait to be worked off.
    waiting: int
    #: What a quota leaves to instances, counted from committed rows; None without a quota.
    quota_left_bytes: int | None = None


class Room:
    """Counts what is being received between two measurements, so that many senders at once cannot take the reserve.

    Safe for threads.
    """

    def __init__(self, marks: WaterMarks, measure: Callable[[], Level]) -> None:
        """Measure once; `measure` may raise StoreUnavailable."""
        self._marks = marks
        self._measure = measure
        self._lock = threading.Lock()
        self._level = measure()
        self._obstacles: frozenset[Obstacle] = frozenset()
        #: Taken since the level was measured: it is not in its free bytes.
        self._taken = 0
        #: Of data sets without an answer yet, and of those answered since: a quota's rest knows the rows of neither.
        self._in_flight = 0
        self._landed = 0
        self._refused = 0

    def refresh(self) -> None:
        """Measure again. Raises StoreUnavailable, and then the old level goes on being counted down.

        What is taken meanwhile counts twice until the next time; what was taken before and is not written yet (a
        fragment of each association) is the reserve's.
        """
        with self._lock:
            taken, landed = self._taken, self._landed
        level = self._measure()
        with self._lock:
            self._level = level
            self._taken -= taken
            self._landed -= landed
            self._look()

    def admit(self) -> None:
        """Let a data set begin, or raise IntakeStopped: then nothing of it is to be written."""
        with self._lock:
            self._look()
            if self._obstacles:
                self._refused += 1
                raise IntakeStopped(self._words())

    def take(self, size_bytes: int) -> None:
        """Count bytes that are about to be written, or raise IntakeStopped when they would go into the reserve."""
        with self._lock:
            if self._free() - size_bytes < self._marks.reserve_bytes:
                self._obstacles |= {Obstacle.DISK}
                self._refused += 1
                raise IntakeStopped(self._words())
            self._taken += size_bytes
            self._in_flight += size_bytes

    def answered(self, size_bytes: int) -> None:
        """Note that the data set which took these bytes has its answer."""
        with self._lock:
            self._in_flight -= size_bytes
            self._landed += size_bytes

    @property
    def obstacles(self) -> frozenset[Obstacle]:
        """What stands against receiving now."""
        with self._lock:
            return self._obstacles

    @property
    def level(self) -> Level:
        """What was measured last."""
        with self._lock:
            return self._level

    @property
    def refused(self) -> int:
        """How many data sets were refused, ever."""
        with self._lock:
            return self._refused

    def _look(self) -> None:
        self._obstacles = self._marks.obstacles(self._free(), self._level.waiting, self._obstacles)

    def _free(self) -> int:
        on_disk = self._level.free_bytes - self._taken
        if self._level.quota_left_bytes is None:
            return on_disk
        return min(on_disk, self._level.quota_left_bytes - self._in_flight - self._landed)

    def _words(self) -> str:
        return f"receiving is stopped for now: {' and '.join(sorted(self._obstacles))}"


def unlimited() -> Room:
    """Give a room that is never full; a disk that is says so itself."""
    return Room(_NO_MARKS, lambda: Level(sys.maxsize, 0))
