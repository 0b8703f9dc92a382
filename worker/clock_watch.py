"""A clock that was set back leaves times far ahead in the database: they are looked for now and then."""

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from config.settings import Settings
from db.future_times import LongestWaits, bring_back
from db.session import Engine
from domain.clock import utc_now
from worker.attempts import LONGEST_ANALYSIS_WAIT_SECONDS
from worker.lanes import pauses_of

_log = structlog.get_logger()
#: Seconds between two looks.
_LOOK_SECONDS = 10.0


class ClockWatch:
    """Looks at the times that something waits for."""

    def __init__(self, engine: Engine, waits: LongestWaits, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds and is never set."""
        self._engine = engine
        self._waits = waits
        self._clock = clock
        self._next_look = clock()

    def look(self) -> None:
        """Look, unless that was done just now. Raises StoreUnavailable."""
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _LOOK_SECONDS
        brought_back = bring_back(self._engine, utc_now(), self._waits)
        if brought_back:
            _log.warning("clock_was_set_back", times_brought_back=brought_back)


def longest_waits(settings: Settings) -> LongestWaits:
    """Give how far ahead what waits may lie, by the settings."""
    analysis, delivery, commitment = settings.analysis, settings.delivery, settings.commitment
    confirmation = max(commitment.request_answer_seconds, delivery.longest_retry_seconds)
    return LongestWaits(
        analysis_retry=timedelta(seconds=LONGEST_ANALYSIS_WAIT_SECONDS),
        analysis_lease=timedelta(seconds=analysis.lease_seconds),
        delivery_retry=timedelta(seconds=max(delivery.first_retry_seconds, delivery.longest_retry_seconds)),
        delivery_lease=timedelta(seconds=delivery.lease_seconds),
        confirmation=timedelta(seconds=confirmation),
        pause=timedelta(seconds=pauses_of(delivery).longest_seconds),
        tolerance=timedelta(seconds=max(analysis.lease_margin_seconds, delivery.lease_margin_seconds)),
    )
