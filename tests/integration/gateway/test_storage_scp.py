"""What a well-behaved sender gets from the SCP, and what it can rely on."""

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from dicom_gateway import spool as spool_module
from dicom_gateway.association_scu import Proposal, associated
from dicom_gateway.associations import AssociationEnd
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.raw_peer import ABORT, RawPeer, data_set_of
from dicom_gateway.reception import ReceivedInstance
from dicom_gateway.status import Status
from dicom_gateway.storage_scu import FileOutcome, send_files
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.verification import accepted_sop_classes, echo
from domain.errors import InstanceInvalid, StoreUnavailable
from tests.integration.gateway.conftest import WAIT_SECONDS, Station
from tests.integration.gateway.instances import UIDS, as_file, file_meta, image, write_image

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
MULTI_FRAME_WORD_SC = "1.2.840.10008.5.1.4.1.1.7.3"
CT = "1.2.840.10008.5.1.4.1.1.2"


def send(station: Station, path: Path) -> FileOutcome:
    """Send one file on an association of its own."""
    (outcome,) = send_files(station.as_destination(), [path])
    return outcome


def send_dataset(station: Station, ds: Dataset) -> Dataset:
    """Send a data set and give the whole answer."""
    proposal = Proposal(str(ds.SOPClassUID), (str(ds.file_meta.TransferSyntaxUID),))
    with associated(station.as_destination(), [proposal]) as assoc:
        return assoc.send_c_store(ds)


def test_echo_is_answered(station: Station) -> None:
    """Verification gets a success, and its round trip is told."""
    assert echo(station.as_destination()) >= 0


@pytest.mark.parametrize(
    "transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_the_data_set_is_stored_byte_for_byte(station: Station, tmp_path: Path, transfer_syntax: str) -> None:
    """What the sender sent is what the file holds after its meta, and what hash and size are of."""
    path = write_image(tmp_path / "image.dcm", transfer_syntax, side=400)
    assert send(station, path).status == Status.SUCCESS
    (received,) = station.received
    stored = station.store.path_of(received.relative_path)
    assert data_set_of(stored) == data_set_of(path)
    assert received.sha256 == hashlib.sha256(data_set_of(path)).hexdigest()
    assert received.size_bytes == stored.stat().st_size
    assert station.store.verify(received.relative_path, received.sha256, received.size_bytes)
    assert station.left_in_incoming() == []


def test_the_file_meta_is_ours(station: Station, tmp_path: Path) -> None:
    """The stored file names its instance, its transfer syntax and who wrote it."""
    send(station, write_image(tmp_path / "image.dcm", ImplicitVRLittleEndian))
    meta = file_meta(station.stored_files()[0])
    assert meta.MediaStorageSOPClassUID == UIDS.sop_class
    assert meta.MediaStorageSOPInstanceUID == UIDS.sop_instance
    assert meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME


def test_all_that_is_known_is_told(station: Station, tmp_path: Path) -> None:
    """The received instance names itself, its sender, its association and its time."""
    send(station, write_image(tmp_path / "image.dcm"))
    (received,) = station.received
    (closed,) = station.wait_closed()
    assert received.sop_instance_uid == UIDS.sop_instance
    assert received.sop_class_uid == UIDS.sop_class
    assert received.study_instance_uid == UIDS.study
    assert received.series_instance_uid == UIDS.series
    assert received.transfer_syntax_uid == ExplicitVRLittleEndian
    assert received.modality == "CR"
    assert (received.calling_ae_title, received.called_ae_title) == ("MODALITY", "CXR")
    assert received.peer_address == "127.0.0.1"
    assert received.association_id == closed.opened.association_id
    assert received.received_at.tzinfo is UTC


@pytest.mark.parametrize(
    "sop_class",
    [
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
    ],
)
def test_the_radiography_classes_are_received(station: Station, tmp_path: Path, sop_class: str) -> None:
    """CR, both DX and Secondary Capture are stored."""
    outcome = send(station, write_image(tmp_path / "image.dcm", SOPClassUID=sop_class))
    assert outcome.is_stored
    assert station.received[0].sop_class_uid == sop_class


def test_other_classes_are_not_negotiated(station: Station) -> None:
    """Reports, multi-frame captures and CT find no presentation context."""
    wanted = [COMPREHENSIVE_3D_SR, MULTI_FRAME_WORD_SC, CT, ComputedRadiographyImageStorage]
    assert accepted_sop_classes(station.as_destination(), wanted) == (ComputedRadiographyImageStorage,)


def test_the_same_instance_twice_is_one_file(station: Station, tmp_path: Path) -> None:
    """A repeated send succeeds and adds nothing to the disk."""
    path = write_image(tmp_path / "image.dcm")
    assert [outcome.status for outcome in send_files(station.as_destination(), [path, path])] == [0, 0]
    assert len(station.stored_files()) == 1
    assert len(station.received) == 2


def test_other_bytes_under_one_uid_are_two_files(station: Station, tmp_path: Path) -> None:
    """A changed instance is kept beside the first, not over it."""
    paths = [write_image(tmp_path / f"{side}.dcm", side=side) for side in (16, 24)]
    assert all(outcome.is_stored for outcome in send_files(station.as_destination(), paths))
    assert len(station.stored_files()) == 2


def test_nothing_is_acknowledged_before_the_row_is_committed(station: Station, tmp_path: Path) -> None:
    """While `on_instance` has not returned, the file is in place and the sender has no answer."""
    arrived, release = threading.Event(), threading.Event()
    answers: list[FileOutcome] = []

    def commit(received: ReceivedInstance) -> None:
        assert station.store.verify(received.relative_path, received.sha256, received.size_bytes)
        arrived.set()
        assert release.wait(WAIT_SECONDS)

    station.commit = commit
    path = write_image(tmp_path / "image.dcm")
    sender = threading.Thread(target=lambda: answers.append(send(station, path)))
    sender.start()
    assert arrived.wait(WAIT_SECONDS)
    assert len(station.stored_files()) == 1
    assert answers == []
    release.set()
    sender.join(WAIT_SECONDS)
    assert [answer.status for answer in answers] == [Status.SUCCESS]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailable("database is down"), Status.OUT_OF_RESOURCES),
        (InstanceInvalid("not wanted"), Status.CANNOT_UNDERSTAND),
        (KeyError("a mistake of ours"), Status.PROCESSING_FAILURE),
    ],
)
def test_a_commit_that_fails_is_not_success(station: Station, tmp_path: Path, error: Exception, status: Status) -> None:
    """Database down is A700, a refusal is C000, anything else is 0110; the association stays usable."""
    failures = [error]

    def commit(received: ReceivedInstance) -> None:
        if failures:
            raise failures.pop()

    station.commit = commit
    path = write_image(tmp_path / "image.dcm")
    outcomes = send_files(station.as_destination(), [path, path])
    assert [outcome.status for outcome in outcomes] == [status, Status.SUCCESS]
    assert station.left_in_incoming() == []
    assert len(station.stored_files()) == 1


