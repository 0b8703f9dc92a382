import itertools

import pytest

from domain.workitem import (
    Lock,
    Verdict,
    WorkitemState,
    judge_cancel_request,
    judge_state_change,
    judge_update,
)

S, P, C, X = WorkitemState
KEY = "1.2.3"


def lock(state: WorkitemState) -> Lock:
    """A workitem in a state, claimed under KEY unless it is SCHEDULED."""
    return Lock(state, "" if state is S else KEY)


# PS3.4 Table CC.1.1-2: state -> requested state -> what is answered with the right Transaction UID.
TABLE = {
    S: {
        S: Verdict.SCHEDULED_ONLY_BY_CREATION,
        P: Verdict.GRANTED,
        C: Verdict.NOT_IN_PROGRESS,
        X: Verdict.NOT_IN_PROGRESS,
    },
    P: {S: Verdict.SCHEDULED_ONLY_BY_CREATION, P: Verdict.ALREADY_IN_PROGRESS, C: Verdict.GRANTED, X: Verdict.GRANTED},
    C: {
        S: Verdict.SCHEDULED_ONLY_BY_CREATION,
        P: Verdict.NO_LONGER_UPDATABLE,
        C: Verdict.ALREADY_COMPLETED,
        X: Verdict.NO_LONGER_UPDATABLE,
    },
    X: {
        S: Verdict.SCHEDULED_ONLY_BY_CREATION,
        P: Verdict.NO_LONGER_UPDATABLE,
        C: Verdict.NO_LONGER_UPDATABLE,
        X: Verdict.ALREADY_CANCELED,
    },
}


@pytest.mark.parametrize(("state", "requested"), itertools.product(WorkitemState, WorkitemState))
def test_every_change_is_judged_as_the_standard_says(state: WorkitemState, requested: WorkitemState) -> None:
    """Sixteen pairs of states, each with the answer of PS3.4 Table CC.1.1-2."""
    assert judge_state_change(lock(state), requested, KEY) is TABLE[state][requested]


@pytest.mark.parametrize("requested", [C, X])
@pytest.mark.parametrize("given", ["", "9.9"])
def test_only_who_claimed_it_may_end_it(requested: WorkitemState, given: str) -> None:
    """Another Transaction UID, or none, opens nothing."""
    assert judge_state_change(lock(P), requested, given) is Verdict.WRONG_TRANSACTION_UID
    assert judge_state_change(lock(requested), requested, given) is Verdict.WRONG_TRANSACTION_UID


def test_a_claim_needs_a_transaction_uid() -> None:
    """Without one nobody could ever end it."""
    assert judge_state_change(lock(S), P, "") is Verdict.WRONG_TRANSACTION_UID


def test_a_final_state_needs_its_attributes() -> None:
    """C304, and the workitem stays in progress."""
    assert judge_state_change(lock(P), C, KEY, final_state_met=False) is Verdict.FINAL_STATE_NOT_MET


def test_what_was_canceled_unclaimed_is_already_canceled_for_everybody() -> None:
    """There is no Transaction UID that could be known."""
    assert judge_state_change(Lock(X, ""), X, "") is Verdict.ALREADY_CANCELED


@pytest.mark.parametrize(
    ("state", "given", "verdict"),
    [
        (S, KEY, Verdict.NOT_IN_PROGRESS),
        (P, KEY, Verdict.GRANTED),
        (P, "9.9", Verdict.WRONG_TRANSACTION_UID),
        (P, "", Verdict.WRONG_TRANSACTION_UID),
        (C, KEY, Verdict.NO_LONGER_UPDATABLE),
        (X, KEY, Verdict.NO_LONGER_UPDATABLE),
    ],
)
def test_attributes_are_set_by_the_claimer_while_it_is_in_progress(
    state: WorkitemState, given: str, verdict: Verdict
) -> None:
    """N-SET before, after, and by others changes nothing."""
    assert judge_update(lock(state), given) is verdict


def test_a_cancel_request_is_granted_only_while_nobody_has_claimed_it() -> None:
    """Who performs it is not told of requests, for no events are sent."""
    assert [judge_cancel_request(state) for state in WorkitemState] == [
        Verdict.GRANTED,
        Verdict.PERFORMER_UNREACHABLE,
        Verdict.CANCEL_OF_COMPLETED,
        Verdict.ALREADY_CANCELED,
    ]
