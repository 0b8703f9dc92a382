"""`cxr-triage status`: one look at the whole service."""

import shutil
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import print_json, print_table
from config.dicomweb import DICOMWEB_PATH
from config.published import DICOMWEB, WORKLIST, published
from config.settings import Settings
from db import commitment_requests, intake_load, model_roles, overview, peers, processes, schema
from db.lanes import is_sender
from db.model_roles import Role
from domain.clock import utc_now
from domain.errors import BrokerUnavailable
from domain.study import StudyStatus
from model.versions import DEFAULT_VERSION
from worker.bootstrap import Collaborators
from worker.listening import published_address
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE
from worker.signs_of_life import SILENT_SECONDS

_NOT_HERE = "not running on this data folder"


def status(config: ConfigOption = None, data_dir: DataDirOption = None, json_output: JsonOption = False) -> None:
    """Show what needs a human read, studies, deliveries and commitment by state, queues, disk, model, what fails."""
    report = collect(Collaborators(settings_from(config, data_dir)))
    if json_output:
        print_json(report)
        return
    parts = [(name, _rows(value)) for name, value in report.items()]
    rows = [(f"{name} {key}".strip().replace("_", " "), item) for name, part in parts for key, item in part.items()]
    print_table(("what", "is"), rows)


def _rows(part: object) -> Mapping[str, object]:
    """Give one part of the report as the table shows it: by name."""
    if isinstance(part, dict):
        return {key: _in_one_cell(item) for key, item in part.items()}
    if isinstance(part, list):  # the processes
        return {f"{one['name']} {one['host']}:{one['pid']}": _words(one) for one in part}
    return {"": part}


def _in_one_cell(item: object) -> object:
    return ", ".join(f"{key} {value}" for key, value in item.items()) if isinstance(item, dict) else item


def _words(process: Mapping[str, object]) -> str:
    state = "SILENT, last seen" if process["is_silent"] else "last seen"
    return f"{state} {process['seen_at']}"


def collect(collaborators: Collaborators) -> dict[str, Any]:
    """Gather what `status` shows; a part that cannot be asked says so instead of stopping the rest."""
    settings, engine = collaborators.settings, collaborators.engine
    schema.require_newest(engine)
    instances, stored_bytes = overview.instances_kept(engine)
    by_status = overview.studies_by_status(engine)
    return {
        "needs_human_read": by_status[StudyStatus.FAILED.value],
        "studies": by_status,
        "deliveries": overview.deliveries_by_state(engine),
        "commitment_requests": commitment_requests.by_state(engine),
        "oldest_waiting_since": overview.oldest_waiting(engine),
        "instances": {"count": instances, "bytes": stored_bytes, "purged": overview.instances_purged(engine)},
        "queue": _queue_depths(collaborators),
        "disk": _disk(settings),
        "receiving": receiving(collaborators),
        "model": _models(collaborators),
        "listener": published_address(settings) or {"address": _NOT_HERE},
        "dicomweb": {"address": _web_address(settings, DICOMWEB, DICOMWEB_PATH)},
        "worklist": {"address": _web_address(settings, WORKLIST)},
        "destinations": settings.destination_places,
        "failing": _failing(collaborators),
        "processes": _processes(collaborators),
    }


def _disk(settings: Settings) -> dict[str, int | str]:
    try:
        disk = shutil.disk_usage(settings.service.data_dir)
    except OSError as error:
        return {"unavailable": f"{settings.service.data_dir}: {error.strerror}"}
    return {"free_bytes": disk.free, "total_bytes": disk.total}


def receiving(collaborators: Collaborators) -> dict[str, Any]:
    """Say whether instances are accepted, and how far it is to the marks where that changes."""
    engine, marks = collaborators.engine, collaborators.settings.back_pressure
    change = intake_load.latest_change(engine)
    stopped = intake_load.is_stopped(change)
    return {
        "state": f"stopped: {' and '.join(change.detail['obstacles'])}" if stopped and change else "accepting",
        "since": change.at if change else None,
        "waiting": intake_load.waiting(engine),
        "stops_above_waiting": marks.stop_above_waiting,
        "stops_below_free_megabytes": marks.stop_below_free_megabytes,
    }


def _failing(collaborators: Collaborators) -> dict[str, dict[str, Any]]:
    """Tell of the destinations, and the senders that are answered, whose last attempt failed, by name."""
    known = collaborators.settings.destination_places
    return {
        peer.name: {"since": peer.failing_since, "attempts": peer.failures, "paused_until": peer.paused_until}
        for peer in peers.failing(collaborators.engine)
        if peer.name in known or is_sender(peer.name)
    }


def _processes(collaborators: Collaborators) -> list[dict[str, Any]]:
    """List the service's processes, on whatever host; one that was killed stays for a day, silent."""
    now, silence = utc_now(), timedelta(seconds=SILENT_SECONDS)
    return [
        {
            "name": life.name,
            "host": life.host,
            "pid": life.pid,
            "started_at": life.started_at,
            "seen_at": life.seen_at,
            "is_silent": now - life.seen_at > silence,
        }
        for life in processes.listed(collaborators.engine)
    ]


def _web_address(settings: Settings, name: str, path: str = "") -> str:
    told = published(settings.run_dir / name)
    return _NOT_HERE if told is None else f"{told['address']}{path}"


def _queue_depths(collaborators: Collaborators) -> dict[str, int | str]:
    try:
        return {queue: collaborators.doorbell.depth(queue) for queue in (ANALYSE_QUEUE, DELIVER_QUEUE)}
    except BrokerUnavailable as error:
        return {"unavailable": str(error)}


def _models(collaborators: Collaborators) -> dict[str, str | None]:
    chosen = model_roles.versions_by_role(collaborators.engine)
    active = collaborators.settings.model.version or chosen.get(Role.ACTIVE) or DEFAULT_VERSION
    return {"version": active, "shadow": chosen.get(Role.SHADOW)}
