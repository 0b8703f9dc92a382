"""Associations as the rest of the service sees them, and the count of those that are open."""

import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicom_gateway.association_policy import AssociationPolicy, AssociationRequest, PeerProfile, Rejection
from domain.clock import utc_now


class AssociationEnd(StrEnum):
    """How an association ended."""

    RELEASED = "released"
    #: By A-ABORT of either side, by a time-out, or with the connection.
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class AssociationOpened:
    """An association that was admitted."""

    #: UUID, 32 hexadecimal digits.
    association_id: str
    request: AssociationRequest
    #: Aware, UTC.
    opened_at: datetime
    #: Of the peer's profile; empty without one.
    peer_name: str = ""


@dataclass(frozen=True, slots=True)
class AssociationClosed:
    """The end of an admitted association."""

    opened: AssociationOpened
    #: Aware, UTC.
    closed_at: datetime
    end: AssociationEnd
    #: Instances answered with success.
    stored: int
    #: Instances answered with a failure.
    refused: int


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """An association that was not admitted."""

    association_id: str
    request: AssociationRequest
    rejection: Rejection
    #: Aware, UTC.
    rejected_at: datetime
    #: Of the peer's profile; empty without one.
    peer_name: str = ""


@dataclass(slots=True)
class _Tally:
    opened: AssociationOpened
    peer: PeerProfile | None
    stored: int = 0
    refused: int = 0


class OpenAssociations:
    """Admits associations up to the policy's limits, and counts what each of them brings. Thread-safe."""

    def __init__(self, policy: AssociationPolicy) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._tallies: dict[str, _Tally] = {}

    def admit(self, association_id: str, request: AssociationRequest) -> AssociationOpened | AssociationRejected:
        """Decide by the policy; an admitted association counts as open until `close`."""
        now = utc_now()
        peer = self._policy.profile_of(request)
        name = "" if peer is None else peer.name
        with self._lock:
            of_peer = 0 if peer is None else sum(tally.peer is peer for tally in self._tallies.values())
            rejection = self._policy.reject(request, len(self._tallies), of_peer)
            if rejection is not None:
                return AssociationRejected(association_id, request, rejection, now, name)
            opened = AssociationOpened(association_id, request, now, name)
            self._tallies[association_id] = _Tally(opened, peer)
        return opened

    def opened(self, association_id: str) -> AssociationOpened:
        """Give an open association; raises KeyError when it is not open."""
        with self._lock:
            return self._tallies[association_id].opened

    def count(self, association_id: str, *, stored: bool) -> None:
        """Note one answered instance."""
        with self._lock:
            tally = self._tallies[association_id]
            if stored:
                tally.stored += 1
            else:
                tally.refused += 1

    def close(self, association_id: str, end: AssociationEnd) -> AssociationClosed | None:
        """Forget an association; None when it was never admitted."""
        with self._lock:
            tally = self._tallies.pop(association_id, None)
        if tally is None:
            return None
        return AssociationClosed(tally.opened, utc_now(), end, tally.stored, tally.refused)
