from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import deliveries, results, studies
from db.future_times import LongestWaits, bring_back
from tests.integration.db.builders import LATER, LEASE, NOW, QUIET, STALE, claimed, received, suspected

_WAITS = LongestWaits(
    analysis_retry=timedelta(seconds=300),
    analysis_lease=LEASE,
    delivery_retry=timedelta(seconds=600),
    delivery_lease=LEASE,
    confirmation=timedelta(seconds=600),
    pause=timedelta(seconds=60),
    tolerance=timedelta(seconds=30),
)
_AHEAD = timedelta(hours=6)


def test_a_study_received_by_a_clock_that_was_ahead_is_read_now(engine: Engine) -> None:
    """Its newest image lies hours ahead: without help it would be quiet only then, for its association as well."""
    received(engine, received_at=NOW + _AHEAD)
    assert studies.mark_ready(engine, LATER, QUIET, STALE) == []
    assert bring_back(engine, NOW, _WAITS) == 2  # the study's newest image, and the association's last sign of life
    assert len(studies.mark_ready(engine, LATER, QUIET, STALE)) == 1


def test_a_lease_from_a_clock_that_was_ahead_ends_in_time(engine: Engine) -> None:
    """Who holds it still has a whole lease, and no more."""
    received(engine)
    claim = claimed(engine, at=LATER + _AHEAD)
    assert bring_back(engine, LATER, _WAITS) == 1
    assert studies.expired_claims(engine, LATER + LEASE) == []
    assert studies.expired_claims(engine, LATER + LEASE * 1.01) == [claim]


def test_a_retry_from_a_clock_that_was_ahead_is_made_now(engine: Engine) -> None:
    """Of a study and of its report."""
    received(engine)
    claim = claimed(engine)
    studies.give_back(engine, claim, LATER + _AHEAD, "broken", timedelta(seconds=5))
    assert bring_back(engine, LATER, _WAITS) == 1
    (study_id,) = studies.due(engine, LATER, None)
    claim = studies.claim(engine, study_id, "t2", LATER, LEASE)  # type: ignore[assignment]
    (delivery_id,) = results.commit_result(engine, claim, suspected(), ["pacs"], LATER + _AHEAD) or []
    assert bring_back(engine, LATER, _WAITS) == 1
    assert list(deliveries.due(engine, LATER, None)) == [delivery_id]


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(seconds=29)], ids=["none", "as hosts differ"])
def test_times_of_clocks_that_agree_are_left_alone(engine: Engine, ahead: timedelta) -> None:
    """A lease just taken, on a host that is a little ahead, stays as it is."""
    received(engine)
    claimed(engine, at=LATER + ahead)
    assert bring_back(engine, LATER, _WAITS) == 0
