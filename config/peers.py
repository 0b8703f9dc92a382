"""Senders known beforehand: one table [peers.NAME] of the settings file for each."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, PositiveInt

from config.section import AeTitle, Host, PeerPort, Section
from config.tls import DestinationTlsSettings

#: The name of a table, for logs.
PeerName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
#: Names of the storage SOP classes that the listener can take.
ImageClass = Literal["CR", "DX", "DX_FOR_PROCESSING", "SC", "MULTIFRAME_SC"]


class AnswerSettings(Section):
    """Where a sender listens for answers."""

    host: Host
    port: PeerPort
    tls: DestinationTlsSettings | None = None


class PeerSettings(Section):
    """One sender."""

    ae_title: AeTitle
    addresses: tuple[IPvAnyNetwork, ...] = ()
    sop_classes: tuple[ImageClass, ...] = ()
    maximum_associations: PositiveInt | None = None
    require_tls: bool = False
    echo_only: bool = False
    answer_to: AnswerSettings | None = None


def contradictions(peers: Mapping[str, PeerSettings]) -> Iterator[str]:
    """Give in words what cannot hold: an association must belong to one profile only."""
    for name, peer in peers.items():
        if peer.echo_only and peer.sop_classes:
            yield f"peers.{name}: echo_only and sop_classes contradict each other"
        if peer.echo_only and peer.answer_to:
            yield f"peers.{name}: echo_only and answer_to contradict each other"
        if peer.require_tls and peer.answer_to and not peer.answer_to.tls:
            yield f"peers.{name}: require_tls needs answer_to.tls, or its answers would go in the clear"
    for (name, peer), (other_name, other) in combinations(peers.items(), 2):
        if peer.ae_title == other.ae_title and _overlap(peer, other):
            pair = f"peers.{name} and peers.{other_name}"
            yield f"{pair} share the AE title {peer.ae_title}: give each addresses of its own"


def _overlap(peer: PeerSettings, other: PeerSettings) -> bool:
    if not peer.addresses or not other.addresses:
        return True
    pairs = ((a, b) for a in peer.addresses for b in other.addresses if a.version == b.version)
    return any(a.overlaps(b) for a, b in pairs)
