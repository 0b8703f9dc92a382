"""The simulated PACS does what a PACS does, and each fault does what it says."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import Comprehensive3DSRStorage, ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from dicom_gateway.association_scu import Proposal, associated
from dicom_gateway.raw_peer import (
    ABORT,
    COMMAND,
    DATA,
    DATA_SET,
    LAST,
    RawPeer,
    command,
    data_pdu,
    pdu,
    value,
)
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from dicom_gateway.status import Status
from dicom_gateway.storage_scu import send_report
from dicom_gateway.verification import echo
from domain.errors import ConfigurationInvalid, PeerBusy, PeerUnavailable
from tests.integration.gateway.conftest import WAIT_SECONDS, Station
from tests.integration.gateway.instances import UIDS, report, write_image

REPORT = report(Comprehensive3DSRStorage, sop_instance="1.2.9")


@pytest.fixture
def pacs() -> Iterator[SimulatedPacs]:
    """Run a PACS without faults."""
    with SimulatedPacs() as running:
        yield running


def test_a_report_is_kept_once_and_counted_each_time(pacs: SimulatedPacs) -> None:
    """Sent twice, a report is one report and two attempts."""
    for _ in range(2):
        send_report(pacs.as_destination("TRIAGE"), REPORT)
    (kept,) = pacs.wait_for_reports(1, WAIT_SECONDS)
    assert kept.SOPInstanceUID == "1.2.9"
    assert pacs.times_sent("1.2.9") == 2
    first, _ = pacs.attempts
    assert (first.calling_ae_title, first.status, first.is_kept) == ("TRIAGE", Status.SUCCESS, True)
    assert first.sop_class_uid == Comprehensive3DSRStorage


def test_images_are_kept_and_are_no_reports(pacs: SimulatedPacs, tmp_path: Path) -> None:
    """Images are among the instances only."""
    pacs.send_studies(pacs.as_destination(), [write_image(tmp_path / "image.dcm")])
    assert len(pacs.instances) == 1
    assert pacs.reports == ()


def test_what_arrives_is_written_below_the_folder(tmp_path: Path) -> None:
    """A folder, once given, holds readable DICOM files by study."""
    with SimulatedPacs(folder=tmp_path / "archive") as pacs:
        send_report(pacs.as_destination(), REPORT)
    assert dcmread(tmp_path / "archive" / UIDS.study / "1.2.9.dcm").SOPInstanceUID == "1.2.9"


def test_waiting_in_vain_says_how_many_came(pacs: SimulatedPacs) -> None:
    """A time-out tells the count."""
    send_report(pacs.as_destination(), REPORT)
    with pytest.raises(TimeoutError, match="1 of 2"):
        pacs.wait_for_reports(2, 0.01)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(refuse_association=True, fault_count=2), PeerUnavailable),
        (Faults(refuse_status=0xA700, fault_count=2), PeerBusy),
        (Faults(abort_in_transfer=True, fault_count=2), PeerUnavailable),
    ],
)
def test_a_counted_fault_ends(pacs: SimulatedPacs, faults: Faults, error: type[Exception]) -> None:
    """The first two attempts meet the fault, the third is stored."""
    pacs.set_faults(faults)
    for _ in range(2):
        with pytest.raises(error):
            send_report(pacs.as_destination(), REPORT)
    assert pacs.reports == ()
    send_report(pacs.as_destination(), REPORT)
    assert len(pacs.reports) == 1


def test_an_abort_is_noted_without_a_status(pacs: SimulatedPacs) -> None:
    """The attempt that was aborted is remembered as such."""
    pacs.set_faults(Faults(abort_in_transfer=True))
    with pytest.raises(PeerUnavailable):
        send_report(pacs.as_destination(), REPORT)
    (attempt,) = pacs.wait_for_attempts(1, WAIT_SECONDS)
    assert (attempt.status, attempt.is_kept) == (None, False)


def test_an_abort_comes_in_mid_transfer(pacs: SimulatedPacs) -> None:
    """The A-ABORT is there while the data set is not: its last fragment is never sent. Then the PACS serves on."""
    pacs.set_faults(Faults(abort_in_transfer=True, fault_count=1))
    with RawPeer(pacs.address) as peer:
        peer.associate()
        peer.send(data_pdu(COMMAND | LAST, command()))
        peer.send(data_pdu(DATA_SET, b"\0" * 1000))
        assert peer.receive()[0] == ABORT
        assert peer.receive()[0] == 0
    (attempt,) = pacs.wait_for_attempts(1, WAIT_SECONDS)
    assert (attempt.sop_instance_uid, attempt.status, attempt.is_kept) == (UIDS.sop_instance, None, False)
    send_report(pacs.as_destination(), REPORT)
    assert pacs.most_open == 1


def test_associations_are_counted_until_their_callers_end_them(pacs: SimulatedPacs) -> None:
    """Three one after the other are one at a time, whatever their connections do; two at once are two."""
    for _ in range(3):
        send_report(pacs.as_destination(), REPORT)
    assert pacs.most_associations == 1
    with associated(pacs.as_destination(), [Proposal(Verification, (ImplicitVRLittleEndian,))]) as assoc:
        assert assoc.send_c_echo().Status == Status.SUCCESS
        send_report(pacs.as_destination(), REPORT)
    assert pacs.most_associations == 2


def test_a_store_in_one_pdu_is_aborted_too(pacs: SimulatedPacs) -> None:
    """Command set and whole data set in one PDU: there is no middle, but there is no answer either, and one attempt."""
    pacs.set_faults(Faults(abort_in_transfer=True))
    with RawPeer(pacs.address) as peer:
        peer.associate()
        peer.send(pdu(DATA, value(COMMAND | LAST, command()) + value(DATA_SET | LAST, b"\0" * 100)))
        assert peer.receive()[0] == ABORT
    assert [attempt.status for attempt in pacs.wait_for_attempts(1, WAIT_SECONDS)] == [None]


def test_a_whole_large_image_is_one_aborted_attempt(pacs: SimulatedPacs, tmp_path: Path) -> None:
    """A sender that does not listen while it sends is counted once."""
    pacs.set_faults(Faults(abort_in_transfer=True))
    image = write_image(tmp_path / "image.dcm", Rows=1500, Columns=1500, PixelData=b"\0" * 1500 * 1500 * 2)
    (outcome,) = pacs.send_studies(pacs.as_destination(), [image])
    assert not outcome.is_stored
    assert [attempt.is_kept for attempt in pacs.wait_for_attempts(1, WAIT_SECONDS)] == [False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"answer_delay_seconds": -1.0}, "0 to"),
        ({"answer_delay_seconds": math.inf}, "0 to"),
        ({"away_seconds": math.nan}, "0 to"),
        ({"refuse_status": 0x0000}, "0x0000"),
        ({"refuse_status": 0xFF00}, "0xFF00"),
        ({"refuse_status": 0x12345}, "0x12345"),
        ({"refuse_status": 0xA700, "answer_and_drop": True}, "choose one"),
        ({"refuse_association": True, "abort_in_transfer": True}, "choose one"),
        ({"abort_in_transfer": True, "answer_delay_seconds": 1.0}, "never answers"),
        ({"fault_count": 3}, "needs a fault"),
        ({"fault_count": 0, "answer_and_drop": True}, "above 0"),
    ],
)
def test_faults_that_cannot_be_met_are_refused(settings: dict[str, Any], words: str) -> None:
    """What makes no sense, alone or together, is said at once."""
    with pytest.raises(ConfigurationInvalid, match=words):
        Faults(**settings)


def test_a_dropped_report_was_acknowledged(pacs: SimulatedPacs) -> None:
    """Success is answered, and nothing is kept."""
    pacs.set_faults(Faults(answer_and_drop=True))
    assert send_report(pacs.as_destination(), REPORT).status == Status.SUCCESS
    (attempt,) = pacs.attempts
    assert (attempt.status, attempt.is_kept) == (Status.SUCCESS, False)
    assert pacs.reports == ()


def test_a_slow_answer_comes(pacs: SimulatedPacs) -> None:
    """A delay within the sender's patience changes nothing else."""
    pacs.set_faults(Faults(answer_delay_seconds=0.05))
    assert send_report(pacs.as_destination(), REPORT).status == Status.SUCCESS


