"""The connections that are open now, on every port of the listener together."""

import threading
import time
from collections.abc import Iterator
from typing import Any

#: How long an aborted association may take to go before its socket is closed under it.
_ABORT_SECONDS = 2.0


class LiveAssociations:
    """The associations whose threads run, established or not. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # pynetdicom's Association is untyped here.
        self._live: set[Any] = set()

    def add(self, assoc: Any) -> None:  # noqa: ANN401 - a ReceivingAssociation
        """Count a connection."""
        with self._lock:
            self._live.add(assoc)

    def discard(self, assoc: Any) -> None:  # noqa: ANN401 - a ReceivingAssociation
        """Count a connection no more."""
        with self._lock:
            self._live.discard(assoc)

    def __len__(self) -> int:
        with self._lock:
            return len(self._live)

    def __iter__(self) -> Iterator[Any]:
        with self._lock:
            return iter(list(self._live))

    def end(self, grace_seconds: float) -> None:
        """Let them finish for `grace_seconds`, then abort them, then cut what is left."""
        self._join(grace_seconds)
        for assoc in self:
            if assoc.is_established:
                assoc.abort(block=False)
        self._join(_ABORT_SECONDS)
        for assoc in self:
            assoc.cut()

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for assoc in self:
            assoc.join(max(0.0, deadline - time.monotonic()))
