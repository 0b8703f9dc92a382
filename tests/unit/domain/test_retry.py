from hypothesis import given
from hypothesis import strategies as st

from domain.retry import JITTER, wait_before_retry


@given(st.integers(1, 10_000), st.floats(0.1, 60), st.floats(60, 3600), st.floats(0, 0.999))
def test_the_wait_grows_and_stays_within_its_bounds(attempt: int, first: float, longest: float, draw: float) -> None:
    """Whatever the attempt, the wait is positive, at most the longest, and not shorter than jitter allows."""
    seconds = wait_before_retry(attempt, first, longest, draw).total_seconds()
    doubled = min(first * 2.0 ** min(attempt - 1, 32), longest)
    assert doubled * (1 - JITTER) - 1e-5 <= seconds <= doubled + 1e-5


def test_the_first_waits_double() -> None:
    """Without jitter: 5, 10, 20 seconds."""
    assert [wait_before_retry(n, 5, 600, draw=0).total_seconds() for n in (1, 2, 3)] == [5, 10, 20]
