"""Who may associate, and what each peer may send: PS3.8 section 9.3.4 says how a refusal is worded."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pydicom.uid import SecondaryCaptureImageStorage

from domain.errors import ConfigurationInvalid

Network = IPv4Network | IPv6Network

_PERMANENT = 1
_TRANSIENT = 2
_SERVICE_USER = 1
_PRESENTATION = 3


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
LOCAL_LIMIT_EXCEEDED = Rejection(_TRANSIENT, _PRESENTATION, 2, "local limit exceeded")


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

    def reject(self, request: AssociationRequest, open_associations: int) -> Rejection | None:
        """Say how to reject, or None to admit; `open_associations` does not count the one that asks."""
        if not _listed(request.called_ae_title, self.called_ae_titles):
            return CALLED_AE_TITLE_NOT_RECOGNISED
        if not _listed(request.calling_ae_title, self.calling_ae_titles):
            return CALLING_AE_TITLE_NOT_RECOGNISED
        if self.networks and not _within(request.peer_address, self.networks):
            return PEER_ADDRESS_NOT_ACCEPTED
        if open_associations >= self.maximum_associations:
            return LOCAL_LIMIT_EXCEEDED
        return None

    def accepts_sop_class(self, calling_ae_title: str, sop_class_uid: str) -> bool:
        """Say whether this peer may send this SOP class."""
        if sop_class_uid != SecondaryCaptureImageStorage or self.sc_senders is None:
            return True
        return calling_ae_title.strip() in {title.strip() for title in self.sc_senders}


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
