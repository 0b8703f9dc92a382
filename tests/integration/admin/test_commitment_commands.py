"""What people see of storage commitment on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from admin.cli import build_app
from admin.keeping_check import how_it_confirms
from config.destinations import DestinationSettings
from db import commitment_requests, schema
from db.commitment_requests import NewRequest
from db.session import make_engine
from dicom_gateway.association_policy import AssociationPolicy, PeerProfile
from dicom_gateway.pacs_commitment import CommitmentManners
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from domain.clock import utc_now
from domain.commitment import SopReference
from domain.errors import Rejected


def _run(*words: str) -> str:
    result = CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_request_that_failed_is_listed_and_answered_again_by_command(tmp_path: Path) -> None:
    """With its reason; `status` counts it."""
    engine = make_engine(f"sqlite:///{tmp_path / 'cxr-triage.sqlite'}")
    schema.upgrade(engine)
    asked = (SopReference("1.2.840.10008.5.1.4.1.1.1", "1.2.3"),)
    new = NewRequest("ROOM1", "CXR_TRIAGE", "127.0.0.1", "1.2.9", asked, utc_now())
    request_id = commitment_requests.record(engine, new, utc_now())
    claim = commitment_requests.claim(engine, request_id, "t", utc_now(), utc_now() - utc_now())
    assert claim is not None
    commitment_requests.fail(engine, claim, "no address is known for ROOM1")
    place = ("--data-dir", str(tmp_path))
    (listed,) = json.loads(_run("commitments", "list", "--state", "FAILED", "--json", *place))
    assert (listed["calling_ae_title"], listed["instances"]) == ("ROOM1", 1)
    assert listed["last_error"] == "no address is known for ROOM1"
    assert json.loads(_run("status", "--json", *place))["commitment_requests"]["FAILED"] == 1
    assert "1 of 1" in _run("commitments", "answer", "--failed", *place)
    assert json.loads(_run("commitments", "list", "--json", *place))[0]["state"] == "PENDING"
    with pytest.raises(Rejected, match="--failed"):
        _run("commitments", "answer", *place)
    engine.dispose()


def _found(
    confirming: PacsConfirming, admitted: tuple[str, ...] = (), peers: tuple[PeerProfile, ...] = (), **wishes: Any
) -> str:
    policy = AssociationPolicy(maximum_associations=1, calling_ae_titles=admitted, peers=peers)
    with SimulatedPacs("SIMPACS", confirming=confirming) as pacs:
        host, port = pacs.address
        settings = DestinationSettings(name="pacs", ae_title="SIMPACS", host=host, port=port, **wishes)
        return how_it_confirms(settings, policy, pacs.as_destination())


@pytest.mark.parametrize(
    ("confirming", "wishes", "words"),
    [
        (PacsConfirming(), {}, "its deliveries stay SENT"),
        (PacsConfirming(answers_queries=True), {}, "C-FIND"),
        (PacsConfirming(CommitmentManners()), {}, "storage commitment"),
        (PacsConfirming(CommitmentManners(), answers_queries=True), {}, ", else C-FIND"),
        (PacsConfirming(CommitmentManners()), {"commitment": "off"}, "its deliveries stay SENT"),
    ],
)
def test_doctor_says_how_it_is_known_that_a_pacs_keeps_reports(
    confirming: PacsConfirming, wishes: dict[str, Any], words: str
) -> None:
    """Before the first report is sent."""
    assert words in _found(confirming, **wishes)


def test_doctor_says_when_the_answer_of_a_pacs_would_find_our_door_closed() -> None:
    """It may not call us, or only to verify: every request for commitment would stay without an answer."""
    for peers in ((), (PeerProfile("monitor", "SIMPACS", echo_only=True),)):
        with pytest.raises(Rejected, match="SIMPACS may not call our listener"):
            _found(PacsConfirming(CommitmentManners()), ("ROOM1",), peers)
    named = (PeerProfile("pacs", "SIMPACS"),)
    assert "storage commitment" in _found(PacsConfirming(CommitmentManners()), ("ROOM1",), named)
