"""What a simulated PACS does wrong, and how often it still does."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """What the PACS does wrong; by default nothing."""

    #: Reject every association.
    refuse_association: bool = False
    #: Answer every store with this status.
    refuse_status: int | None = None
    #: Abort instead of answering.
    abort_in_transfer: bool = False
    #: Wait before answering.
    answer_delay_seconds: float = 0.0
    #: Answer success and forget the instance.
    answer_and_drop: bool = False
    #: Refuse connections for so long after `start`.
    away_seconds: float = 0.0
    #: Only the first so many stores (or associations, when those are refused) meet the fault; None: all.
    fault_count: int | None = None


NO_FAULTS = Faults()


class FaultLedger:
    """The faults in force, and how many stores or associations will still meet them. Thread-safe."""

    def __init__(self, faults: Faults) -> None:
        self._lock = threading.Lock()
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """Change what goes wrong from here on."""
        with self._lock:
            self._faults = faults
            self._left = faults.fault_count

    @property
    def now(self) -> Faults:
        """The faults that are set, met or not."""
        with self._lock:
            return self._faults

    def take(self) -> Faults:
        """Give the faults that this store or association meets, and count it."""
        with self._lock:
            if self._left is None:
                return self._faults
            if self._left <= 0:
                return NO_FAULTS
            self._left -= 1
            return self._faults
