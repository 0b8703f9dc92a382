"""One peer gets no more associations at once than it may, and those that fail leave room for the others."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import commitment_requests, confirmations, deliveries, lanes, results, studies
from db.commitment_requests import NewRequest
from db.confirmations import ConfirmationClaim
from db.deliveries import DeliveryClaim
from db.lanes import Lanes
from domain.commitment import CommitmentReply, SopReference
from domain.study import DeliveryState
from tests.integration.db.builders import LATER, LEASE, received, suspected

LANES = Lanes(each=2, failing=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def waiting(engine: Engine) -> dict[str, list[int]]:
    """Five reports for each of three destinations, by destination."""
    made: dict[str, list[int]] = {"dead": [], "dying": [], "well": []}
    for number in range(5):
        received(engine, study=f"1.2.{number}", association_id=f"a{number}")
        studies.mark_ready(engine, LATER, timedelta(0), timedelta(0))
        claim = studies.claim(engine, number + 1, "t", LATER, LEASE)
        assert claim is not None
        for ids, one in zip(
            made.values(), results.commit_result(engine, claim, suspected(), list(made), LATER) or [], strict=True
        ):
            ids.append(one)
    return made


def claim(engine: Engine, delivery_id: int, task: str = "d", lanes: Lanes = LANES) -> DeliveryClaim | None:
    """Claim as a worker does."""
    return deliveries.claim(engine, delivery_id, task, LATER, LEASE, lanes)


def fail_once(engine: Engine, delivery_id: int) -> None:
    """Try, and fail in a way that may pass; due again in an hour."""
    begun = claim(engine, delivery_id)
    assert begun is not None
    assert deliveries.try_again(engine, begun, LATER, "no answer", wait=HOUR, dimse_status=None)


def send(engine: Engine, delivery_id: int) -> None:
    """Send a report that is to be asked about."""
    begun = claim(engine, delivery_id)
    assert begun is not None
    assert deliveries.finish(engine, begun, LATER, 0, confirm_at=LATER)


def ask(engine: Engine, delivery_id: int) -> ConfirmationClaim | None:
    """Begin to ask as a worker does."""
    return confirmations.claim(engine, delivery_id, "a", LATER, LEASE, LANES)


def due(engine: Engine) -> set[int]:
    """What is rung for now."""
    return set(deliveries.due(engine, LATER, None, limits=LANES))


def test_a_destination_gets_no_more_at_once_than_it_may(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """What finds no room stays PENDING, uncounted, and is rung for again when one of the others is over."""
    first, second, third, *_ = waiting["well"]
    deliveries.note_queued(engine, waiting["well"], LATER)
    begun = [claim(engine, one) for one in (first, second)]
    assert claim(engine, third) is None
    assert not due(engine) & set(waiting["well"])
    assert begun[0] is not None
    assert deliveries.finish(engine, begun[0], LATER, 0)
    assert third in due(engine)
    again = claim(engine, third)
    assert again is not None
    assert again.attempt == 1


def test_destinations_that_fail_share_what_is_left_to_them(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """One at a time over both, and rung for no more often; the one that is well has its lanes all the while."""
    for name in ("dead", "dying"):
        fail_once(engine, waiting[name][0])
    assert len(due(engine) & {*waiting["dead"], *waiting["dying"]}) == 1
    held = claim(engine, waiting["dead"][1])
    assert held is not None
    assert claim(engine, waiting["dead"][2]) is None
    assert claim(engine, waiting["dying"][1]) is None
    assert due(engine) == set(waiting["well"])
    assert claim(engine, waiting["well"][0]) is not None
    assert claim(engine, waiting["well"][1]) is not None
    # One attempt that goes well, and the destination is as any other.
    assert deliveries.finish(engine, held, LATER, 0)
    assert {*waiting["dead"][2:]} <= due(engine)
    assert [claim(engine, one) is not None for one in waiting["dead"][2:]] == [True, True, False]


def test_a_refusal_for_good_is_an_answer(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """A PACS that refuses a report answers: it holds nobody up."""
    begun = claim(engine, waiting["dead"][0])
    assert begun is not None
    assert deliveries.fail(engine, begun, LATER, "refused", 0xA900)
    assert [claim(engine, one) is not None for one in waiting["dead"][1:4]] == [True, True, False]


def test_a_claim_that_ran_out_holds_no_lane(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Nor does a task that comes twice stand in its own way."""
    first, second, third, *_ = waiting["well"]
    assert claim(engine, first) is not None
    assert claim(engine, second) is not None
    assert claim(engine, second) is not None  # the same task again
    later = LATER + LEASE + timedelta(seconds=1)
    assert deliveries.claim(engine, third, "e", later, LEASE, LANES) is not None


