"""Reading priority: which studies a radiologist should open first.

Priority is only ever raised, never lowered below what was ordered (ARCHITECTURE promise 4).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from domain.finding import Assessment


class ReadingPriority(StrEnum):
    """Rank on the reading worklist; the member order is the reading order."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"

    @property
    def rank(self) -> int:
        """0 is read first."""
        return list(ReadingPriority).index(self)


class QueuePriority(StrEnum):
    """Which studies are analysed first; it says nothing of how urgent a study is to read."""

    #: As they come.
    LIVE = "LIVE"
    #: Reprocessed in bulk: queued only while the queues are short.
    BACKGROUND = "BACKGROUND"


#: Requested Procedure Priority (0040,1003), PS3.4 Table C.6.1: what the order asked for.
_ORDERED = {
    "STAT": ReadingPriority.STAT,
    "HIGH": ReadingPriority.HIGH,
    "ROUTINE": ReadingPriority.ROUTINE,
    "MEDIUM": ReadingPriority.ROUTINE,
    "LOW": ReadingPriority.ROUTINE,
}


def reading_priority(assessment: Assessment, ordered: Iterable[str] = ()) -> ReadingPriority:
    """Give the reading priority of a study.

    `ordered` are the Requested Procedure Priorities that its headers state; unknown or none is ROUTINE.
    A suspicion raises to HIGH; no statement of the network lowers what was ordered.
    """
    stated = [_ORDERED.get(text.strip().upper(), ReadingPriority.ROUTINE) for text in ordered]
    raised = ReadingPriority.HIGH if assessment is Assessment.SUSPECTED else ReadingPriority.ROUTINE
    return min([raised, *stated], key=lambda priority: priority.rank)


def reading_position(priority: ReadingPriority, waiting_since: datetime, max_wait: timedelta) -> datetime:
    """Give the moment by which the reading worklist is sorted: whoever's is earlier is read earlier.

    Each step of priority is worth `max_wait` (zero or more) of waiting. So the more urgent stands first, then who has
    waited longest; a study that has waited longer than `max_wait` rises above what newly comes in one step above it;
    and nothing that arrives more than `max_wait` a step later is ever read before it. It does not depend on when one
    looks: no study moves but by others being read or raised.
    """
    return waiting_since + priority.rank * max_wait
