"""Reading priority: which studies a radiologist should open first.

Priority is only ever raised, never lowered below what was ordered (ARCHITECTURE promise 4).
"""

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


#: Requested Procedure Priority (0040,1003), PS3.4 Table C.6.1: what the order asked for.
_ORDERED = {
    "STAT": ReadingPriority.STAT,
    "HIGH": ReadingPriority.HIGH,
    "ROUTINE": ReadingPriority.ROUTINE,
    "MEDIUM": ReadingPriority.ROUTINE,
    "LOW": ReadingPriority.ROUTINE,
}


def reading_priority(assessment: Assessment, ordered: str = "") -> ReadingPriority:
    """Give the reading priority of a study.

    `ordered` is the Requested Procedure Priority from the header; unknown or missing is ROUTINE.
    A suspicion raises to HIGH; no statement of the network lowers what was ordered.
    """
    base = _ORDERED.get(ordered.strip().upper(), ReadingPriority.ROUTINE)
    raised = ReadingPriority.HIGH if assessment is Assessment.SUSPECTED else ReadingPriority.ROUTINE
    return min(base, raised, key=lambda priority: priority.rank)
