import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import events, results, workitems
from db.session import make_engine
from db.workitems import NewWorkitem
from domain.priority import ReadingPriority
from domain.workitem import Decision, Lock, StoredWorkitem, Verdict, WorkitemState, judge_state_change
from tests.integration.db.builders import LATER, NOW, claimed, received, suspected


@pytest.fixture
def result_id(engine: Engine) -> int:
    """A stored result."""
    received(engine)
    claim = claimed(engine)
    results.commit_result(engine, claim, suspected(), [], LATER)
    (result,) = results.of_study(engine, claim.study_id)
    return result.id


def new(result_id: int, uid: str = "1.2", **changes: object) -> NewWorkitem:
    """A workitem, with changes."""
    return replace(NewWorkitem(uid, result_id, ReadingPriority.HIGH, NOW, "{}"), **changes)  # type: ignore[arg-type]


def claim_as(key: str) -> Callable[[StoredWorkitem], Decision]:
    """Claim under a Transaction UID."""

    def decide(workitem: StoredWorkitem) -> Decision:
        verdict = judge_state_change(workitem.lock, WorkitemState.IN_PROGRESS, key)
        changed = replace(workitem, lock=Lock(WorkitemState.IN_PROGRESS, key), performer_ae_title="READER")
        return Decision(verdict, changed if verdict is Verdict.GRANTED else None)

    return decide


def test_the_most_urgent_is_first_and_then_who_has_waited_longest(engine: Engine, result_id: int) -> None:
    """Whatever the order in which they came."""
    hour = timedelta(hours=1)
    for uid, priority, since in (
        ("1.1", ReadingPriority.ROUTINE, NOW - 9 * hour),
        ("1.2", ReadingPriority.HIGH, NOW),
        ("1.3", ReadingPriority.HIGH, NOW - hour),
        ("1.4", ReadingPriority.STAT, NOW + hour),
    ):
        workitems.add(engine, new(result_id, uid, reading_priority=priority, waiting_since=since), NOW)
    assert [w.sop_instance_uid for w in workitems.listed(engine, None)] == ["1.4", "1.3", "1.2", "1.1"]
    assert workitems.listed(engine, [WorkitemState.COMPLETED]) == []


def test_a_second_one_under_the_same_uid_changes_nothing(engine: Engine, result_id: int) -> None:
    """Neither its attributes nor its state."""
    assert workitems.add(engine, new(result_id), NOW)
    workitems.update(engine, "1.2", claim_as("9.1"), NOW)
    assert not workitems.add(engine, new(result_id, attributes='{"a": 1}'), LATER)
    kept = workitems.by_uid(engine, "1.2")
    assert kept == StoredWorkitem("1.2", Lock(WorkitemState.IN_PROGRESS, "9.1"), "{}", "READER")


def test_a_claim_outlives_the_process(engine: Engine, result_id: int) -> None:
    """Another engine on the same database sees it; a study's events tell who claimed it."""
    workitems.add(engine, new(result_id), NOW)
    workitems.update(engine, "1.2", claim_as("9.1"), LATER)
    other = make_engine(engine.url.render_as_string(hide_password=False))
    found = workitems.by_uid(other, "1.2")
    assert found is not None
    assert found.lock == Lock(WorkitemState.IN_PROGRESS, "9.1")
    other.dispose()
    newest = events.of_study(engine, 1)[-1]
    assert (newest.kind, newest.detail) == (
        "workitem_changed",
        {"sop_instance_uid": "1.2", "state": "IN PROGRESS", "by": "READER"},
    )


def test_of_many_who_claim_at_once_one_gets_it(engine: Engine, result_id: int) -> None:
    """Eight threads, one claim; the others are told that it is taken."""
    workitems.add(engine, new(result_id), NOW)
    verdicts: list[Verdict] = []
    start = threading.Barrier(8)

    def attempt(number: int) -> None:
        start.wait()
        verdicts.append(workitems.update(engine, "1.2", claim_as(f"9.{number}"), NOW))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == sorted([Verdict.GRANTED, *[Verdict.ALREADY_IN_PROGRESS] * 7])


def test_what_is_not_there_is_unknown(engine: Engine) -> None:
    """No claim of nothing."""
    assert workitems.update(engine, "1.2", claim_as("9.1"), NOW) is Verdict.UNKNOWN
    assert workitems.by_uid(engine, "1.2") is None
