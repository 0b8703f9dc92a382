"""The worklist of the simulated PACS: takes workitems by UPS Push, and lets them be queried and claimed."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from pydicom.dataset import Dataset

from dicom_gateway.ups_attributes import shown
from domain.workitem import Decision, StoredWorkitem, Verdict, WorkitemState


@dataclass(frozen=True, slots=True)
class CreationAttempt:
    """One N-CREATE that reached the PACS."""

    sop_instance_uid: str
    #: Aware, UTC.
    received_at: datetime
    #: False: it was there already.
    is_new: bool


class SimulatedWorkitems:
    """Workitems in memory, in order of arrival. Thread-safe; see `domain.workitem.Workitems`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[str, StoredWorkitem] = {}
        self._attempts: list[CreationAttempt] = []

    @property
    def attempts(self) -> tuple[CreationAttempt, ...]:
        """Every N-CREATE that was valid, in order."""
        with self._changed:
            return tuple(self._attempts)

    @property
    def workitems(self) -> tuple[Dataset, ...]:
        """What is kept, as data sets."""
        with self._changed:
            return tuple(shown(workitem) for workitem in self._kept.values())

    def wait_for_workitems(self, number: int, timeout_seconds: float) -> tuple[Dataset, ...]:
        """Wait until so many are kept; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._kept) >= number, timeout_seconds):
                raise TimeoutError(f"{len(self._kept)} of {number} workitems came in {timeout_seconds} s")
        return self.workitems

    def listed(self, states: Collection[WorkitemState] | None) -> list[StoredWorkitem]:
        """Give the workitems in these states."""
        with self._changed:
            return [w for w in self._kept.values() if states is None or w.lock.state in states]

    def get(self, sop_instance_uid: str) -> StoredWorkitem | None:
        """Give one workitem."""
        with self._changed:
            return self._kept.get(sop_instance_uid)

    def update(self, sop_instance_uid: str, decide: Callable[[StoredWorkitem], Decision]) -> Verdict:
        """Change one workitem as `decide` says."""
        with self._changed:
            if sop_instance_uid not in self._kept:
                return Verdict.UNKNOWN
            decision = decide(self._kept[sop_instance_uid])
            if decision.changed is not None:
                self._kept[sop_instance_uid] = decision.changed
                self._changed.notify_all()
            return decision.verdict

    def create(self, workitem: StoredWorkitem) -> bool:
        """Keep a new workitem; the first one under a UID wins."""
        uid = workitem.sop_instance_uid
        with self._changed:
            is_new = uid not in self._kept
            self._attempts.append(CreationAttempt(uid, datetime.now(UTC), is_new))
            self._kept.setdefault(uid, workitem)
            self._changed.notify_all()
            return is_new
