"""Sending reports and files: what is said of success, refusal and absence."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ComputedRadiographyImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from dicom_gateway import storage_scu
from dicom_gateway.association_scu import Destination
from dicom_gateway.raw_peer import data_set_of, read_pdu
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from dicom_gateway.status import Status
from dicom_gateway.storage_scu import FileOutcome, send_files, send_instances, send_report
from dicom_gateway.verification import accepted_sop_classes, echo
from domain.errors import ConfigurationInvalid, InstanceInvalid, PeerBusy, PeerUnavailable, ReportRefused
from tests.integration.gateway.conftest import WAIT_SECONDS, Station
from tests.integration.gateway.instances import as_file, image, report, write_image

REPORT = report(Comprehensive3DSRStorage)


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[SimulatedPacs]:
    """Run a PACS that keeps files."""
    with SimulatedPacs(folder=tmp_path / "pacs") as running:
        yield running


@contextlib.contextmanager
def freezing_proxy(address: tuple[str, int]) -> Iterator[int]:
    """Pass an association request and its answer on, and then read no more."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def pass_on() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection(address) as upstream:
                upstream.sendall(read_pdu(client))
                client.sendall(read_pdu(upstream))
                over.wait(WAIT_SECONDS)

        proxy = threading.Thread(target=pass_on)
        proxy.start()
        yield listener.getsockname()[1]
        over.set()
        proxy.join(WAIT_SECONDS)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Hold a port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_a_report_arrives_byte_for_byte(pacs: SimulatedPacs, tmp_path: Path) -> None:
    """The data set is sent as it is encoded, and the outcome is success without a note."""
    outcome = send_report(pacs.as_destination(), REPORT)
    assert (outcome.sop_instance_uid, outcome.status, outcome.note) == ("1.2.826.0.9.1", 0, "")
    (arrived,) = (tmp_path / "pacs").rglob("*.dcm")
    (tmp_path / "sent.dcm").write_bytes(REPORT)
    assert data_set_of(arrived) == data_set_of(tmp_path / "sent.dcm")


def test_the_sender_says_who_it_is(pacs: SimulatedPacs) -> None:
    """The calling AE title is the one that the destination knows us by."""
    send_report(pacs.as_destination(calling_ae_title="TRIAGE"), REPORT)
    (attempt,) = pacs.attempts
    assert attempt.calling_ae_title == "TRIAGE"


def test_several_instances_share_an_association(pacs: SimulatedPacs, tmp_path: Path) -> None:
    """A report and a capture, from memory and from disk, are both stored, in order."""
    capture = write_image(tmp_path / "sc.dcm", SOPClassUID=SecondaryCaptureImageStorage, SOPInstanceUID="1.2.5")
    outcomes = send_instances(pacs.as_destination(), [REPORT, capture])
    assert [outcome.sop_instance_uid for outcome in outcomes] == ["1.2.826.0.9.1", "1.2.5"]
    assert [attempt.sop_instance_uid for attempt in pacs.attempts] == ["1.2.826.0.9.1", "1.2.5"]


def test_a_peer_that_takes_only_implicit_vr_gets_it() -> None:
    """An explicit VR report is sent in implicit VR when the peer takes nothing else."""
    with SimulatedPacs(transfer_syntaxes=[ImplicitVRLittleEndian]) as pacs:
        assert send_report(pacs.as_destination(), REPORT).status == Status.SUCCESS
        (arrived,) = pacs.reports
    assert arrived.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert arrived.SOPInstanceUID == "1.2.826.0.9.1"


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0x0111])
def test_a_warning_is_a_success_with_a_note(status: int) -> None:
    """The peer has stored it, and said something."""
    with SimulatedPacs(faults=Faults(refuse_status=status)) as pacs:
        outcome = send_report(pacs.as_destination(), REPORT)
    assert outcome.status == status
    assert f"0x{status:04X}" in outcome.note


@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0213])
def test_a_peer_out_of_resources_is_busy(status: int) -> None:
    """Statuses that may pass are transient."""
    with SimulatedPacs(faults=Faults(refuse_status=status)) as pacs, pytest.raises(PeerBusy) as busy:
        send_report(pacs.as_destination(), REPORT)
    assert busy.value.status == status


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122, 0x0124, 0x0117])
def test_a_refusal_is_for_good(status: int) -> None:
    """Statuses that cannot pass are never retried."""
    with SimulatedPacs(faults=Faults(refuse_status=status)) as pacs, pytest.raises(ReportRefused) as refused:
        send_report(pacs.as_destination(), REPORT)
    assert refused.value.status == status


