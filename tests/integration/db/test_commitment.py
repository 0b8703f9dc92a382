"""Rows of storage commitment, on SQLite and on PostgreSQL."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from db import commitment_requests, confirmations, deliveries, instances, overview, reports, results, schema, studies
from db.commitment_requests import NewRequest
from db.confirmations import Heard, LossPolicy
from db.session import make_engine, transaction
from db.tables import Report
from domain.commitment import CommitmentReply, CommitmentState, FailureReason, SopReference
from domain.study import DeliveryState, StudyStatus
from tests.integration.db.builders import LATER, LEASE, NOW, claimed, received, suspected
from tests.integration.db.test_schema import FIRST_SCHEMA_ROWS, SECOND_SCHEMA_ROWS

_POLICY = LossPolicy(most=1, wait=lambda n: timedelta(seconds=n))
_REPORT = SopReference("1.2.840.10008.5.1.4.1.1.88.34", "2.25.7")


@pytest.fixture
def delivery_id(engine: Engine) -> int:
    """A delivery that was sent, and is to be asked about."""
    received(engine)
    claim = claimed(engine)
    opened = results.commit_result(engine, claim, suspected(), ["pacs"], LATER)
    assert opened is not None
    (result,) = results.of_study(engine, claim.study_id)
    report = Report(
        result_id=result.id,
        sop_class_uid=_REPORT.sop_class_uid,
        sop_instance_uid=_REPORT.sop_instance_uid,
        series_instance_uid="2.25.8",
        content=b"",
        created_at=LATER,
    )
    reports.choose_report(engine, result.id, "pacs", reports.keep_report(engine, report))
    send(engine, opened[0])
    return opened[0]


def send(engine: Engine, delivery_id: int) -> None:
    """Send a delivery that is due."""
    claim = deliveries.claim(engine, delivery_id, "send", LATER + timedelta(hours=1), LEASE)
    assert claim is not None
    assert deliveries.finish(engine, claim, LATER, 0, confirm_at=LATER)


def ask(engine: Engine, delivery_id: int, transaction_uid: str) -> None:
    """Keep a question whose wait is over at once."""
    claim = confirmations.claim(engine, delivery_id, "ask", LATER, LEASE)
    assert claim is not None
    asked = [_REPORT.sop_instance_uid]
    assert confirmations.keep_question(engine, claim, transaction_uid, asked, LATER, timedelta())
    assert confirmations.wait(engine, claim, LATER, "requested")


def state(engine: Engine) -> tuple[DeliveryState, StudyStatus]:
    """Give where the delivery and its study stand."""
    ((delivery, _, study),) = deliveries.listed(engine, None, 10)
    return delivery.state, study.status


def failed(transaction_uid: str) -> CommitmentReply:
    """Answer that the report is not there."""
    return CommitmentReply(transaction_uid, (), ((_REPORT, FailureReason.NO_SUCH_OBJECT_INSTANCE),))


def test_an_answer_commits_once(engine: Engine, delivery_id: int) -> None:
    """The first answer to a question counts."""
    ask(engine, delivery_id, "1.1")
    yes = CommitmentReply("1.1", (_REPORT,))
    heard = [confirmations.hear(engine, reply, LATER, _POLICY) for reply in (yes, yes, failed("1.1"), failed("9.9"))]
    assert heard == [Heard.COMMITTED, Heard.STALE, Heard.STALE, Heard.UNKNOWN]
    assert state(engine) == (DeliveryState.COMMITTED, StudyStatus.REPORTED)
    assert overview.deliveries_by_state(engine)["COMMITTED"] == 1


def test_a_late_yes_to_the_first_of_two_questions_counts(engine: Engine, delivery_id: int) -> None:
    """The instance is the same."""
    ask(engine, delivery_id, "1.1")
    ask(engine, delivery_id, "1.2")
    assert confirmations.hear(engine, CommitmentReply("1.1", (_REPORT,)), LATER, _POLICY) is Heard.COMMITTED
    assert confirmations.hear(engine, failed("1.2"), LATER, _POLICY) is Heard.STALE


def test_a_no_sends_again_a_bounded_number_of_times(engine: Engine, delivery_id: int) -> None:
    """PENDING and not REPORTED, REPORTED again when it is sent, FAILED at last; by command it starts anew."""
    ask(engine, delivery_id, "1.1")
    assert confirmations.hear(engine, failed("1.1"), LATER, _POLICY) is Heard.LOST
    assert state(engine) == (DeliveryState.PENDING, StudyStatus.ANALYSED)
    send(engine, delivery_id)
    assert state(engine) == (DeliveryState.SENT, StudyStatus.REPORTED)
    ask(engine, delivery_id, "1.2")
    assert confirmations.hear(engine, failed("1.2"), LATER, _POLICY) is Heard.LOST
    assert state(engine) == (DeliveryState.FAILED, StudyStatus.ANALYSED)
    assert deliveries.resend(engine, [delivery_id], LATER, "test") == 1
    send(engine, delivery_id)
    assert state(engine) == (DeliveryState.SENT, StudyStatus.REPORTED)


def test_who_lost_its_claim_moves_nothing(engine: Engine, delivery_id: int) -> None:
    """The answer came while a task still held the delivery: the task's own move finds nothing to move."""
    claim = confirmations.claim(engine, delivery_id, "ask", LATER, LEASE)
    assert claim is not None
    assert confirmations.claim(engine, delivery_id, "other", LATER, LEASE) is None
    assert confirmations.keep_question(engine, claim, "1.1", [_REPORT.sop_instance_uid], LATER, timedelta())
    confirmations.hear(engine, CommitmentReply("1.1", (_REPORT,)), LATER, _POLICY)
    assert not confirmations.verify(engine, claim, LATER)
    assert not confirmations.lose(engine, claim, LATER, "x", _POLICY)
    assert state(engine)[0] is DeliveryState.COMMITTED