def test_a_full_disk_is_out_of_resources(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while the data set arrives, or while it is placed, is A700 and leaves nothing."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = write_image(tmp_path / "image.dcm", side=400)
    with monkeypatch.context() as patch:
        patch.setattr(spool_module.Spool, "_append", staticmethod(full))
        assert send(station, path).status == Status.OUT_OF_RESOURCES
    with monkeypatch.context() as patch:
        patch.setattr("dicom_gateway.durable.sync_file", full)
        assert send(station, path).status == Status.OUT_OF_RESOURCES
    assert station.left_in_incoming() == []
    assert station.stored_files() == []
    assert send(station, path).status == Status.SUCCESS


@pytest.mark.parametrize(
    ("change", "status", "offending_element"),
    [
        ({"SOPInstanceUID": "1.2.3"}, Status.DATA_SET_DOES_NOT_MATCH, 0x00080018),
        ({"SOPClassUID": CT}, Status.DATA_SET_DOES_NOT_MATCH, 0x00080016),
        ({"StudyInstanceUID": ""}, Status.CANNOT_UNDERSTAND, 0x0020000D),
        ({"SeriesInstanceUID": ""}, Status.CANNOT_UNDERSTAND, 0x0020000E),
    ],
)
def test_a_data_set_that_cannot_be_kept_is_refused_for_good(
    station: Station, tmp_path: Path, change: dict[str, str], status: Status, offending_element: int
) -> None:
    """The answer points at the element, in few words without patient data, and nothing is kept."""
    path = tmp_path / "image.dcm"
    ds = image()
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    path.write_bytes(as_file(ds))
    with associated(station.as_destination(), [Proposal(UIDS.sop_class, (ExplicitVRLittleEndian,))]) as assoc:
        answer = assoc.send_c_store(path)
    assert answer.Status == status
    assert answer.OffendingElement == offending_element
    assert 0 < len(answer.ErrorComment) <= 64
    assert "Doe" not in answer.ErrorComment
    assert station.received == []
    assert station.left_in_incoming() == []
    assert station.stored_files() == []


def test_an_image_over_the_limit_is_refused_and_the_next_is_stored(
    make_station: Callable[..., Station], tmp_path: Path
) -> None:
    """Too large is C000; the association goes on."""
    station = make_station(maximum_object_bytes=20_000)
    large, small = write_image(tmp_path / "large.dcm", side=200), write_image(tmp_path / "small.dcm", side=16)
    outcomes = send_files(station.as_destination(), [large, small])
    assert [outcome.status for outcome in outcomes] == [Status.CANNOT_UNDERSTAND, Status.SUCCESS]
    assert station.left_in_incoming() == []


def test_twenty_senders_at_once(station: Station, tmp_path: Path) -> None:
    """Twenty associations with three images each all store everything."""
    meeting = threading.Barrier(20)
    outcomes: list[FileOutcome] = []

    def modality(number: int) -> None:
        paths = [
            write_image(tmp_path / f"{number}-{n}.dcm", SOPInstanceUID=f"1.2.{number}.{n}", side=64) for n in range(3)
        ]
        meeting.wait(WAIT_SECONDS)
        outcomes.extend(send_files(station.as_destination(calling_ae_title=f"MOD{number}"), paths))

    senders = [threading.Thread(target=modality, args=(number,)) for number in range(20)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(WAIT_SECONDS)
    assert [outcome.error for outcome in outcomes] == [""] * 60
    assert len(station.stored_files()) == 60
    assert {closed.stored for closed in station.wait_closed(20)} == {3}


def test_the_course_of_an_association_is_told(station: Station, tmp_path: Path) -> None:
    """Opening, end and counts are told once each, under one id."""
    good, bad = write_image(tmp_path / "good.dcm"), tmp_path / "bad.dcm"
    ds = image()
    ds.StudyInstanceUID = ""
    bad.write_bytes(as_file(ds))
    send_files(station.as_destination(), [good, bad, good])
    (closed,) = station.wait_closed()
    (opened,) = station.opened
    assert closed.opened == opened
    assert (closed.stored, closed.refused, closed.end) == (2, 1, AssociationEnd.RELEASED)
    assert opened.request.calling_ae_title == "MODALITY"


def test_stopping_lets_an_open_association_finish(station: Station, tmp_path: Path) -> None:
    """An instance in hand when the SCP stops is still stored and answered; new connections are refused."""
    arrived, release = threading.Event(), threading.Event()
    answers: list[FileOutcome] = []

    def commit(received: ReceivedInstance) -> None:
        arrived.set()
        assert release.wait(WAIT_SECONDS)

    station.commit = commit
    path = write_image(tmp_path / "image.dcm")
    sender = threading.Thread(target=lambda: answers.append(send(station, path)))
    sender.start()
    assert arrived.wait(WAIT_SECONDS)
    stopper = threading.Thread(target=lambda: station.scp.stop(grace_seconds=WAIT_SECONDS))
    stopper.start()
    release.set()
    sender.join(WAIT_SECONDS)
    stopper.join(WAIT_SECONDS)
    assert [answer.status for answer in answers] == [Status.SUCCESS]
    assert not stopper.is_alive()


def test_stopping_aborts_what_does_not_end(station: Station) -> None:
    """An association left open gets an A-ABORT, and does not hold up the end."""
    with RawPeer(station.scp.address).associate() as peer:
        station.scp.stop(grace_seconds=0)
        assert peer.receive()[0] == ABORT
    assert station.wait_closed()[0].end is AssociationEnd.ABORTED


def test_the_store_survives_its_station(station: Station, tmp_path: Path) -> None:
    """A store opened again on the same folder finds what was acknowledged."""
    send(station, write_image(tmp_path / "image.dcm"))
    (received,) = station.received
    again = InstanceStore(station.store.root)
    with again.receiving() as swept:
        assert swept == 0
    assert again.verify(received.relative_path, received.sha256, received.size_bytes)