def test_a_class_that_the_peer_does_not_take_is_refused_for_good() -> None:
    """No presentation context is told as 0122."""
    with SimulatedPacs(sop_classes=[EnhancedSRStorage]) as pacs, pytest.raises(ReportRefused) as refused:
        send_report(pacs.as_destination(), REPORT)
    assert refused.value.status == Status.SOP_CLASS_NOT_SUPPORTED
    assert pacs.attempts == ()


def test_one_refused_context_among_accepted_ones_is_told(tmp_path: Path) -> None:
    """What the peer takes is stored, then the instance without a context is refused with 0122."""
    capture = write_image(tmp_path / "sc.dcm", RLELossless, SOPClassUID=SecondaryCaptureImageStorage)
    with SimulatedPacs(transfer_syntaxes=[ExplicitVRLittleEndian]) as pacs:
        with pytest.raises(ReportRefused) as refused:
            send_instances(pacs.as_destination(), [REPORT, capture])
        assert len(pacs.attempts) == 1
    assert refused.value.status == Status.SOP_CLASS_NOT_SUPPORTED


def test_an_absent_peer_is_unavailable(silent_port: int) -> None:
    """Nobody listens: transient, with the address in words, for reports and for echo."""
    nobody = Destination("pacs", "PACS", "127.0.0.1", silent_port, "CXR")
    for attempt in (lambda: send_report(nobody, REPORT), lambda: echo(nobody)):
        with pytest.raises(PeerUnavailable, match=f"no connection to 127.0.0.1:{silent_port}"):
            attempt()


def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    """A host name that nobody knows may be known later."""
    with pytest.raises(PeerUnavailable, match="cannot be resolved"):
        send_report(Destination("pacs", "PACS", "no-such-host.invalid", 104, "CXR"), REPORT)


def test_a_peer_that_rejects_is_unavailable_and_says_why() -> None:
    """The peer's own reason is in the error."""
    with (
        SimulatedPacs(faults=Faults(refuse_association=True)) as pacs,
        pytest.raises(PeerUnavailable, match="Temporary congestion"),
    ):
        send_report(pacs.as_destination(), REPORT)


def test_a_peer_that_aborts_is_unavailable() -> None:
    """An abort instead of an answer is transient."""
    with SimulatedPacs(faults=Faults(abort_in_transfer=True)) as pacs, pytest.raises(PeerUnavailable):
        send_report(pacs.as_destination(), REPORT)


def test_a_peer_that_does_not_answer_is_unavailable() -> None:
    """The sender waits for its time-out and no longer."""
    with SimulatedPacs(faults=Faults(answer_delay_seconds=WAIT_SECONDS)) as pacs:
        host, port = pacs.address
        hasty = Destination("pacs", pacs.ae_title, host, port, "CXR", dimse_timeout_seconds=0.2)
        with pytest.raises(PeerUnavailable, match="in time"):
            send_report(hasty, REPORT)


