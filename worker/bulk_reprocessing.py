"""Reprocessing of many studies: opened in small steps, so that it can be interrupted and live work gets through."""

from collections.abc import Callable
from dataclasses import dataclass

from db import reprocess_runs, reprocessing
from db.reprocess_runs import RunProgress
from db.reprocessing import Request, Selection
from db.session import Engine
from domain.clock import utc_now
from domain.priority import QueuePriority

#: Studies opened in one transaction: SQLite's only writer, which the listener waits for.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One run, new or found unfinished."""

    name: str
    #: Studies that are still to be opened.
    study_ids: tuple[int, ...]
    #: How far it was when it was found.
    before: RunProgress

    @property
    def total(self) -> int:
        """How many studies are meant, the opened ones included."""
        return self.before.total + len(self.study_ids)


class BulkReprocessing:
    """What one command asks for."""

    def __init__(self, engine: Engine, selection: Selection, version: str | None, by: str) -> None:
        """`version` is who shall read; None the active one."""
        self._engine = engine
        self._selection = selection
        self._version = version
        self._by = by
        self._asked = reprocess_runs.meaning(selection, version)

    def find(self) -> Run | None:
        """Give the run that asked for the same and is not over, if there is one."""
        name = reprocess_runs.unfinished(self._engine, self._asked)
        if name is None:
            return None
        before = reprocess_runs.progress(self._engine, name)
        if reprocess_runs.is_marked(self._engine, name):
            return Run(name, (), before)
        rest = reprocessing.select_studies(self._engine, self._selection, without_run=name)
        return Run(name, tuple(study.id for study in rest), before)

    def begin(self, study_ids: tuple[int, ...]) -> Run:
        """Note a new run on these studies."""
        name = reprocess_runs.begin(self._engine, utc_now(), self._asked, len(study_ids), self._by)
        return Run(name, study_ids, RunProgress(0, 0, 0))

    def open_all(self, run: Run, on_progress: Callable[[int], None]) -> int:
        """Make the studies of a run READY; gives how many were, the others being on their way by themselves.

        Raises StoreUnavailable: what was opened until then stays so, and the run goes on when it is asked for again.
        """
        request = Request(self._by, QueuePriority.BACKGROUND, self._version, run.name)
        opened = 0
        for start in range(0, len(run.study_ids), _AT_ONCE):
            chunk = run.study_ids[start : start + _AT_ONCE]
            opened += len(reprocess_runs.mark(self._engine, chunk, utc_now(), request))
            on_progress(start + len(chunk))
        if not reprocess_runs.is_marked(self._engine, run.name):
            reprocess_runs.end_marking(self._engine, run.name, utc_now(), self._by)
        return opened