def test_no_two_take_the_last_lane(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """However many workers claim at once."""
    begun: list[DeliveryClaim | None] = []
    barrier = threading.Barrier(5)

    def work(number: int) -> None:
        barrier.wait()
        begun.append(claim(engine, waiting["well"][number], f"w{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in begun) == LANES.each


def test_no_peer_is_rung_for_much_more_often_than_it_has_room(
    engine: Engine, waiting: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First come first; ten thousand messages that find no room would be taken, and rung for again, all the time."""
    monkeypatch.setattr(lanes, "_BEHIND", 1)
    assert due(engine) == {one for ids in waiting.values() for one in ids[:3]}
    fail_once(engine, waiting["dead"][0])
    assert due(engine) == {waiting["dead"][1], *waiting["dying"][:3], *waiting["well"][:3]}
    assert len(deliveries.due(engine, LATER, None, 4, LANES)) == 4


def test_a_question_takes_a_lane_as_a_report_does(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Whichever came first; what finds no room is rung for again when there is."""
    sent, asked, report, *_ = waiting["well"]
    send(engine, sent)
    send(engine, asked)
    deliveries.note_queued(engine, [sent, asked], LATER)
    question = ask(engine, sent)
    assert question is not None
    assert claim(engine, report) is not None
    assert ask(engine, asked) is None
    assert claim(engine, waiting["well"][3]) is None
    assert not confirmations.due(engine, LATER, None, limits=LANES)
    assert confirmations.verify(engine, question, LATER)
    assert confirmations.due(engine, LATER, None, limits=LANES) == [asked]
    assert ask(engine, asked) is not None


def test_a_destination_that_does_not_answer_questions_fails(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Its reports and questions share what is left to such; an answer ends that."""
    first, second, third, report, _ = waiting["dead"]
    for one in (first, second, third):
        send(engine, one)
    question = ask(engine, first)
    assert question is not None
    assert confirmations.try_again(engine, question, LATER, "no answer", wait=HOUR)
    assert len(confirmations.due(engine, LATER, None, limits=LANES)) == 1
    held = ask(engine, second)
    assert held is not None
    assert ask(engine, third) is None
    assert claim(engine, report) is None
    assert due(engine) == {*waiting["dying"], *waiting["well"]}
    assert confirmations.wait(engine, held, LATER + HOUR, "asked")
    assert claim(engine, report) is not None
    assert ask(engine, third) is not None


def request(engine: Engine, calling: str, number: int) -> int:
    """Keep what a sender asks."""
    asked = (SopReference("1.2.3", f"1.2.3.{number}"),)
    new = NewRequest(calling, "US", "127.0.0.1", f"1.2.3.4.{number}", asked, LATER)
    return commitment_requests.record(engine, new, LATER)


def test_answers_to_a_sender_take_lanes_of_its_own(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """A sender that takes no answers leaves the others, and the destinations, what is theirs."""
    ids = [request(engine, "MODALITY", number) for number in range(4)]
    other = request(engine, "OTHER", 9)

    def answer(request_id: int) -> commitment_requests.RequestClaim | None:
        return commitment_requests.claim(engine, request_id, "t", LATER, LEASE, LANES)

    first, second, third = (answer(one) for one in ids[:3])
    assert first is not None
    assert second is not None
    assert third is None
    assert commitment_requests.due(engine, LATER, None, limits=LANES) == [other]
    assert commitment_requests.claim(engine, ids[2], "association", LATER, LEASE, early=True) is not None
    assert commitment_requests.try_again(engine, first, LATER, "no answer", wait=HOUR)
    assert commitment_requests.finish(engine, second, second.checked, LATER)  # it went well after all
    assert commitment_requests.due(engine, LATER, None, limits=LANES) == [ids[3], other]
    again = answer(ids[3])
    assert again is not None
    assert commitment_requests.try_again(engine, again, LATER, "no answer", wait=HOUR)
    fail_once(engine, waiting["dead"][0])
    # What is held on the sender's own association is the one lane that failing peers have.
    assert not due(engine) & {*waiting["dead"]}
    assert commitment_requests.due(engine, LATER, None, limits=LANES) == [other]
    assert due(engine) == {*waiting["dying"], *waiting["well"]}


@pytest.mark.parametrize("end", ["wait", "try again", "verify", "lose", "keep another question"])
def test_an_answer_leaves_the_lane_to_the_association_that_it_came_on(
    engine: Engine, waiting: dict[str, list[int]], end: str
) -> None:
    """COMMITTED at once, but whoever asked still holds the association: its lane is free when it says so."""
    first, second, third, *_ = waiting["well"]
    send(engine, first)
    question = ask(engine, first)
    assert question is not None
    assert confirmations.keep_question(engine, question, "1.2.3", ["1.2"], LATER, HOUR)
    policy = confirmations.LossPolicy(1, lambda _: HOUR)
    reply = CommitmentReply("1.2.3", (SopReference("1.2.3", "1.2"),))
    assert confirmations.hear(engine, reply, LATER, policy) is confirmations.Heard.COMMITTED
    assert claim(engine, second) is not None
    assert claim(engine, third) is None
    held = confirmations.held_by(engine, first, "a")
    assert held is not None
    assert held.token == question.token
    assert not {
        "wait": lambda: confirmations.wait(engine, question, LATER, "asked"),
        "try again": lambda: confirmations.try_again(engine, question, LATER, "aborted", wait=HOUR),
        "verify": lambda: confirmations.verify(engine, question, LATER),
        "lose": lambda: confirmations.lose(engine, question, LATER, "not there", policy),
        "keep another question": lambda: confirmations.keep_question(engine, question, "4", ["1"], LATER, HOUR),
    }[end]()
    (delivery,) = deliveries.of_result(engine, question.result_id)[2:]
    assert (delivery.state, delivery.claimed_by) == (DeliveryState.COMMITTED, None)
    assert claim(engine, third) is not None
