"""`cxr-triage doctor`: try every part the service needs, and say how to mend what fails."""

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer

from admin.announced_check import MEND_ANNOUNCED, announced_checks
from admin.data_folder import PRIVATE
from admin.embedded_broker import broker_command
from admin.options import (
    AeTitleOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    PacsOption,
    PortOption,
    settings_from,
)
from admin.output import print_json, print_table
from admin.report_check import MEND_REPORTS, what_it_gets
from config.settings import Settings
from db import schema
from dicom_gateway.verification import echo
from domain.errors import CxrTriageError
from worker.bootstrap_work import WorkCollaborators
from worker.listening import published_address
from worker.model_versions import ModelVersions
from worker.queue import ANALYSE_QUEUE, embedded_socket

#: Free space below which a burst of studies may fill the disk.
_LEAST_FREE_BYTES = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """One part that was tried."""

    part: str
    ok: bool
    found: str
    #: What to do about it; empty when all is well.
    mend: str = ""


def doctor(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Check settings, disk, database, broker, model and each PACS; exit status 1 if something needs mending."""
    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    os.umask(PRIVATE)
    collaborators = WorkCollaborators(settings)
    checks = [Check("settings", ok=True, found="read, every key known")]
    checks += [
        _tried("data folder", lambda: _data_folder(settings), "give the service a folder that it may write to"),
        _tried("disk", lambda: _disk(settings), "free space, or move service.data_dir to a larger disk"),
        _tried("database", lambda: _database(collaborators), "run `cxr-triage db upgrade`; check database.url"),
        _tried("broker", lambda: _broker(collaborators), "start `cxr-triage serve`; check broker.url"),
        _tried("model", lambda: _model(collaborators), "check model.version and model.weights_dir"),
        _tried("listener", lambda: _listener(settings), "choose another listener.port, or stop what holds it"),
    ]
    checks += _destinations(collaborators)
    _print(checks, json_output=json_output)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


def _tried(part: str, check: Callable[[], str], mend: str) -> Check:
    try:
        return Check(part, ok=True, found=check())
    except (CxrTriageError, OSError) as error:
        return Check(part, ok=False, found=str(error), mend=mend)


def _data_folder(settings: Settings) -> str:
    folder = settings.service.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    return f"{folder} can be written to"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.service.data_dir).free
    found = f"{free / 2**30:.1f} GiB free"
    if free < _LEAST_FREE_BYTES:
        raise OSError(f"only {found}")
    return found


def _database(collaborators: WorkCollaborators) -> str:
    schema.require_newest(collaborators.engine)
    return f"{collaborators.engine.dialect.name}, schema {schema.newest_revision()}"


def _broker(collaborators: WorkCollaborators) -> str:
    settings = collaborators.settings
    embedded = not settings.broker.url.get_secret_value()
    if embedded and not embedded_socket(settings).exists():
        broker_command(settings)
        return "embedded Valkey is installed; `serve` starts it"
    return f"{collaborators.doorbell.depth(ANALYSE_QUEUE)} studies queued"


def _model(collaborators: WorkCollaborators) -> str:
    # Without the database, whose own check says what is wrong with it.
    versions = ModelVersions.offline(collaborators.settings)
    reader = versions.reader(versions.active_version())
    versions.current().warm_up()
    point = reader.operating_point
    return f"{reader.version} can be run; suspected at {point.threshold:.3f} and above ({point.name})"


def _listener(settings: Settings) -> str:
    if running := published_address(settings):
        return f"running on port {running['port']}"
    listener = settings.listener
    with socket.create_server((listener.host, listener.port)) as free:
        return f"port {free.getsockname()[1]} is free"


def _destinations(collaborators: WorkCollaborators) -> list[Check]:
    if not collaborators.settings.destination_names:
        mend = "add [[destinations]] to the settings file, or --pacs AET@HOST:PORT"
        return [Check("destinations", ok=False, found="none: reports are made and sent nowhere", mend=mend)]
    mend = "check host, port and both AE titles, and that the PACS knows ours"
    checks = []
    for settings in collaborators.settings.destinations:
        peer = collaborators.destinations[settings.name]
        answered = _tried(f"C-ECHO {settings.name}", lambda d=peer: f"answered in {echo(d) * 1000:.0f} ms", mend)  # type: ignore[misc]
        checks.append(answered)
        if answered.ok:
            part = f"reports to {settings.name}"
            checks.append(_tried(part, lambda s=settings, d=peer: what_it_gets(s, d), MEND_REPORTS))  # type: ignore[misc]
    checks += [_tried(part, check, MEND_ANNOUNCED) for part, check in announced_checks(collaborators.settings)]
    return checks


def _print(checks: list[Check], *, json_output: bool) -> None:
    if json_output:
        print_json([asdict(check) for check in checks])
        return
    rows = [(check.part, "ok" if check.ok else "FAULT", check.found, check.mend) for check in checks]
    print_table(("part", "", "found", "to mend it"), rows)
