"""Resamplings of measured images, for intervals and bands: whole patients are drawn, as their images are alike."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

ROUNDS = 1000
#: Of the resamplings that an interval or a band holds.
SHARE = 0.95
_SEED = 20190
_BOTH_CLASSES = 2


def holds_both_classes(labels: npt.NDArray[np.int64]) -> bool:
    """Whether labels (N,) of 0 and 1 hold either."""
    return len(np.unique(labels)) == _BOTH_CLASSES


def resamplings(labels: npt.NDArray[np.int64], groups: Sequence[str]) -> Iterator[npt.NDArray[np.int64]]:
    """Draw whole groups with replacement, the same ones at each call, and give the places of their images.

    Resamplings that hold one class only are left out, so there may be fewer than ROUNDS.
    """
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    generator = np.random.default_rng(_SEED)
    for _ in range(ROUNDS):
        chosen = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        if holds_both_classes(labels[chosen]):
            yield chosen


def bounds(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the bounds (2, ...) of the middle SHARE of values (resamplings, ...)."""
    outside = (1.0 - SHARE) / 2
    return np.quantile(np.asarray(values, np.float64), (outside, 1.0 - outside), axis=0)
