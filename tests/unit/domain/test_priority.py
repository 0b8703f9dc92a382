from hypothesis import given
from hypothesis import strategies as st

from domain.finding import Assessment
from domain.priority import ReadingPriority, reading_priority


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
