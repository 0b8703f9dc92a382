"""A peer that fails is left alone, longer each time, until one attempt goes well: then everything that waits goes."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from db import confirmations, deliveries, peers
from db.deliveries import DeliveryClaim
from db.future_times import bring_back
from db.lanes import Lanes
from db.peers import Pauses
from domain.retry import JITTER
from tests.integration.db.builders import LATER, LEASE
from tests.integration.db.test_future_times import _WAITS
from tests.integration.db.test_lanes import waiting

__all__ = ["waiting"]

_LANES = Lanes(each=4, failing=4)
_PAUSES = Pauses(first_seconds=5.0, longest_seconds=60.0)
_WAIT = timedelta(seconds=5)
_PAUSE = timedelta(seconds=5)


def claim(engine: Engine, delivery_id: int, now: datetime = LATER) -> DeliveryClaim | None:
    """Claim as a worker does."""
    return deliveries.claim(engine, delivery_id, f"d{delivery_id}", now, LEASE, _LANES)


def fail(engine: Engine, begun: DeliveryClaim | None, now: datetime = LATER) -> None:
    """End an attempt as a worker does that reached nobody."""
    assert begun is not None
    assert deliveries.try_again(engine, begun, now, "away", wait=_WAIT, dimse_status=None, pauses=_PAUSES)


def due(engine: Engine, now: datetime = LATER) -> set[int]:
    """What is rung for."""
    return set(deliveries.due(engine, now, None, limits=_LANES))


def pause(engine: Engine) -> tuple[int, timedelta]:
    """Give how often the one peer that fails did, and how long it is left alone since LATER."""
    (peer,) = peers.failing(engine)
    assert peer.paused_until is not None
    return peer.failures, peer.paused_until - LATER


def test_one_failure_pauses_nobody(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """It may be one report's own: the next one is tried at once, alone."""
    first, second, third, *_ = waiting["dead"]
    fail(engine, claim(engine, first))
    assert pause(engine) == (1, timedelta())
    assert claim(engine, second) is not None
    assert claim(engine, third) is None


def test_a_peer_that_fails_twice_is_left_alone_until_its_pause_is_over(
    engine: Engine, waiting: dict[str, list[int]]
) -> None:
    """No report of it is rung for or claimed, whatever its own wait; then one is, and when that is taken all are."""
    first, second, third, fourth, fifth = waiting["dead"]
    others = {*waiting["dying"], *waiting["well"]}
    fail(engine, claim(engine, first))
    fail(engine, claim(engine, second))
    failures, length = pause(engine)
    assert failures == 2
    assert _PAUSE * (1 - JITTER) <= length <= _PAUSE
    assert due(engine) == others
    assert claim(engine, third) is None
    over = LATER + _PAUSE
    assert len(due(engine, over) - others) == 1
    tried = claim(engine, third, over)
    assert tried is not None
    assert claim(engine, fourth, over) is None
    assert deliveries.finish(engine, tried, over, 0)
    assert peers.failing(engine) == []
    assert all(claim(engine, one, over) for one in (fourth, fifth))


def test_attempts_under_way_when_a_pause_begins_do_not_prolong_it(
    engine: Engine, waiting: dict[str, list[int]]
) -> None:
    """Four that fail together are one failure of the peer, or two: not four doublings."""
    begun = [claim(engine, one) for one in waiting["dead"][:4]]
    for one in begun:
        fail(engine, one)
    failures, length = pause(engine)
    assert failures == 2
    assert length <= _PAUSE


def test_a_question_without_an_answer_pauses_too(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Reports and questions go to the same place."""
    first, second, third, *_ = waiting["dead"]
    for one in (first, second):
        sent = claim(engine, one)
        assert sent is not None
        assert deliveries.finish(engine, sent, LATER, 0, confirm_at=LATER)
    for one in (first, second):
        asked = confirmations.claim(engine, one, "a", LATER, LEASE, _LANES)
        assert asked is not None
        assert confirmations.try_again(engine, asked, LATER, "no answer", wait=_WAIT, pauses=_PAUSES)
    assert pause(engine)[0] == 2
    assert claim(engine, third) is None


def test_sending_again_by_command_ends_a_pause(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Whoever asks for it knows that the destination is back."""
    first, second, *_ = waiting["dead"]
    fail(engine, claim(engine, first))
    fail(engine, claim(engine, second))
    assert not due(engine) & {*waiting["dead"]}
    assert deliveries.resend(engine, [first], LATER, "alice") == 1
    assert len(due(engine) & {*waiting["dead"]}) == 1
    assert claim(engine, first) is not None


def test_a_pause_by_a_clock_that_was_ahead_is_over(engine: Engine, waiting: dict[str, list[int]]) -> None:
    """Left alone, everything for that destination would wait for as long as the clock was ahead."""
    ahead = LATER + timedelta(hours=6)
    fail(engine, claim(engine, waiting["dead"][0], ahead), ahead)
    fail(engine, claim(engine, waiting["dead"][1], ahead), ahead)
    assert not due(engine) & {*waiting["dead"]}
    assert bring_back(engine, LATER, _WAITS) == 3  # the pause, and the waits of the two reports
    assert len(due(engine) & {*waiting["dead"]}) == 1


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0), (2, 5), (3, 10), (4, 20), (5, 40), (6, 60), (500, 60)])
def test_pauses_double_up_to_the_longest(failures: int, seconds: float) -> None:
    """With jitter, so that many services do not come back to one PACS in one moment."""
    drawn = [_PAUSES.after(failures).total_seconds() for _ in range(50)]
    assert all(seconds * (1 - JITTER) <= one <= seconds for one in drawn)
    assert len(set(drawn)) > 1 or seconds == 0
