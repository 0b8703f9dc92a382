"""Settings become what the gateway takes."""

from pathlib import Path
from typing import get_args

from config.load import load_settings
from config.peers import ImageClass
from dicom_gateway.association_policy import AssociationRequest
from dicom_gateway.received_sop_classes import SOP_CLASSES_BY_NAME
from dicom_gateway.tls import ClientTls, ServerTls
from worker.bootstrap import Collaborators, scp_config
from worker.gateway_values import all_tls

_SETTINGS = """
[listener]
maximum_pdu_bytes = 65536
accept_unnamed_peers = false
[listener.tls]
certificate = "cxr.pem"
key = "cxr.key"
ca = "senders.pem"
[peers.room-1]
ae_title = "ROOM1"
addresses = ["192.0.2.0/30"]
sop_classes = ["DX", "MULTIFRAME_SC"]
maximum_associations = 2
require_tls = true
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "pacs.example"
port = 2762
association_timeout_seconds = 5
network_timeout_seconds = 7
maximum_pdu_bytes = 16384
tls = { ca = "pacs.pem", certificate = "cxr.pem", key = "cxr.key", server_name = "archive.example" }
[[destinations]]
name = "old"
ae_title = "OLD"
host = "old.example"
port = 104
"""


def test_every_name_of_a_sop_class_is_known_to_the_gateway() -> None:
    """What may be written in a profile is what the listener can take."""
    assert set(get_args(ImageClass)) == set(SOP_CLASSES_BY_NAME)


def test_tls_peers_and_limits_arrive(tmp_path: Path) -> None:
    """By TLS alone there is no other port; a profile and limits are as written; a destination without TLS has none."""
    file = tmp_path / "cxr.toml"
    file.write_text(_SETTINGS)
    settings = load_settings(file)
    config = scp_config(settings)
    assert config.tls == ServerTls(Path("cxr.pem"), Path("cxr.key"), Path("senders.pem"))
    assert (config.port, config.tls_port, config.maximum_pdu_bytes) == (None, 2762, 65536)
    policy = config.policy
    (peer,) = policy.peers
    assert (peer.maximum_associations, peer.requires_tls) == (2, True)
    assert peer.sop_classes == {*SOP_CLASSES_BY_NAME["DX"], *SOP_CLASSES_BY_NAME["MULTIFRAME_SC"]}
    assert policy.profile_of(AssociationRequest("ROOM1", "CXR", "192.0.2.3")) is peer
    assert not policy.accepts_unnamed_peers
    destinations = Collaborators(settings).destinations
    pacs = destinations["pacs"]
    assert pacs.tls == ClientTls(
        Path("pacs.pem"), Path("cxr.pem"), Path("cxr.key"), checks_name=True, server_name="archive.example"
    )
    assert (pacs.acse_timeout_seconds, pacs.network_timeout_seconds, pacs.maximum_pdu_bytes) == (5, 7, 16384)
    assert destinations["old"].tls is None


def test_both_ports_are_open_during_a_change_over() -> None:
    """Also_plain keeps the port without TLS."""
    tls = {"certificate": "a.pem", "key": "a.key", "ca": "ca.pem", "also_plain": True, "port": 0}
    config = scp_config(load_settings(None, {"listener": {"tls": tls, "port": 104}}))
    assert (config.port, config.tls_port) == (104, 0)


_SENDERS = """
[listener.tls]
certificate = "cxr.pem"
key = "cxr.key"
ca = "senders.pem"
[peers.east]
ae_title = "ROOM"
addresses = ["192.0.2.1"]
answer_to = { host = "east.example", port = 2762, tls = { ca = "east.pem" } }
[peers.west]
ae_title = "ROOM"
addresses = ["192.0.2.2"]
require_tls = true
[peers.archive]
ae_title = "ARCHIVE"
require_tls = true
[[destinations]]
name = "old"
ae_title = "ROOM"
host = "old.example"
port = 104
[[destinations]]
name = "archive"
ae_title = "ARCHIVE"
host = "archive.example"
port = 2762
tls = { ca = "archive.pem" }
"""


def test_senders_are_answered_where_their_profile_says_and_never_in_the_clear_if_they_must_use_tls(
    tmp_path: Path,
) -> None:
    """Two of one title are told apart by address; a way in the clear is none for who must use TLS."""
    file = tmp_path / "cxr.toml"
    file.write_text(_SENDERS)
    ways = Collaborators(load_settings(file)).sender_ways
    east = ways.to("ROOM", "CXR_TRIAGE", "192.0.2.1")
    assert east is not None
    assert (east.host, east.port, east.ae_title, east.calling_ae_title) == ("east.example", 2762, "ROOM", "CXR_TRIAGE")
    assert east.tls == ClientTls(Path("east.pem"))
    assert ways.to("ROOM", "CXR_TRIAGE", "192.0.2.2") is None
    archive = ways.to("ARCHIVE", "CALLED_US_SO", "192.0.2.3")
    assert archive is not None
    assert (archive.host, archive.calling_ae_title, archive.tls) == (
        "archive.example",
        "CALLED_US_SO",
        ClientTls(Path("archive.pem")),
    )
    assert ways.to("UNKNOWN", "CXR_TRIAGE", "192.0.2.4") is None


def test_files_of_tls_to_senders_are_tried_at_the_start(tmp_path: Path) -> None:
    """Like those of the listener and of destinations."""
    file = tmp_path / "cxr.toml"
    file.write_text(_SENDERS)
    assert set(all_tls(load_settings(file))) == {"listener", "archive", "answers to east"}
