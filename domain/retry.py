"""How long to wait before trying again."""

import random
from datetime import timedelta

#: Share of the wait that is drawn at random, so that a thousand waiting reports do not return as one.
JITTER = 0.25


def wait_before_retry(
    attempt: int, first_seconds: float, longest_seconds: float, draw: float | None = None
) -> timedelta:
    """Give the wait after failed attempt number `attempt` (from 1): doubling, bounded, with jitter.

    `draw` in [0, 1) replaces the random number.
    """
    doubled = first_seconds * 2.0 ** min(attempt - 1, 32)
    bounded = min(doubled, longest_seconds)
    share = random.random() if draw is None else draw  # noqa: S311 - spreads load, keeps no secret
    return timedelta(seconds=bounded * (1.0 - JITTER * share))
