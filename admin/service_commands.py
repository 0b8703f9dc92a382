"""The commands that run the service, or one of its processes."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from admin.data_folder import make_data_folder
from admin.exit_status import EXIT_INTERRUPTED
from admin.logs import configure_logging
from admin.options import AeTitleOption, ConfigOption, DataDirOption, PacsOption, PortOption, settings_from
from admin.supervisor import run_service
from config.settings import Settings
from db import schema
from worker.bootstrap import Collaborators
from worker.gateway_values import require_tls_files
from worker.listening import run_listener
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE
from worker.retention import look_until
from worker.signs_of_life import signs_of_life

_log = structlog.get_logger()


class WorkQueue(StrEnum):
    """The queues that `work` can serve."""

    ANALYSE = ANALYSE_QUEUE
    DELIVER = DELIVER_QUEUE
    ALL = "all"


QueueOption = Annotated[
    WorkQueue, typer.Option("--queue", help="analyse reads studies, deliver sends reports, all does both.")
]


def serve(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
) -> None:
    """Run everything: broker, listener, sweep and workers; start again what dies."""
    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    _begin(settings, "serve")
    with stop_on_signal() as stop:
        run_service(settings, child_options(config, data_dir, dicom_port, ae_title, pacs), stop)


def listen(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
) -> None:
    """Run only the Storage SCP."""
    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    _begin(settings, "listen")
    with stop_on_signal() as stop, signs_of_life(settings, "listen"):
        run_listener(settings, stop)


def sweep(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
) -> None:
    """Run only the sweep: find quiet studies, ring for whatever is due, and remove images whose time is over."""
    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    _begin(settings, "sweep")
    collaborators = Collaborators(settings)
    schema.require_newest(collaborators.engine)
    with stop_on_signal() as stop, signs_of_life(settings, "sweep"):
        arguments = (stop, lambda: collaborators.retention)
        threading.Thread(target=look_until, args=arguments, name="retention", daemon=True).start()
        _log.info("sweep_started")
        collaborators.readiness.run(stop)


def work(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
    queue: QueueOption = WorkQueue.ALL,
) -> None:
    """Run only a Celery worker; one for each queue keeps a slow PACS from holding up the reading."""
    # Here, not above: ONNX Runtime and highdicom are slow to import, and only workers need them.
    from worker.bootstrap_work import WorkCollaborators  # noqa: PLC0415
    from worker.process import run_worker  # noqa: PLC0415

    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    _begin(settings, f"work-{queue.value}")
    collaborators = WorkCollaborators(settings)
    schema.require_newest(collaborators.engine)
    require_tls_files(settings)  # like a bad model: not a fault of each report
    if queue is not WorkQueue.DELIVER:
        collaborators.versions.current()  # a bad model stops the start, not each study
    collaborators.engine.dispose()
    queues = [ANALYSE_QUEUE, DELIVER_QUEUE] if queue is WorkQueue.ALL else [queue.value]
    raise typer.Exit(run_worker(settings, queues))


def _begin(settings: Settings, process: str) -> None:
    """Set up a process of the service: its log, and files that only its own account may read."""
    configure_logging(settings.service, process)
    make_data_folder(settings)


def child_options(
    config: Path | None, data_dir: Path | None, dicom_port: int | None, ae_title: str | None, pacs: str | None
) -> Sequence[str]:
    """Write the common options as a command line again."""
    given = {
        "--config": config,
        "--data-dir": data_dir,
        "--dicom-port": dicom_port,
        "--ae-title": ae_title,
        "--pacs": pacs,
    }
    return [word for name, value in given.items() if value is not None for word in (name, str(value))]


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Give an event that SIGTERM or SIGINT sets; after a SIGINT, the end of the block ends the command."""
    stop = threading.Event()
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    yield stop
    if signal.SIGINT in received:
        raise typer.Exit(EXIT_INTERRUPTED)