def test_the_start_of_the_service_takes_back_who_was_asking(engine: Engine, delivery_id: int) -> None:
    """The delivery stays SENT, and is asked about again at once."""
    assert confirmations.claim(engine, delivery_id, "ask", LATER, LEASE) is not None
    assert confirmations.due(engine, LATER, None) == []
    assert confirmations.release_all_claims(engine) == 1
    assert list(confirmations.due(engine, LATER, None)) == [delivery_id]
    assert state(engine)[0] is DeliveryState.SENT


def test_one_transaction_of_one_sender_is_one_request(engine: Engine) -> None:
    """Asked again, it is due anew; another sender's transaction of the same UID is another."""
    new = NewRequest("ROOM1", "US", "::1", "1.2", (_REPORT,), NOW)
    first = commitment_requests.record(engine, new, NOW)
    claim = commitment_requests.claim(engine, first, "t", NOW, LEASE)
    assert claim is not None
    assert commitment_requests.record(engine, new, NOW) == first
    assert not commitment_requests.finish(engine, claim, claim.checked, NOW)
    other = NewRequest("ROOM2", "US", "::1", "1.2", (_REPORT,), NOW)
    assert commitment_requests.record(engine, other, NOW) != first
    assert commitment_requests.by_state(engine)[CommitmentState.PENDING] == 2


def test_a_request_that_was_rung_for_waits_for_the_next_ring(engine: Engine) -> None:
    """Due once; again only when it counts as forgotten, or when its claim ran out."""
    new = NewRequest("ROOM1", "US", "::1", "1.2", (_REPORT,), NOW)
    request_id = commitment_requests.record(engine, new, NOW)
    assert list(commitment_requests.due(engine, NOW, None)) == [request_id]
    commitment_requests.note_queued(engine, [request_id], NOW)
    assert list(commitment_requests.due(engine, NOW, None)) == []
    assert list(commitment_requests.due(engine, NOW, LATER)) == [request_id]
    assert commitment_requests.claim(engine, request_id, "t", NOW, timedelta(seconds=1)) is not None
    assert commitment_requests.claim(engine, request_id, "u", NOW, LEASE) is None
    assert commitment_requests.claim(engine, request_id, "u", LATER, LEASE) is not None


def test_instances_are_found_by_many_uids_at_once(engine: Engine) -> None:
    """More UIDs than one SELECT may name; each content of one UID is a row."""
    received(engine, 1)
    received(engine, 1, content="other")
    received(engine, 2)
    found = instances.by_sop_instance_uid(engine, [f"1.2.3.1.{n}" for n in range(1200)])
    assert {uid: len(rows) for uid, rows in found.items()} == {"1.2.3.1.1": 2, "1.2.3.1.2": 1}


def test_what_was_sent_before_there_was_storage_commitment_stays_plainly_sent(
    sqlite_url: str, postgres_url: str
) -> None:
    """Nobody asks about it after the migration."""
    for url in (sqlite_url, postgres_url):
        engine = make_engine(url)
        schema.upgrade(engine, "0002")
        with transaction(engine) as session:
            for statement in (FIRST_SCHEMA_ROWS + ";" + SECOND_SCHEMA_ROWS).split(";"):
                session.execute(text(statement))
        schema.upgrade(engine)
        (delivery,) = deliveries.of_result(engine, 1)
        assert (delivery.state, delivery.confirm_at, delivery.losses) == (DeliveryState.SENT, None, 0)
        assert studies.find(engine, "1.2.3") is not None
        engine.dispose()
