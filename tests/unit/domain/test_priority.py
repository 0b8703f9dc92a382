from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.finding import Assessment
from domain.priority import ReadingPriority, reading_position, reading_priority


def test_a_suspicion_raises_a_routine_study_to_high() -> None:
    """A suspected finding is read before routine studies."""
    assert reading_priority(Assessment.SUSPECTED, ["ROUTINE"]) is ReadingPriority.HIGH


def test_a_stat_order_stays_stat_whatever_the_network_says() -> None:
    """What was ordered as STAT is never lowered."""
    assert {reading_priority(assessment, ["ROUTINE", "STAT"]) for assessment in Assessment} == {ReadingPriority.STAT}


@given(st.sampled_from(Assessment), st.lists(st.text(max_size=20)))
def test_priority_is_never_below_routine_nor_below_the_order(assessment: Assessment, ordered: list[str]) -> None:
    """Any statement and any order text give a priority at least as high as without the network."""
    with_network = reading_priority(assessment, ordered)
    without = reading_priority(Assessment.NOT_DETECTED, ordered)
    assert with_network.rank <= without.rank <= ReadingPriority.ROUTINE.rank


_NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_priorities = st.sampled_from(ReadingPriority)
_minutes_ago = st.integers(0, 3000)
_max_wait = st.integers(0, 600).map(lambda minutes: timedelta(minutes=minutes))


def _position(priority: ReadingPriority, minutes_ago: int, max_wait: timedelta) -> datetime:
    return reading_position(priority, _NOW - timedelta(minutes=minutes_ago), max_wait)


@given(_priorities, _priorities, _minutes_ago, _minutes_ago, _max_wait)
def test_who_has_not_waited_beyond_the_setting_stands_behind_whoever_is_more_urgent(
    one: ReadingPriority, other: ReadingPriority, one_ago: int, other_ago: int, max_wait: timedelta
) -> None:
    """Reading priority comes first, waiting time second, until somebody has waited too long."""
    if one.rank < other.rank and timedelta(minutes=other_ago) < max_wait:
        assert _position(one, one_ago, max_wait) < _position(other, other_ago, max_wait)
    if one is other and one_ago > other_ago:
        assert _position(one, one_ago, max_wait) < _position(other, other_ago, max_wait)


@given(_priorities, _priorities, _minutes_ago, _minutes_ago, _max_wait)
def test_nothing_that_arrives_later_than_the_setting_allows_overtakes(
    waiting: ReadingPriority, new: ReadingPriority, waiting_ago: int, new_ago: int, max_wait: timedelta
) -> None:
    """Arrival order is never left by more than the setting for each step of priority between two studies."""
    steps = max(0, waiting.rank - new.rank)
    if timedelta(minutes=waiting_ago - new_ago) > steps * max_wait:
        assert _position(waiting, waiting_ago, max_wait) < _position(new, new_ago, max_wait)


@given(st.lists(st.tuples(_priorities, _minutes_ago), max_size=40), _max_wait)
def test_no_study_is_read_after_more_than_arrived_within_the_setting(
    studies: list[tuple[ReadingPriority, int]], max_wait: timedelta
) -> None:
    """On a whole list: what overtakes a study arrived within two steps of the setting after it, a flag within one."""
    order = sorted(studies, key=lambda study: _position(*study, max_wait))
    for place, (priority, minutes_ago) in enumerate(order):
        for ahead, ahead_ago in order[:place]:
            assert timedelta(minutes=minutes_ago - ahead_ago) <= max(0, priority.rank - ahead.rank) * max_wait


@given(_priorities, _minutes_ago, _max_wait)
def test_a_raised_priority_never_moves_a_study_back(priority: ReadingPriority, ago: int, max_wait: timedelta) -> None:
    """The network's flag and the order's STAT only ever help the study that they are about."""
    positions = [_position(raised, ago, max_wait) for raised in ReadingPriority if raised.rank <= priority.rank]
    assert positions == sorted(positions)


@given(_priorities, _priorities, _minutes_ago)
def test_a_setting_of_nothing_is_arrival_order(one: ReadingPriority, other: ReadingPriority, ago: int) -> None:
    """First come, first served."""
    assert _position(one, ago + 1, timedelta()) < _position(other, ago, timedelta())
