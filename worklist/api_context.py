"""What the API asks of the service behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config.settings import Settings


@dataclass(frozen=True, slots=True)
class ServiceBehind:
    """Given by who starts the worklist, which knows neither workers nor brokers."""

    settings: Settings
    #: What `cxr-triage status` shows.
    status: Callable[[], dict[str, Any]]
