import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.proportion import Proportion, percentiles

NUMBERS = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(NUMBERS)
def test_the_interval_holds_the_share_and_lies_within_0_and_1(counted: tuple[int, int]) -> None:
    """Also where everything or nothing was counted."""
    hits, n = counted
    low, high = Proportion(hits, n).interval
    assert 0 <= low <= hits / n <= high <= 1
    assert low < high


@given(NUMBERS)
def test_the_interval_of_the_rest_is_the_mirror(counted: tuple[int, int]) -> None:
    """Agreement and disagreement are told alike."""
    hits, n = counted
    low, high = Proportion(hits, n).interval
    assert Proportion(n - hits, n).interval == pytest.approx((1 - high, 1 - low))


@given(NUMBERS)
def test_more_of_the_same_is_known_better(counted: tuple[int, int]) -> None:
    """Four times as many make a narrower interval."""
    hits, n = counted
    low, high = Proportion(hits, n).interval
    lower, higher = Proportion(4 * hits, 4 * n).interval
    assert higher - lower < high - low


def test_known_values() -> None:
    """Newcombe (1998), Table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, n), interval in published.items():
        assert Proportion(hits, n).interval == pytest.approx(interval, abs=5e-5)
    assert Proportion(0, 0).interval == (0, 1)
    assert Proportion(0, 0).share is None


def test_percentiles_of_nothing_are_nothing() -> None:
    """No turnaround is no turnaround of 0."""
    assert percentiles([], (50,)) is None
    assert percentiles([1.0, 2.0, 3.0], (50, 100)) == (2.0, 3.0)
