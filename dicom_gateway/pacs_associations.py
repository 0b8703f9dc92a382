"""How many associations the simulated PACS had at one time, as whoever called it can know them."""

import threading

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ABORT_RQ, A_RELEASE_RQ


class OpenAssociations:
    """Counts from an association's acceptance until its requestor releases or aborts it, or is gone. Thread-safe.

    A connection counts for longer: its end is noticed here only some time after the requestor has closed it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Association] = set()
        self._most = 0

    @property
    def most(self) -> int:
        """The most that were open at one time."""
        with self._lock:
            return self._most

    def handlers(self) -> list[evt.EventHandlerType]:
        """Give what is to be bound to the server."""
        return [
            (evt.EVT_ACCEPTED, lambda event: self._begin(event.assoc)),
            (evt.EVT_PDU_RECV, self._on_pdu),
            (evt.EVT_CONN_CLOSE, lambda event: self._end(event.assoc)),
        ]

    def _begin(self, assoc: Association) -> None:
        with self._lock:
            self._open.add(assoc)
            self._most = max(self._most, len(self._open))

    def _on_pdu(self, event: evt.Event) -> None:
        """Count no more what is released, in the DUL's thread: before whoever released it can know."""
        if isinstance(event.pdu, A_RELEASE_RQ | A_ABORT_RQ):
            self._end(event.assoc)

    def _end(self, assoc: Association) -> None:
        with self._lock:
            self._open.discard(assoc)
