import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.distribution import BINS, Reference, bins_of, histogram, shares_of, stability_index

COUNTS = st.lists(st.integers(0, 10_000), min_size=BINS, max_size=BINS)


@given(COUNTS, COUNTS)
def test_the_index_is_zero_for_the_same_and_above_for_another(one: list[int], other: list[int]) -> None:
    """It is the same both ways, and never infinite, whatever bins are empty."""
    first, second = shares_of(np.array(one)), shares_of(np.array(other))
    index = stability_index(first, second)
    assert np.isfinite(index)
    assert index == pytest.approx(stability_index(second, first))
    assert stability_index(first, first) == 0
    assert index >= -1e-12
    if np.abs(first - second).max() > 1e-3:
        assert index > 0


@given(COUNTS, COUNTS, st.permutations(range(BINS)))
def test_the_index_does_not_depend_on_which_bin_is_which(one: list[int], other: list[int], order: list[int]) -> None:
    """Both reordered alike are as far apart as before."""
    first, second = shares_of(np.array(one)), shares_of(np.array(other))
    assert stability_index(first[order], second[order]) == pytest.approx(stability_index(first, second))


@given(st.lists(st.floats(0, 1), max_size=50))
def test_every_probability_is_counted_in_one_bin(probabilities: list[float]) -> None:
    """Also 1, which belongs to the last."""
    values = np.array(probabilities, np.float64)
    assert histogram(values).sum() == len(probabilities)
    assert ((bins_of(values) >= 0) & (bins_of(values) < BINS)).all()


@given(COUNTS, COUNTS, st.floats(0, 1))
def test_a_reference_has_the_prevalence_that_is_expected(normal: list[int], pneumonia: list[int], part: float) -> None:
    """At 0 and 1 it is that of one class; what is drawn from the mixture is at no distance from it."""
    reference = Reference(tuple(normal), tuple(pneumonia))
    assert reference.shares(part).sum() == pytest.approx(1)
    assert reference.shares(0) == pytest.approx(shares_of(np.array(normal)))
    assert reference.shares(1) == pytest.approx(shares_of(np.array(pneumonia)))


def test_a_network_that_flags_everything_is_far_from_any_ordinary_prevalence() -> None:
    """What the alarm is for: all answers at the top."""
    reference = Reference((90, 5, 2, 1, 1, 1, 0, 0, 0, 0), (0, 0, 1, 1, 1, 2, 2, 3, 10, 280))
    found = shares_of(np.array([0] * 9 + [200]))
    assert stability_index(reference.shares(), found) > 0.25
    assert stability_index(reference.shares(0.2), found) > 2
    assert reference.prevalence == 0.75
