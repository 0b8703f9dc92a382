"""A worker that went deaf: connected, idle, and taking no message while messages wait.

The database loses nothing by it, but nobody would notice either: the process lives, and the sweep does not ring again
while the queue holds messages.
"""

import threading
import time
from collections.abc import Callable

import structlog

from domain.errors import BrokerUnavailable

_log = structlog.get_logger()
#: Seconds between two looks at the queues.
_LOOK_SECONDS = 5.0


class Hearing:
    """Watches that messages which wait are taken, from a thread of its own."""

    def __init__(
        self,
        depth: Callable[[], int],
        longest_silence_seconds: float,
        end: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`depth` counts the messages that wait and raises BrokerUnavailable; `end` ends the process at once.

        The silence must be longer than the longest task: until then all of the pool may be busy.
        """
        self._depth = depth
        self._longest_silence_seconds = longest_silence_seconds
        self._end = end
        self._clock = clock
        self._silent_since = clock()

    def heard(self) -> None:
        """Note that a message was taken."""
        self._silent_since = self._clock()

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set."""
        while not stop.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """End the process when messages waited, and none was taken, for too long."""
        try:
            waiting = self._depth()
        except BrokerUnavailable:
            waiting = 0  # a broker that is away has nothing to say
        if waiting == 0:
            self.heard()
            return
        silence = self._clock() - self._silent_since
        if silence > self._longest_silence_seconds:
            _log.error("worker_deaf", waiting=waiting, seconds=round(silence))
            self._end()
