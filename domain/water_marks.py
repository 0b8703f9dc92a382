"""Water marks: when receiving stops, and when it starts again. Two marks each, so that it does not flutter."""

from dataclasses import dataclass
from enum import StrEnum


class Obstacle(StrEnum):
    """Why nothing more is received for now; the value is said to senders and stored."""

    #: Too little free space.
    DISK = "disk space"
    #: Too many studies and reports that wait to be worked off.
    QUEUE = "work waiting"


@dataclass(frozen=True, slots=True)
class WaterMarks:
    """The marks, with reserve <= stop <= accept for free space, and accept <= stop for what waits."""

    #: Never received into: the database and the reports need it.
    reserve_bytes: int
    stop_below_free_bytes: int
    accept_above_free_bytes: int
    stop_above_waiting: int
    accept_below_waiting: int

    def obstacles(self, free_bytes: int, waiting: int, before: frozenset[Obstacle]) -> frozenset[Obstacle]:
        """Say what stands against receiving, knowing what did `before`: each goes only past its other mark."""
        disk_mark = self.accept_above_free_bytes if Obstacle.DISK in before else self.stop_below_free_bytes
        queue_mark = self.accept_below_waiting if Obstacle.QUEUE in before else self.stop_above_waiting
        found = {Obstacle.DISK: free_bytes < disk_mark, Obstacle.QUEUE: waiting > queue_mark}
        return frozenset(obstacle for obstacle, stands in found.items() if stands)
