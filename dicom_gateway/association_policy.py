"""Who may associate, and what each peer may send: PS3.8 section 9.3.4 says how a refusal is worded."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom.sop_class import Verification

from dicom_gateway.received_sop_classes import NAMED_SENDERS_ONLY, RECEIVED_SOP_CLASSES
from domain.errors import ConfigurationInvalid

Network = IPv4Network | IPv6Network

_PERMANENT = 1
_TRANSIENT = 2
_SERVICE_USER = 1
_PRESENTATION = 3
#: What a profile's list of SOP classes is about; the rest is not storage.
_IMAGES = frozenset(RECEIVED_SOP_CLASSES + NAMED_SENDERS_ONLY)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An A-ASSOCIATE-RJ, PS3.8 Table 9-21."""

    #: 1 rejected permanent, 2 rejected transient.
    result: int
    #: 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
    source: int
    #: Reason or diagnostic; its meaning depends on the source.
    reason: int
    #: For logs: what the rule was.
    words: str


CALLED_AE_TITLE_NOT_RECOGNISED = Rejection(_PERMANENT, _SERVICE_USER, 7, "called AE title not recognised")
CALLING_AE_TITLE_NOT_RECOGNISED = Rejection(_PERMANENT, _SERVICE_USER, 3, "calling AE title not recognised")
#: The standard has no reason for an address: 1 is "no reason given".
PEER_ADDRESS_NOT_ACCEPTED = Rejection(_PERMANENT, _SERVICE_USER, 1, "peer address not accepted")
#: Nor has it one for TLS.
TLS_REQUIRED = Rejection(_PERMANENT, _SERVICE_USER, 1, "this peer must use TLS")
LOCAL_LIMIT_EXCEEDED = Rejection(_TRANSIENT, _PRESENTATION, 2, "local limit exceeded")
PEER_LIMIT_EXCEEDED = Rejection(_TRANSIENT, _PRESENTATION, 2, "local limit exceeded for this peer")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses ("192.0.2.7") and CIDR networks ("192.0.2.0/24"); raises ConfigurationInvalid."""
    try:
        return tuple(ip_network(text.strip(), strict=False) for text in texts)
    except ValueError as error:
        raise ConfigurationInvalid(f"not an IP address or network: {error}") from error


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What is known of a peer when it asks for an association."""

    calling_ae_title: str
    called_ae_title: str
    #: Numeric IP address.
    peer_address: str
    #: Whether it came by TLS.
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class PeerProfile:
    """What is known of one sender beforehand; it goes before the rules for all."""

    #: For logs.
    name: str
    ae_title: str
    #: Where it may call from; empty: from where everybody may. Two profiles may share a title, not an address.
    networks: tuple[Network, ...] = ()
    #: The storage SOP classes that it may send; None: those that everybody may.
    sop_classes: frozenset[str] | None = None
    #: Most associations of its own at one time; None: as many as there are in all.
    maximum_associations: int | None = None
    requires_tls: bool = False
    #: It may verify the connection, and send nothing.
    echo_only: bool = False


@dataclass(frozen=True, slots=True)
class AssociationPolicy:
    """The rules of admission. An empty tuple accepts any; AE titles compare without outer spaces."""

    #: Most associations open at one time.
    maximum_associations: int
    called_ae_titles: tuple[str, ...] = ()
    calling_ae_titles: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    #: Calling AE titles that may send Secondary Capture; None lets all of them.
    sc_senders: tuple[str, ...] | None = None
    #: Peers with rules of their own.
    peers: tuple[PeerProfile, ...] = ()
    #: Whether peers without a profile may associate at all.
    accepts_unnamed_peers: bool = True

    def profile_of(self, request: AssociationRequest) -> PeerProfile | None:
        """Find the profile that names this title, and this address if it names any."""
        for peer in self._of_title(request.calling_ae_title):
            networks = peer.networks or self.networks
            if not networks or _within(request.peer_address, networks):
                return peer
        return None

    def reject(self, request: AssociationRequest, open_associations: int, open_of_peer: int = 0) -> Rejection | None:
        """Say how to reject, or None to admit.

        `open_associations` are those of all peers, `open_of_peer` those of this peer's profile; neither counts the
        one that asks.
        """
        if not _listed(request.called_ae_title, self.called_ae_titles):
            return CALLED_AE_TITLE_NOT_RECOGNISED
        if self._of_title(request.calling_ae_title):
            rejection = self._reject_named(request, open_of_peer)
        else:
            rejection = self._reject_unnamed(request)
        if rejection is None and open_associations >= self.maximum_associations:
            return LOCAL_LIMIT_EXCEEDED
        return rejection

    def serves_title(self, calling_ae_title: str) -> bool:
        """Say whether who calls by this title may do more than verify, from some address at least."""
        if named := self._of_title(calling_ae_title):
            return any(not peer.echo_only for peer in named)
        return self.accepts_unnamed_peers and _listed(calling_ae_title, self.calling_ae_titles)

    def accepts_sop_class(self, request: AssociationRequest, sop_class_uid: str) -> bool:
        """Say whether this peer may propose this SOP class."""
        peer = self.profile_of(request)
        if peer is not None and peer.echo_only:
            return sop_class_uid == str(Verification)
        if peer is not None and peer.sop_classes is not None and sop_class_uid in _IMAGES:
            return sop_class_uid in peer.sop_classes
        if sop_class_uid == SecondaryCaptureImageStorage and self.sc_senders is not None:
            return _listed(request.calling_ae_title, self.sc_senders) and bool(self.sc_senders)
        return sop_class_uid not in NAMED_SENDERS_ONLY

    def _of_title(self, calling_ae_title: str) -> list[PeerProfile]:
        return [peer for peer in self.peers if peer.ae_title.strip() == calling_ae_title.strip()]

    def _reject_named(self, request: AssociationRequest, open_of_peer: int) -> Rejection | None:
        peer = self.profile_of(request)
        if peer is None:
            return PEER_ADDRESS_NOT_ACCEPTED
        if peer.requires_tls and not request.is_secure:
            return TLS_REQUIRED
        if peer.maximum_associations is not None and open_of_peer >= peer.maximum_associations:
            return PEER_LIMIT_EXCEEDED
        return None

    def _reject_unnamed(self, request: AssociationRequest) -> Rejection | None:
        if not self.accepts_unnamed_peers or not _listed(request.calling_ae_title, self.calling_ae_titles):
            return CALLING_AE_TITLE_NOT_RECOGNISED
        if self.networks and not _within(request.peer_address, self.networks):
            return PEER_ADDRESS_NOT_ACCEPTED
        return None


def _listed(ae_title: str, accepted: tuple[str, ...]) -> bool:
    return not accepted or ae_title.strip() in {title.strip() for title in accepted}


def _within(peer_address: str, networks: tuple[Network, ...]) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(peer_address)
    except ValueError:
        return False
    # A socket that listens on IPv6 shows IPv4 peers as ::ffff:192.0.2.7.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)
