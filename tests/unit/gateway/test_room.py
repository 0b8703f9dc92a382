import threading
from pathlib import Path

import pytest

from dicom_gateway.room import Level, Room
from dicom_gateway.spool import Spool
from domain.errors import IntakeStopped, StoreUnavailable
from domain.water_marks import Obstacle, WaterMarks

MARKS = WaterMarks(
    reserve_bytes=100,
    stop_below_free_bytes=300,
    accept_above_free_bytes=500,
    stop_above_waiting=10,
    accept_below_waiting=5,
)


class Gauge:
    """A disk and a queue whose levels the test sets."""

    def __init__(self, free: int = 1000, waiting: int = 0, quota_left: int | None = None) -> None:
        self.level = Level(free, waiting, quota_left)
        self.is_broken = False

    def measure(self) -> Level:
        """Give the level as it is."""
        if self.is_broken:
            raise StoreUnavailable
        return self.level


def test_a_data_set_that_began_may_end_below_the_mark_but_not_in_the_reserve() -> None:
    """Between stop mark and reserve what is under way goes on, and nothing begins."""
    room = Room(MARKS, Gauge().measure)
    room.admit()
    room.take(800)
    with pytest.raises(IntakeStopped, match="disk space"):
        room.admit()
    room.take(100)
    with pytest.raises(IntakeStopped):
        room.take(1)


def test_many_senders_at_once_never_take_the_reserve() -> None:
    """However many threads take between two measurements, the sum stops at the reserve."""
    room = Room(MARKS, Gauge(free=100_000).measure)
    taken: list[int] = []

    def send() -> None:
        for _ in range(200):
            try:
                room.take(50)
            except IntakeStopped:
                return
            taken.append(50)

    threads = [threading.Thread(target=send) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 100_000 - MARKS.reserve_bytes


def test_a_measurement_forgets_what_it_has_seen_and_keeps_what_it_has_not() -> None:
    """Bytes on disk count by the disk's own word; a quota counts those in flight until their rows are in it."""
    gauge = Gauge(free=10_000, quota_left=1000)
    room = Room(MARKS, gauge.measure)
    room.take(400)
    gauge.level = Level(9600, 0, 1000)
    room.refresh()
    with pytest.raises(IntakeStopped):
        room.take(501)
    room.take(500)
    room.answered(900)
    with pytest.raises(IntakeStopped):
        room.take(1)
    gauge.level = Level(9100, 0, 10_000)
    room.refresh()
    room.admit()


def test_it_accepts_again_only_above_the_other_mark() -> None:
    """A little space does not let it flutter; a queue that was worked off does let it accept."""
    gauge = Gauge(free=200, waiting=11)
    room = Room(MARKS, gauge.measure)
    with pytest.raises(IntakeStopped, match="disk space and work waiting"):
        room.admit()
    for level, obstacles in (
        (Level(400, 6), {Obstacle.DISK, Obstacle.QUEUE}),
        (Level(500, 6), {Obstacle.QUEUE}),
        (Level(500, 5), set()),
    ):
        gauge.level = level
        room.refresh()
        assert room.obstacles == obstacles
    assert room.refused == 1


def test_without_a_measurement_it_goes_on_counting_down() -> None:
    """A disk that cannot be asked gives no room back."""
    gauge = Gauge()
    room = Room(MARKS, gauge.measure)
    room.take(700)
    gauge.is_broken = True
    with pytest.raises(StoreUnavailable):
        room.refresh()
    with pytest.raises(IntakeStopped):
        room.take(201)


def test_a_spool_without_room_makes_no_file(tmp_path: Path) -> None:
    """Nothing is written, the fragments are let go, and the end of the data set says why."""
    spool = Spool(tmp_path / "x.part", b"meta", 100, Room(MARKS, Gauge(free=0).measure))
    assert list(tmp_path.iterdir()) == []
    spool.write(memoryview(b"one"))
    with pytest.raises(IntakeStopped):
        spool.finish()


def test_a_spool_that_outgrows_the_room_leaves_nothing(tmp_path: Path) -> None:
    """The file is gone, and what it took is no longer in flight."""
    gauge = Gauge(free=350, quota_left=350)
    room = Room(MARKS, gauge.measure)
    spool = Spool(tmp_path / "x.part", b"meta", 10_000, room)
    spool.write(memoryview(bytes(200)))
    spool.write(memoryview(bytes(200)))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(IntakeStopped):
        spool.finish()
    gauge.level = Level(1000, 0, 1000)
    room.refresh()
    room.take(900)
