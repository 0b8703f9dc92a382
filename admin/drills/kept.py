"""The last result of each drill, kept in the data folder for whoever looks at the service later."""

import json
from pathlib import Path
from typing import Any

from config.settings import Settings


def keep(settings: Settings, report: dict[str, Any]) -> bool:
    """Keep what a run of drills found, beside what is known of other drills; False where there is no data folder."""
    if not settings.service.data_dir.is_dir():
        return False
    known = {one["name"]: one for one in kept(settings)}
    known |= {one["name"]: {"finished_at": report["finished_at"], **one} for one in report["drills"]}
    temporary = _file(settings).with_suffix(".tmp")
    temporary.write_text(json.dumps(sorted(known.values(), key=lambda one: one["name"]), indent=2) + "\n")
    temporary.replace(_file(settings))
    return True


def kept(settings: Settings) -> list[dict[str, Any]]:
    """Give the last result of each drill by name: `finished_at`, and what `drill --json` says of it."""
    try:
        found = json.loads(_file(settings).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _file(settings: Settings) -> Path:
    return settings.service.data_dir / "drills.json"
