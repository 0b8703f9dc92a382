"""A Celery worker process and its pool: the parent schedules, each child holds its own collaborators."""

from collections.abc import Sequence
from typing import Any

from celery import signals

from config.settings import Settings
from dicom_gateway.report import warm_up
from worker import tasks
from worker.bootstrap_work import WorkCollaborators
from worker.lifeline import die_with_parent
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE

#: Tasks after which a pool process is replaced, so that a leak in a decoder never grows large.
_TASKS_PER_PROCESS = 2000


def run_worker(settings: Settings, queues: Sequence[str]) -> int:
    """Serve queues until SIGTERM (running tasks are finished first); returns the exit status."""
    # Not shared with the parent: a database connection or an ONNX session must not cross a fork.
    collaborators = WorkCollaborators(settings)
    app = WorkCollaborators(settings).celery
    tasks.register(app, settings, lambda: collaborators.analysis, lambda: collaborators.delivery)

    def prepare_child(**_: Any) -> None:  # noqa: ANN401 - Celery passes its own objects
        die_with_parent()
        # The parent ends the attempts of children that it killed for time, and so may have opened connections.
        collaborators.engine.dispose(close=False)
        if ANALYSE_QUEUE in queues:
            collaborators.analysis.warm_up()
        if DELIVER_QUEUE in queues:
            warm_up()

    signals.worker_process_init.connect(prepare_child, weak=False)
    # A receiver, whatever it does, keeps Celery from setting up logging of its own.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    worker = app.Worker(
        queues=list(queues),
        concurrency=_processes(settings, queues),
        pool="prefork",
        max_tasks_per_child=_TASKS_PER_PROCESS,
        hostname=f"{'-'.join(queues)}@cxr-triage",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _processes(settings: Settings, queues: Sequence[str]) -> int:
    limits = {ANALYSE_QUEUE: settings.analysis.processes, DELIVER_QUEUE: settings.delivery.processes}
    return sum(limits[queue] for queue in queues)
