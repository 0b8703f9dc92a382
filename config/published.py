"""The files in which a process says where it listens on this data folder: port 0 takes any."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: By name in the folder `Settings.run_dir`.
LISTENER, WORKLIST, DICOMWEB = "listener.json", "worklist.json", "dicomweb.json"


def publish(file: Path, told: Mapping[str, Any]) -> None:
    """Say where this process listens, in one step: no reader sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({**told, "pid": os.getpid()}))
    temporary.replace(file)


def published(file: Path) -> dict[str, Any] | None:
    """Give what a process said that still runs; None where none does."""
    told = _read(file)
    if told is None:
        return None
    try:
        os.kill(told["pid"], 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it runs, as somebody else
        pass
    return told


def withdraw(file: Path) -> None:
    """Take back what this process published, unless another has published its own since."""
    told = _read(file)
    if told is not None and told["pid"] == os.getpid():
        file.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any] | None:
    """Give what the file says; None where it is missing, or says nothing that one of our processes wrote."""
    try:
        told = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    is_ours = isinstance(told, dict) and isinstance(told.get("pid"), int) and told["pid"] > 0
    return told if is_ours else None
