import pytest

from dicom_gateway.association_policy import (
    CALLED_AE_TITLE_NOT_RECOGNISED,
    CALLING_AE_TITLE_NOT_RECOGNISED,
    LOCAL_LIMIT_EXCEEDED,
    PEER_ADDRESS_NOT_ACCEPTED,
    PEER_LIMIT_EXCEEDED,
    TLS_REQUIRED,
    AssociationPolicy,
    AssociationRequest,
    PeerProfile,
    Rejection,
    parse_networks,
)
from domain.errors import ConfigurationInvalid

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CR = "1.2.840.10008.5.1.4.1.1.1"
STRICT = AssociationPolicy(
    maximum_associations=2,
    called_ae_titles=("CXR",),
    calling_ae_titles=("MODALITY", "PACS "),
    networks=parse_networks(["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"]),
)


@pytest.mark.parametrize(
    ("called", "calling", "address", "open_associations", "rejection"),
    [
        ("CXR", "MODALITY", "192.0.2.9", 1, None),
        (" CXR ", "PACS", "198.51.100.7", 0, None),
        ("CXR", "MODALITY", "2001:db8::5", 0, None),
        ("CXR", "MODALITY", "::ffff:192.0.2.9", 0, None),
        ("cxr", "MODALITY", "192.0.2.9", 0, CALLED_AE_TITLE_NOT_RECOGNISED),
        ("CXR", "OTHER", "192.0.2.9", 0, CALLING_AE_TITLE_NOT_RECOGNISED),
        ("CXR", "MODALITY", "198.51.100.8", 0, PEER_ADDRESS_NOT_ACCEPTED),
        ("CXR", "MODALITY", "not an address", 0, PEER_ADDRESS_NOT_ACCEPTED),
        ("CXR", "MODALITY", "192.0.2.9", 2, LOCAL_LIMIT_EXCEEDED),
    ],
)
def test_a_request_is_held_against_every_rule(
    called: str, calling: str, address: str, open_associations: int, rejection: Rejection | None
) -> None:
    """Titles compare without padding and with case, addresses by network, and the limit comes last."""
    assert STRICT.reject(AssociationRequest(calling, called, address), open_associations) is rejection


def test_empty_lists_accept_any_peer() -> None:
    """A policy that names nobody lets everybody in, up to its limit."""
    policy = AssociationPolicy(maximum_associations=1)
    assert policy.reject(AssociationRequest("ANY", "THING", "203.0.113.1"), 0) is None
    assert policy.reject(AssociationRequest("ANY", "THING", "203.0.113.1"), 1) is LOCAL_LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("rejection", "fields"),
    [
        (CALLED_AE_TITLE_NOT_RECOGNISED, (1, 1, 7)),
        (CALLING_AE_TITLE_NOT_RECOGNISED, (1, 1, 3)),
        (PEER_ADDRESS_NOT_ACCEPTED, (1, 1, 1)),
        (LOCAL_LIMIT_EXCEEDED, (2, 3, 2)),
    ],
)
def test_rejections_have_the_numbers_of_the_standard(rejection: Rejection, fields: tuple[int, int, int]) -> None:
    """Result, source and reason are those of PS3.8 Table 9-21."""
    assert (rejection.result, rejection.source, rejection.reason) == fields


def test_secondary_capture_only_from_those_named() -> None:
    """Naming senders of Secondary Capture shuts out all others, for that SOP class alone."""
    open_to_all = AssociationPolicy(maximum_associations=1)
    named = AssociationPolicy(maximum_associations=1, sc_senders=("SCANNER",))
    nobody = AssociationPolicy(maximum_associations=1, sc_senders=())
    scanner, other = (AssociationRequest(title, "CXR", "192.0.2.1") for title in ("SCANNER ", "OTHER"))
    assert open_to_all.accepts_sop_class(other, SECONDARY_CAPTURE)
    assert named.accepts_sop_class(scanner, SECONDARY_CAPTURE)
    assert not named.accepts_sop_class(other, SECONDARY_CAPTURE)
    assert named.accepts_sop_class(other, CR)
    assert not nobody.accepts_sop_class(scanner, SECONDARY_CAPTURE)


