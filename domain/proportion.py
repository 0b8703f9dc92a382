"""A share that was counted, and between which bounds it may lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

#: Of the standard normal distribution, for 95 %.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `n`, with Wilson's interval of 95 % (Wilson 1927)."""

    hits: int
    n: int

    @property
    def share(self) -> float | None:
        """None of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Give the bounds; of nothing, all is possible."""
        if not self.n:
            return 0.0, 1.0
        share, square = self.hits / self.n, _Z**2
        middle = (share + square / (2 * self.n)) / (1 + square / self.n)
        half = _Z / (1 + square / self.n) * sqrt(share * (1 - share) / self.n + square / (4 * self.n**2))
        # Rounding may leave the bounds by a hair, and the share itself outside them at 0 and at n.
        return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def percentiles(values: Sequence[float], wanted: Sequence[int]) -> tuple[float, ...] | None:
    """Give percentiles of values; None of nothing."""
    return tuple(float(one) for one in np.percentile(values, wanted)) if values else None
