"""A Celery worker process and its pool: the parent schedules, each child holds its own collaborators."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import structlog
from celery import signals

from config.settings import Settings, TaskLimits
from dicom_gateway.report import warm_up
from worker import tasks
from worker.bootstrap import Collaborators
from worker.bootstrap_work import WorkCollaborators
from worker.hearing import Hearing
from worker.lifeline import die_with_parent
from worker.memory import limit_memory
from worker.queue import ANALYSE_QUEUE, ANALYSE_TASK, ANSWER_TASK, CONFIRM_TASK, DELIVER_QUEUE, DELIVER_TASK
from worker.signs_of_life import signs_of_life

_log = structlog.get_logger()
_INTERRUPTED = 128 + signal.SIGINT
#: Tasks after which a pool process is replaced, so that a leak in a decoder never grows large.
_TASKS_PER_PROCESS = 2000
#: Share of its memory that a process may have held before it is replaced after its task (Celery counts KiB): what it
#: does not give back must not be missing to the next study.
_REPLACED_ABOVE = 0.5
#: Seconds beyond the longest task: Celery waits up to thirty before it tries again to reach a broker that was away.
_RECONNECTION_SECONDS = 60
#: sysexits.h EX_SOFTWARE: whoever started the worker (supervisor, systemd, container) starts it again.
_EXIT_DEAF = 70


def run_worker(settings: Settings, queues: Sequence[str]) -> int:
    """Serve queues until SIGTERM or SIGINT (running tasks are finished first); returns the exit status.

    That is 128 + the number of SIGINT after that one, as shells have it.
    """
    # Not shared with the parent: a database connection or an ONNX session must not cross a fork.
    collaborators = WorkCollaborators(settings)
    app = WorkCollaborators(settings).celery
    works: dict[str, Callable[[], tasks.Work]] = {
        ANALYSE_TASK: lambda: collaborators.analysis,
        DELIVER_TASK: lambda: collaborators.delivery,
        CONFIRM_TASK: lambda: collaborators.confirmation,
        ANSWER_TASK: lambda: collaborators.answering,
    }
    tasks.register(app, settings, works)
    memory_megabytes = max(limits.memory_megabytes for limits in _limits(settings, queues))

    def prepare_child(**_: Any) -> None:  # noqa: ANN401 - Celery passes its own objects
        die_with_parent()
        limit_memory(memory_megabytes)
        # The parent ends the attempts of children that it killed for time, and so may have opened connections.
        collaborators.engine.dispose(close=False)
        if ANALYSE_QUEUE in queues:
            collaborators.analysis.warm_up()
        if DELIVER_QUEUE in queues:
            warm_up()

    ended_by: list[str] = []
    signals.worker_process_init.connect(prepare_child, weak=False)
    hearing = _hearing(settings, queues)
    signals.task_received.connect(lambda **_: hearing.heard(), weak=False)
    # Celery's own way to stop waits for the consumer, which is what hangs; a task that is cut is done again.
    signals.worker_ready.connect(
        lambda **_: threading.Thread(target=hearing.run, args=(threading.Event(),), daemon=True).start(), weak=False
    )
    alive = ExitStack()
    name = "work-all" if len(queues) > 1 else f"work-{queues[0]}"
    signals.worker_ready.connect(lambda **_: alive.enter_context(signs_of_life(settings, name)), weak=False)
    signals.worker_ready.connect(lambda **_: _log.info("worker_ready", queues=list(queues)), weak=False)
    signals.worker_shutting_down.connect(lambda sig, **_: ended_by.append(sig), weak=False)
    # A receiver, whatever it does, keeps Celery from setting up logging of its own.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    worker = app.Worker(
        queues=list(queues),
        concurrency=_processes(settings, queues),
        pool="prefork",
        max_tasks_per_child=_TASKS_PER_PROCESS,
        max_memory_per_child=round(memory_megabytes * _REPLACED_ABOVE * 10**6 / 1024),
        hostname=f"{'-'.join(queues)}@cxr-triage",
        without_gossip=True,
        without_mingle=True,
        # Nobody listens to its events, and while the broker is away sending one blocks the whole event loop.
        without_heartbeat=True,
        quiet=True,
    )
    with alive:
        worker.start()
    return _INTERRUPTED if "SIGINT" in ended_by else int(worker.exitcode or 0)


def _hearing(settings: Settings, queues: Sequence[str]) -> Hearing:
    # A doorbell of its own: it rings in a thread, and the pool's processes are forked from the others.
    doorbell = Collaborators(settings).doorbell
    longest_task = max(limits.hard_time_limit_seconds for limits in _limits(settings, queues))
    return Hearing(
        lambda: sum(doorbell.depth(queue) for queue in queues),
        longest_task + _RECONNECTION_SECONDS,
        lambda: os._exit(_EXIT_DEAF),
    )


def _limits(settings: Settings, queues: Sequence[str]) -> list[TaskLimits]:
    limits: dict[str, TaskLimits] = {ANALYSE_QUEUE: settings.analysis, DELIVER_QUEUE: settings.delivery}
    return [limits[queue] for queue in queues]


def _processes(settings: Settings, queues: Sequence[str]) -> int:
    return sum(limits.processes for limits in _limits(settings, queues))
