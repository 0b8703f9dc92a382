"""How probabilities are spread, and how far that is from a reference (population stability index)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

#: Of equal width, from probability 0 to 1.
BINS = 10
#: Added to each bin, so that an empty one is no infinity (Jeffreys).
_PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version answered to images whose truth is known: counts in `BINS` bins, by class."""

    normal: tuple[int, ...]
    pneumonia: tuple[int, ...]

    @property
    def prevalence(self) -> float:
        """Share of pneumonia among the images."""
        return sum(self.pneumonia) / (sum(self.pneumonia) + sum(self.normal))

    def shares(self, prevalence: float | None = None) -> Shares:
        """Give the share of each bin (BINS,), with so much pneumonia as is expected; None: as in the reference."""
        weight = self.prevalence if prevalence is None else prevalence
        return weight * shares_of(np.array(self.pneumonia)) + (1 - weight) * shares_of(np.array(self.normal))


def bins_of(probabilities: npt.NDArray[np.float64]) -> Counts:
    """Give the bin (N,) of each probability (N,) in [0, 1], counted from 0."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def histogram(probabilities: npt.NDArray[np.float64]) -> Counts:
    """Count probabilities (N,) by bin (BINS,)."""
    return np.bincount(bins_of(probabilities), minlength=BINS).astype(np.int64)


def shares_of(counts: Counts) -> Shares:
    """Give the share of each bin, none of them 0: (BINS,) of sum 1."""
    smoothed: Shares = (counts + _PRIOR) / (counts.sum() + _PRIOR * len(counts))
    return smoothed


def stability_index(expected: Shares, found: Shares) -> float:
    """Give the population stability index of two distributions: 0 where they are the same.

    Sum of (found - expected) ln(found / expected); by custom below 0.1 is steady, above 0.25 is another population.
    """
    return float(np.sum((found - expected) * np.log(found / expected)))
