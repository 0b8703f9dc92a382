import pytest

from dicom_gateway.association_policy import (
    CALLED_AE_TITLE_NOT_RECOGNISED,
    CALLING_AE_TITLE_NOT_RECOGNISED,
    LOCAL_LIMIT_EXCEEDED,
    PEER_ADDRESS_NOT_ACCEPTED,
    AssociationPolicy,
    AssociationRequest,
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
    assert open_to_all.accepts_sop_class("ANY", SECONDARY_CAPTURE)
    assert named.accepts_sop_class("SCANNER ", SECONDARY_CAPTURE)
    assert not named.accepts_sop_class("OTHER", SECONDARY_CAPTURE)
    assert named.accepts_sop_class("OTHER", CR)
    assert not nobody.accepts_sop_class("SCANNER", SECONDARY_CAPTURE)


def test_a_wrong_network_is_a_configuration_error() -> None:
    """What is neither an address nor a network is told at once."""
    with pytest.raises(ConfigurationInvalid, match="network"):
        parse_networks(["10.0.0.0/8", "ten"])
