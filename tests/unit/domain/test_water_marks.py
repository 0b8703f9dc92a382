import pytest

from domain.water_marks import Obstacle, WaterMarks

MARKS = WaterMarks(
    reserve_bytes=10,
    stop_below_free_bytes=100,
    accept_above_free_bytes=200,
    stop_above_waiting=50,
    accept_below_waiting=20,
)
NONE: frozenset[Obstacle] = frozenset()
DISK, QUEUE = frozenset({Obstacle.DISK}), frozenset({Obstacle.QUEUE})


@pytest.mark.parametrize(
    ("free", "waiting", "before", "now"),
    [
        (100, 50, NONE, NONE),
        (99, 50, NONE, DISK),
        (199, 0, DISK, DISK),
        (200, 0, DISK, NONE),
        (100, 51, NONE, QUEUE),
        (100, 21, QUEUE, QUEUE),
        (100, 20, QUEUE, NONE),
        (99, 51, NONE, DISK | QUEUE),
        (150, 20, DISK | QUEUE, DISK),
    ],
)
def test_each_obstacle_comes_past_one_mark_and_goes_past_the_other(
    free: int, waiting: int, before: frozenset[Obstacle], now: frozenset[Obstacle]
) -> None:
    """Between its marks nothing changes, and each obstacle has marks of its own."""
    assert MARKS.obstacles(free, waiting, before) == now
