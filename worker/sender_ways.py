"""The way to a sender that is to be told something: by its profile, or because it is a destination too."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from config.peers import PeerSettings
from dicom_gateway.association_policy import AssociationPolicy, AssociationRequest
from dicom_gateway.association_scu import Destination
from worker.gateway_values import client_tls


class SenderWays:
    """Knows where senders listen. What came by TLS because it had to is not answered in the clear."""

    def __init__(
        self, policy: AssociationPolicy, peers: Mapping[str, PeerSettings], destinations: Iterable[Destination]
    ) -> None:
        self._policy = policy
        self._peers = peers
        self._destinations = tuple(destinations)

    def to(self, calling_ae_title: str, called_ae_title: str, peer_address: str) -> Destination | None:
        """Give the way to who called us so, from this address; None when none is known."""
        profile = self._policy.profile_of(AssociationRequest(calling_ae_title, called_ae_title, peer_address))
        place = self._peers[profile.name].answer_to if profile is not None else None
        if profile is not None and place is not None:
            return Destination(
                name=profile.name,
                ae_title=calling_ae_title,
                host=place.host,
                port=place.port,
                calling_ae_title=called_ae_title,
                tls=client_tls(place.tls),
            )
        must_be_secure = profile is not None and profile.requires_tls
        for known in self._destinations:
            if known.ae_title == calling_ae_title and (known.tls is not None or not must_be_secure):
                return replace(known, calling_ae_title=called_ae_title)
        return None
