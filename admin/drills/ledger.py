"""What the service acknowledged: the sender's own book, against which everything is counted."""

import threading
from dataclasses import dataclass, field

from admin.drills.xrays import Xray


@dataclass
class Ledger:
    """Everything that was acknowledged, and how often a sender was turned away. Thread-safe."""

    acknowledged: set[Xray] = field(default_factory=set)
    #: Answers other than success, and no answers: the sender kept the instance and tried again.
    turned_away: int = 0
    #: What the drill itself damaged after the acknowledgement: it is expected to be found out, not to be whole.
    damaged: set[Xray] = field(default_factory=set)
    #: Study Instance UIDs that are expected to end as FAILED.
    to_fail: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, xray: Xray) -> None:
        """Note an answer of success."""
        with self._lock:
            self.acknowledged.add(xray)

    def turn_away(self) -> None:
        """Note an instance that was not taken."""
        with self._lock:
            self.turned_away += 1

    def studies(self) -> dict[str, list[Xray]]:
        """Give what was acknowledged, by Study Instance UID."""
        found: dict[str, list[Xray]] = {}
        with self._lock:
            for xray in self.acknowledged:
                found.setdefault(xray.study_instance_uid, []).append(xray)
        return found
