"""What is negotiated is what can be decoded; a sender of anything else hears so before it sends."""

from collections.abc import Callable

import pytest
from pydicom import uid

from dicom_gateway.association_scu import NoContextAccepted, Proposal, accepted_pairs, associated
from dicom_gateway.decode import SUPPORTED_TRANSFER_SYNTAXES
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from tests.integration.gateway.conftest import Station

CR, DX = uid.ComputedRadiographyImageStorage, uid.DigitalXRayImageStorageForPresentation


def test_every_syntax_that_is_decoded_is_taken_alone_but_for_deflated(make_station: Callable[..., Station]) -> None:
    """One presentation context for each decodable syntax: all are accepted, deflated is not."""
    station = make_station(transfer_syntaxes=RECEIVED_TRANSFER_SYNTAXES)
    proposals = [Proposal(CR, (syntax,)) for syntax in SUPPORTED_TRANSFER_SYNTAXES]
    with associated(station.as_destination(), proposals) as assoc:
        taken = {syntax for _, syntax in accepted_pairs(assoc)}
    assert taken == set(SUPPORTED_TRANSFER_SYNTAXES) - {str(uid.DeflatedExplicitVRLittleEndian)}


@pytest.mark.parametrize(
    "syntax", [uid.DeflatedExplicitVRLittleEndian, uid.JPEG2000MC, uid.MPEG2MPML, "1.2.840.10008.1.2.4.94"]
)
def test_a_sender_of_one_undecodable_syntax_finds_no_context(make_station: Callable[..., Station], syntax: str) -> None:
    """The association is answered, the context is not taken, and nothing can be sent that could not be read."""
    station = make_station(transfer_syntaxes=RECEIVED_TRANSFER_SYNTAXES)
    with pytest.raises(NoContextAccepted), associated(station.as_destination(), [Proposal(DX, (syntax,))]):
        pass
    assert station.received == []


def test_a_sender_that_prefers_deflated_is_taken_by_its_other_syntax(make_station: Callable[..., Station]) -> None:
    """Deflated first and the default syntax second, in one context, as PS3.5 10.1 demands of it: the second is used."""
    station = make_station(transfer_syntaxes=RECEIVED_TRANSFER_SYNTAXES)
    both = (uid.DeflatedExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
    with associated(station.as_destination(), [Proposal(DX, both)]) as assoc:
        assert accepted_pairs(assoc) == {(str(DX), str(uid.ImplicitVRLittleEndian))}
