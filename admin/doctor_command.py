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
from admin.keeping_check import MEND_KEEPING, how_it_confirms
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
from admin.status_command import receiving
from admin.tls_check import MEND_TLS, tls_uses, what_it_shows
from config.destinations import DestinationSettings
from config.settings import Settings
from db import schema
from dicom_gateway.association_scu import Destination
from dicom_gateway.verification import echo
from domain.errors import CxrTriageError, StoreUnavailable
from worker.bootstrap import association_policy, scp_config
from worker.bootstrap_work import WorkCollaborators
from worker.listening import published_address
from worker.model_versions import ModelVersions
from worker.queue import ANALYSE_QUEUE, embedded_socket

_MEND_RECEIVING = "free space, or let the work be worked off (`cxr-triage status`); see [back_pressure] in the settings"


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
    """Check settings, disk, database, broker, model, certificates and each PACS; exit status 1 if one needs mending."""
    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    os.umask(PRIVATE)
    collaborators = WorkCollaborators(settings)
    checks = [Check("settings", ok=True, found="read, every key known")]
    checks += [
        _tried("data folder", lambda: _data_folder(settings), "give the service a folder that it may write to"),
        _tried("disk", lambda: _disk(settings), "free space, or move service.data_dir to a larger disk"),
        _tried("database", lambda: _database(collaborators), "run `cxr-triage db upgrade`; check database.url"),
        _tried("receiving", lambda: _receiving(collaborators), _MEND_RECEIVING),
        _tried("broker", lambda: _broker(collaborators), "start `cxr-triage serve`; check broker.url"),
        _tried("model", lambda: _model(collaborators), "check model.version and model.weights_dir"),
        _tried("listener", lambda: _listener(settings), "choose another listener.port, or stop what holds it"),
    ]
    checks += [_tried(part, lambda t=tls: what_it_shows(t), MEND_TLS) for part, tls in tls_uses(settings).items()]  # type: ignore[misc]
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
    free = shutil.disk_usage(settings.service.data_dir).free / 10**6
    found = f"{free:.0f} MB free"
    if free < settings.back_pressure.accept_above_free_megabytes:
        raise OSError(f"only {found}")
    return found


def _receiving(collaborators: WorkCollaborators) -> str:
    schema.require_newest(collaborators.engine)
    found = receiving(collaborators)
    if found["state"] != "accepting":
        raise StoreUnavailable(f"{found['state']} since {found['since']}: C-STORE is answered with A700")
    return f"accepting; {found['waiting']} studies and reports wait"


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
        return f"running on port {running['port']}, TLS on {running.get('tls_port') or 'none'}"
    config, ports = scp_config(settings), []
    for port in (config.port, config.tls_port if config.tls else None):
        if port is not None:
            with socket.create_server((config.host, port)) as free:
                ports.append(str(free.getsockname()[1]))
    return f"port {' and '.join(ports)} is free"


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
            checks.append(_keeping(collaborators, settings, peer))
    checks += [_tried(part, check, MEND_ANNOUNCED) for part, check in announced_checks(collaborators.settings)]
    return checks


def _keeping(collaborators: WorkCollaborators, settings: DestinationSettings, peer: Destination) -> Check:
    policy = association_policy(collaborators.settings)
    part = f"whether {settings.name} keeps them"
    return _tried(part, lambda: how_it_confirms(settings, policy, peer), MEND_KEEPING)


def _print(checks: list[Check], *, json_output: bool) -> None:
    if json_output:
        print_json([asdict(check) for check in checks])
        return
    rows = [(check.part, "ok" if check.ok else "FAULT", check.found, check.mend) for check in checks]
    print_table(("part", "", "found", "to mend it"), rows)