def test_stopping_cuts_a_delay_short(pacs: SimulatedPacs) -> None:
    """Nobody waits for a PACS that is going down."""
    pacs.set_faults(Faults(answer_delay_seconds=10 * WAIT_SECONDS))
    pacs.stop()
    pacs.stop()


def test_a_pacs_that_is_away_refuses_connections_until_it_is_back() -> None:
    """The port is known at once; nobody listens on it before the time is over."""
    with SimulatedPacs(faults=Faults(away_seconds=0.5)) as pacs:
        with pytest.raises(PeerUnavailable, match="no connection"):
            echo(pacs.as_destination())
        for _ in range(10_000):
            try:
                echo(pacs.as_destination())
            except PeerUnavailable:
                continue
            return
        pytest.fail("the PACS never came back")


def test_a_pacs_that_is_away_can_be_stopped() -> None:
    """Stopping before it ever listened leaves nothing behind."""
    pacs = SimulatedPacs(faults=Faults(away_seconds=10 * WAIT_SECONDS))
    pacs.start()
    pacs.stop()
    with pytest.raises(PeerUnavailable):
        echo(pacs.as_destination())


def test_a_pacs_comes_back_on_its_port(pacs: SimulatedPacs) -> None:
    """Stopped and started again, it has the same address and its memory."""
    send_report(pacs.as_destination(), REPORT)
    address = pacs.address
    pacs.stop()
    with pytest.raises(PeerUnavailable):
        echo(pacs.as_destination())
    pacs.start()
    assert pacs.address == address
    echo(pacs.as_destination())
    assert len(pacs.reports) == 1


def test_studies_go_to_the_service(pacs: SimulatedPacs, station: Station, tmp_path: Path) -> None:
    """A folder is sent whole, in the order of its names."""
    (tmp_path / "study" / "series").mkdir(parents=True)
    for n in range(3):
        write_image(tmp_path / "study" / "series" / f"{n}.dcm", SOPInstanceUID=f"1.2.{n}")
    outcomes = pacs.send_studies(station.as_destination(), tmp_path / "study")
    assert [outcome.status for outcome in outcomes] == [0, 0, 0]
    assert [received.sop_instance_uid for received in station.received] == ["1.2.0", "1.2.1", "1.2.2"]
