"""Who gets in, what the others hear, and that probes take nobody's place."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from dicom_gateway.association_policy import AssociationPolicy, parse_networks
from dicom_gateway.association_scu import Proposal, associated
from dicom_gateway.raw_peer import ASSOCIATE_RJ, RawPeer, association_request
from dicom_gateway.storage_scu import send_files
from dicom_gateway.verification import accepted_sop_classes, echo
from domain.errors import PeerUnavailable
from tests.integration.gateway.conftest import Station
from tests.integration.gateway.instances import write_image

CR = Proposal(ComputedRadiographyImageStorage, (ExplicitVRLittleEndian,))


@pytest.mark.parametrize(
    ("policy", "words", "fields"),
    [
        (AssociationPolicy(5, called_ae_titles=("OTHER",)), "Called AE title not recognised", (1, 1, 7)),
        (AssociationPolicy(5, calling_ae_titles=("OTHER",)), "Calling AE title not recognised", (1, 1, 3)),
        (AssociationPolicy(5, networks=parse_networks(["192.0.2.0/24"])), "No reason given", (1, 1, 1)),
        (AssociationPolicy(0), "Local limit exceeded", (2, 3, 2)),
    ],
)
def test_the_sender_hears_why_it_is_rejected(
    make_station: Callable[..., Station], policy: AssociationPolicy, words: str, fields: tuple[int, int, int]
) -> None:
    """Result, source and reason arrive as the policy gave them, and the rejection is told once."""
    station = make_station(policy)
    with pytest.raises(PeerUnavailable, match=words):
        echo(station.as_destination())
    with RawPeer(station.scp.address) as peer:
        peer.send(association_request())
        kind, body = peer.receive()
    assert kind == ASSOCIATE_RJ
    assert tuple(body[1:]) == fields
    first, second = station.rejected
    assert first.request.calling_ae_title == "MODALITY"
    assert second.request.calling_ae_title == "RAW"
    assert (first.rejection.result, first.rejection.source, first.rejection.reason) == fields
    assert station.opened == []


def test_a_peer_that_fits_every_rule_gets_in(make_station: Callable[..., Station], tmp_path: Path) -> None:
    """Named titles and a named network are accepted."""
    station = make_station(
        AssociationPolicy(5, ("CXR",), ("MODALITY",), parse_networks(["127.0.0.0/8"]), sc_senders=("MODALITY",))
    )
    paths = [
        write_image(tmp_path / "cr.dcm"),
        write_image(tmp_path / "sc.dcm", SOPClassUID=SecondaryCaptureImageStorage, SOPInstanceUID="1.2.9"),
    ]
    assert all(outcome.is_stored for outcome in send_files(station.as_destination(), paths))


def test_secondary_capture_is_negotiated_only_with_its_senders(make_station: Callable[..., Station]) -> None:
    """Others may send images, and find no context for Secondary Capture."""
    station = make_station(AssociationPolicy(5, sc_senders=("SCANNER",)))
    wanted = [ComputedRadiographyImageStorage, SecondaryCaptureImageStorage]
    assert accepted_sop_classes(station.as_destination(calling_ae_title="SCANNER"), wanted) == tuple(wanted)
    assert accepted_sop_classes(station.as_destination(), wanted) == (ComputedRadiographyImageStorage,)


def test_the_limit_counts_what_is_open(make_station: Callable[..., Station]) -> None:
    """A second association is turned away while the first stands, and welcome after it."""
    station = make_station(AssociationPolicy(1))
    with associated(station.as_destination(), [CR]), pytest.raises(PeerUnavailable, match="Local limit exceeded"):
        echo(station.as_destination())
    station.wait_closed(1)
    echo(station.as_destination())


def test_probes_take_no_place(make_station: Callable[..., Station]) -> None:
    """Health checks that connect without a word, and stay or go, leave the associations to senders."""
    station = make_station(AssociationPolicy(1))
    probes = [socket.create_connection(station.scp.address) for _ in range(10)]
    for probe in probes[:5]:
        probe.close()
    echo(station.as_destination())
    for probe in probes[5:]:
        probe.close()
    station.wait_closed(1)
    echo(station.as_destination())


def test_a_flood_of_connections_is_closed_and_forgotten(make_station: Callable[..., Station]) -> None:
    """Beyond the spare connections a new one is closed at once; when they go, all is well again."""
    station = make_station(AssociationPolicy(1), acse_timeout_seconds=1000.0)
    flood = [socket.create_connection(station.scp.address) for _ in range(40)]
    try:
        flood[-1].settimeout(10)
        assert flood[-1].recv(1) == b""
    finally:
        for connection in flood:
            connection.close()
    for attempt in range(100):
        try:
            echo(station.as_destination())
        except PeerUnavailable:
            assert attempt < 99
        else:
            break
