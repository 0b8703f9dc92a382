"""The reading worklist, given to the UPS SCP and to UPS-RS: see `domain.workitem.Workitems`."""

from collections.abc import Callable, Collection

from db import workitems
from db.session import Engine
from domain.clock import utc_now
from domain.workitem import Decision, StoredWorkitem, Verdict, WorkitemState


class ReadingWorklist:
    """Workitems in the database. Each method raises StoreUnavailable when it is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listed(self, states: Collection[WorkitemState] | None) -> list[StoredWorkitem]:
        """Give the workitems in these states: the most urgent first, then who has waited longest."""
        return workitems.listed(self._engine, states)

    def get(self, sop_instance_uid: str) -> StoredWorkitem | None:
        """Give one workitem."""
        return workitems.by_uid(self._engine, sop_instance_uid)

    def update(self, sop_instance_uid: str, decide: Callable[[StoredWorkitem], Decision]) -> Verdict:
        """Change one workitem as `decide` says."""
        return workitems.update(self._engine, sop_instance_uid, decide, utc_now())

    def add(self, new: workitems.NewWorkitem) -> bool:
        """Put a workitem on the list; False when it is there already."""
        return workitems.add(self._engine, new, utc_now())
