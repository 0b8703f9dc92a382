"""Commands run in the test's own process, where nobody configured the log: it must not mix with what they print."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture(autouse=True)
def _nothing_of_a_command_stays() -> Iterator[None]:
    """A command of the service sets up the log, signals and the umask of its process, which here is the test's."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in signals.items():
        signal.signal(number, handler)
    os.umask(umask)
