"""The Celery tasks. They carry ids, never pixels; what they do is decided by the database."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from celery import Celery, Task

from config.settings import Settings
from domain import traces
from worker.queue import ANALYSE_TASK

_log = structlog.get_logger()


class Work(Protocol):
    """What a task does with one row: run it, or give it back when it failed in a way nobody foresaw."""

    def run(self, row_id: int, task_id: str, /) -> None:
        """Claim the row and do the work."""

    def give_back(self, row_id: int, task_id: str, error: str, /) -> None:
        """End the attempt that the task holds."""


class WorkTask(Task):  # type: ignore[misc]  # Celery is untyped
    """A task on one row; a failure, foreseen or not, gives the row back at once instead of when the lease ends."""

    #: Celery's name for what it is in the worker's parent.
    Request = "worker.acknowledgement:WatchedRequest"

    def __init__(self, name: str, work: Callable[[], Work], soft_seconds: int, hard_seconds: int) -> None:
        """`work` gives the collaborator of the process that runs the task."""
        self.name = name
        self.soft_time_limit = soft_seconds
        self.time_limit = hard_seconds
        self._work = work

    def run(self, row_id: int) -> None:
        """Do the work on one row of the database."""
        try:
            self._work().run(row_id, self.request.id)
        except MemoryError as error:
            # Ours ends here: Celery takes any MemoryError of a task for the end of the whole worker.
            self._end_attempt(row_id, self.request.id, error)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ANN401, ARG002 - Celery's signature
        """End the attempt."""
        self._end_attempt(args[0], task_id, exc)

    def _end_attempt(self, row_id: int, task_id: str, exc: BaseException) -> None:
        """Give the row back. The text of a foreign exception may hold patient data: type and place are kept."""
        what = traces.told(exc)
        _log.error("task_failed", task=self.name, row_id=row_id, error=what)
        self._work().give_back(row_id, task_id, what)


def register(app: Celery, settings: Settings, works: Mapping[str, Callable[[], Work]]) -> None:
    """Register each task by name, with the time limits of its queue."""
    for name, work in works.items():
        limits = settings.analysis if name == ANALYSE_TASK else settings.delivery
        app.register_task(WorkTask(name, work, limits.soft_time_limit_seconds, limits.hard_time_limit_seconds))
