"""Opens again what a reader took and never finished: nobody else could read it."""

import threading
from datetime import timedelta

import structlog

from db import reading
from db.session import Engine
from domain.clock import utc_now
from domain.errors import Transient

_log = structlog.get_logger()
#: Seconds between two looks; claims are counted in minutes.
_LOOK_SECONDS = 20.0


class Claims:
    """Looks for claims that are too old. Several may run: each claim ends once."""

    def __init__(self, engine: Engine, longest_minutes: int) -> None:
        """0 minutes: claims never end by themselves."""
        self._engine = engine
        self._longest = timedelta(minutes=longest_minutes)

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while self._longest and not stop.is_set():
            self.look()
            stop.wait(_LOOK_SECONDS)

    def look(self) -> None:
        """Open what is held for too long; a database that is away is asked again at the next look."""
        try:
            opened = reading.expire(self._engine, self._longest, utc_now())
        except Transient as error:
            _log.warning("claims_wait", error=type(error).__name__)
            return
        if opened:
            _log.info("claims_expired", studies=opened)