def test_a_wrong_network_is_a_configuration_error() -> None:
    """What is neither an address nor a network is told at once."""
    with pytest.raises(ConfigurationInvalid, match="network"):
        parse_networks(["10.0.0.0/8", "ten"])


CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.2"
PROFILED = AssociationPolicy(
    maximum_associations=3,
    calling_ae_titles=("LISTED",),
    networks=parse_networks(["192.0.2.0/24"]),
    sc_senders=("LISTED",),
    peers=(
        PeerProfile("room-1", "ROOM", parse_networks(["198.51.100.1"]), maximum_associations=1, requires_tls=True),
        PeerProfile("room-2", "ROOM", parse_networks(["198.51.100.2"])),
        PeerProfile("digitiser", "DIGI", sop_classes=frozenset({SECONDARY_CAPTURE, MULTI_FRAME})),
        PeerProfile("monitor", "MONITOR", echo_only=True),
    ),
)


@pytest.mark.parametrize(
    ("request_", "of_peer", "rejection"),
    [
        (AssociationRequest("ROOM", "CXR", "198.51.100.1", is_secure=True), 0, None),
        (AssociationRequest("ROOM", "CXR", "198.51.100.1"), 0, TLS_REQUIRED),
        (AssociationRequest("ROOM", "CXR", "198.51.100.1", is_secure=True), 1, PEER_LIMIT_EXCEEDED),
        (AssociationRequest("ROOM", "CXR", "198.51.100.2"), 2, None),
        (AssociationRequest("ROOM", "CXR", "198.51.100.3"), 0, PEER_ADDRESS_NOT_ACCEPTED),
        (AssociationRequest("DIGI", "CXR", "192.0.2.1"), 0, None),
        (AssociationRequest("DIGI", "CXR", "198.51.100.1"), 0, PEER_ADDRESS_NOT_ACCEPTED),
        (AssociationRequest("LISTED", "CXR", "192.0.2.1"), 0, None),
        (AssociationRequest("OTHER", "CXR", "192.0.2.1"), 0, CALLING_AE_TITLE_NOT_RECOGNISED),
    ],
)
def test_a_profile_goes_before_the_rules_for_all(
    request_: AssociationRequest, of_peer: int, rejection: Rejection | None
) -> None:
    """Title and address choose the profile; without addresses of its own it has those of all; others have the rules."""
    assert PROFILED.reject(request_, of_peer, of_peer) is rejection


def test_the_limit_of_all_holds_for_named_peers_too() -> None:
    """A profile reserves no place."""
    assert PROFILED.reject(AssociationRequest("DIGI", "CXR", "192.0.2.1"), 3, 0) is LOCAL_LIMIT_EXCEEDED


def test_unnamed_peers_can_be_shut_out() -> None:
    """Then a profile is the only way in."""
    policy = AssociationPolicy(5, peers=(PeerProfile("room", "ROOM"),), accepts_unnamed_peers=False)
    assert policy.reject(AssociationRequest("ROOM", "CXR", "192.0.2.1"), 0) is None
    assert policy.reject(AssociationRequest("ANY", "CXR", "192.0.2.1"), 0) is CALLING_AE_TITLE_NOT_RECOGNISED


@pytest.mark.parametrize(
    ("title", "address", "accepted"),
    [
        ("DIGI", "192.0.2.1", {VERIFICATION, SECONDARY_CAPTURE, MULTI_FRAME, CT}),
        ("MONITOR", "192.0.2.1", {VERIFICATION}),
        ("ROOM", "198.51.100.2", {VERIFICATION, CR, CT}),
        ("LISTED", "192.0.2.1", {VERIFICATION, CR, SECONDARY_CAPTURE, CT}),
    ],
)
def test_each_peer_may_send_what_its_profile_says(title: str, address: str, accepted: set[str]) -> None:
    """A list of image classes says nothing of other services; multi-frame SC needs a name; an echo is an echo."""
    request = AssociationRequest(title, "CXR", address)
    asked = {VERIFICATION, CR, SECONDARY_CAPTURE, MULTI_FRAME, CT}
    assert {uid for uid in asked if PROFILED.accepts_sop_class(request, uid)} == accepted