def test_a_peer_that_accepts_connections_and_says_nothing_is_unavailable() -> None:
    """No answer to the association request ends with the ACSE time-out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        with pytest.raises(PeerUnavailable, match="not answered in time"):
            echo(Destination("pacs", "PACS", host, port, "CXR", acse_timeout_seconds=0.2))


def test_a_peer_that_stops_reading_does_not_hold_the_sender(tmp_path: Path) -> None:
    """A frozen peer, its buffers full in mid-transfer, is given up after the network time-out."""
    large = as_file(image(side=2500, SOPClassUID=SecondaryCaptureImageStorage))
    with SimulatedPacs() as pacs, freezing_proxy(pacs.address) as port:
        frozen = Destination(
            "pacs", "PACS", "127.0.0.1", port, "CXR", dimse_timeout_seconds=0.5, network_timeout_seconds=0.5
        )
        with pytest.raises(PeerUnavailable):
            send_instances(frozen, [large])


def test_bytes_that_are_no_dicom_file_are_not_sent(pacs: SimulatedPacs) -> None:
    """Nonsense is refused before an association is opened."""
    with pytest.raises(InstanceInvalid):
        send_report(pacs.as_destination(), b"nonsense")
    assert pacs.attempts == ()


def test_each_file_has_its_outcome(station: Station, tmp_path: Path) -> None:
    """Stored, refused, not negotiated and unreadable files are told apart, and progress is told for each."""
    bad = image(SOPInstanceUID="1.2.2")
    bad.StudyInstanceUID = ""
    (tmp_path / "bad.dcm").write_bytes(as_file(bad))
    (tmp_path / "text.txt").write_text("no DICOM")
    (tmp_path / "sr.dcm").write_bytes(REPORT)
    good = write_image(tmp_path / "good.dcm")
    paths = [good, tmp_path / "bad.dcm", tmp_path / "sr.dcm", tmp_path / "text.txt", tmp_path / "missing.dcm"]
    progress: list[FileOutcome] = []
    outcomes = send_files(station.as_destination(), paths, progress.append)
    by_name = {outcome.path.name: outcome for outcome in outcomes}
    assert progress == outcomes
    assert by_name["good.dcm"].is_stored
    assert by_name["bad.dcm"].status == Status.CANNOT_UNDERSTAND
    assert by_name["bad.dcm"].sop_instance_uid == "1.2.2"
    assert "not accepted" in by_name["sr.dcm"].error
    assert "DICOM" in by_name["text.txt"].error
    assert by_name["missing.dcm"].status is None
    assert [outcome.is_stored for outcome in outcomes].count(True) == 1


def test_mixed_classes_and_syntaxes_go_in_several_associations(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the presentation contexts do not fit one association, a second is opened, and all is stored."""
    monkeypatch.setattr(storage_scu, "MAXIMUM_CONTEXTS", 2)
    kinds = [
        (ComputedRadiographyImageStorage, ExplicitVRLittleEndian),
        (ComputedRadiographyImageStorage, RLELossless),
        (SecondaryCaptureImageStorage, ImplicitVRLittleEndian),
    ]
    paths = [
        write_image(tmp_path / f"{n}.dcm", syntax, SOPClassUID=sop_class, SOPInstanceUID=f"1.2.{n}")
        for n, (sop_class, syntax) in enumerate(kinds)
    ]
    outcomes = send_files(station.as_destination(), paths)
    assert all(outcome.is_stored for outcome in outcomes)
    assert [closed.stored for closed in station.wait_closed(2)] == [2, 1]
    assert {received.transfer_syntax_uid for received in station.received} == {syntax for _, syntax in kinds}


def test_files_after_a_lost_association_are_told(tmp_path: Path) -> None:
    """What was stored before the abort is success; the file in hand and the rest are errors, not retried."""
    paths = [write_image(tmp_path / f"{n}.dcm", SOPInstanceUID=f"1.2.{n}") for n in range(4)]
    with SimulatedPacs() as pacs:

        def abort_from_now(outcome: FileOutcome) -> None:
            pacs.set_faults(Faults(abort_in_transfer=True))

        outcomes = send_files(pacs.as_destination(), paths, abort_from_now)
        assert len(pacs.attempts) == 2
    assert [outcome.is_stored for outcome in outcomes] == [True, False, False, False]


def test_files_for_nobody_are_told(silent_port: int, tmp_path: Path) -> None:
    """Without a peer each file has the reason."""
    nobody = Destination("pacs", "PACS", "127.0.0.1", silent_port, "CXR")
    outcomes = send_files(nobody, [write_image(tmp_path / "a.dcm"), write_image(tmp_path / "b.dcm")])
    assert all("no connection" in outcome.error for outcome in outcomes)
    assert len(outcomes) == 2


def test_the_peer_is_asked_what_it_takes() -> None:
    """The order is the asker's, and a peer that takes none of them is no error."""
    with SimulatedPacs(sop_classes=[EnhancedSRStorage, ComprehensiveSRStorage]) as pacs:
        wanted = [Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage]
        assert accepted_sop_classes(pacs.as_destination(), wanted) == (ComprehensiveSRStorage, EnhancedSRStorage)
        assert accepted_sop_classes(pacs.as_destination(), [Comprehensive3DSRStorage]) == ()
        assert pacs.attempts == ()


def test_senders_share_nothing(pacs: SimulatedPacs) -> None:
    """Many reports sent at once all arrive."""
    outcomes: list[int] = []

    def send(number: int) -> None:
        outcomes.append(
            send_report(pacs.as_destination(), report(Comprehensive3DSRStorage, sop_instance=f"1.2.{number}")).status
        )

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(WAIT_SECONDS)
    assert outcomes == [0] * 8
    assert len(pacs.wait_for_reports(8, WAIT_SECONDS)) == 8


@pytest.mark.parametrize("change", [{"ae_title": "SEVENTEEN_LETTERS"}, {"ae_title": " "}, {"port": 0}, {"port": 65536}])
def test_a_destination_that_cannot_be_is_a_configuration_error(change: dict[str, object]) -> None:
    """Wrong titles and ports are told at once, not at the first report."""
    values: dict[str, object] = {"ae_title": "PACS", "port": 104}
    with pytest.raises(ConfigurationInvalid):
        Destination("pacs", host="127.0.0.1", calling_ae_title="CXR", **(values | change))  # type: ignore[arg-type]
