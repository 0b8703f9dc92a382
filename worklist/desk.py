"""What the pages know of the service beyond database and store: the commands' own functions, handed in by them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """Given by the command that serves the pages."""

    settings: Settings
    #: What `cxr-triage status` shows.
    status: Callable[[], dict[str, Any]]
    #: The last result of each drill of `cxr-triage drill`.
    drills: Callable[[], Sequence[dict[str, Any]]]
    #: Folder with one folder per model version.
    weights_root: Path
    #: Silence after which a process counts as gone.
    silence: timedelta
