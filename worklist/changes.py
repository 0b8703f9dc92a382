"""Notices that something changed: one look at the database a second, however many pages are open."""

import asyncio

import structlog
from fastapi.concurrency import run_in_threadpool

from db import worklist
from db.session import Engine
from domain.errors import Transient

_log = structlog.get_logger()
_LOOK_SECONDS = 1.0
#: A page that waits hears something at least so often, so that a connection that broke is noticed.
_LONGEST_SILENCE_SECONDS = 20.0


class Changes:
    """The number of the newest event, and a way to wait for the next."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.number = 0
        self.is_over = False
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                number = await run_in_threadpool(worklist.newest_event, self._engine)
            except Transient as error:
                _log.warning("changes_wait", error=type(error).__name__)
            else:
                await self._tell(number)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _tell(self, number: int) -> None:
        if number != self.number:
            self.number = number
            async with self._changed:
                self._changed.notify_all()

    async def end(self) -> None:
        """Let everybody who waits go."""
        self.is_over = True
        async with self._changed:
            self._changed.notify_all()

    async def after(self, seen: int) -> int:
        """Give the number once it is another than `seen`, or, after a while, `seen`."""
        try:
            async with asyncio.timeout(_LONGEST_SILENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self.number != seen or self.is_over)
        except TimeoutError:
            return seen
        return self.number
