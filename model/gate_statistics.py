"""What the input gate measures on an image: its layout, its edges, its grey levels, none of them tied to resolution.

Everything starts from a 64 x 64 area average whose grey levels are replaced by their ranks, so that neither the size
nor a monotonic grey-level curve (window, gamma, contrast) changes what is measured. Gradient histograms by cell
follow Dalal and Triggs, "Histograms of oriented gradients for human detection" (CVPR 2005), with signed directions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: float32 wherever it is returned.
Array = npt.NDArray[np.floating[Any]]

#: Rows and columns of the reduced image.
REDUCED_SIDE = 64
#: Rows and columns of the thumbnail whose layout is compared.
THUMBNAIL_SIDE = 32
_CELLS, _DIRECTIONS = 8, 8
_CELL = REDUCED_SIDE // _CELLS
#: Ranks tell this many grey levels of the contrast apart.
_LEVELS = 512
_GREY_BINS, _SPECTRUM_BANDS = 16, 7
#: Grey levels closer to the darkest or brightest than this share of the contrast count as background.
_BACKGROUND = 0.03
#: Keeps quotients and logarithms finite where an image has no structure at all.
_TINY = 1e-6
#: Length of one layout description: thumbnail and gradient histograms.
LAYOUT_LENGTH = THUMBNAIL_SIDE**2 + _CELLS**2 * _DIRECTIONS
#: Length of one grey-level description.
GREY_LENGTH = _GREY_BINS + _SPECTRUM_BANDS + 5


@dataclass(frozen=True, slots=True)
class Turn:
    """How to put an image right: quarter turns anticlockwise (as `numpy.rot90`), then an inversion of polarity."""

    #: 0 to 3.
    quarter_turns: int = 0
    invert: bool = False

    def apply(self, image: Array) -> Array:
        """Turn an image in [0, 1], (H, W) or (W, H) afterwards; float32, contiguous."""
        turned = np.rot90(image, self.quarter_turns)
        return np.ascontiguousarray(1 - turned if self.invert else turned, dtype=np.float32)

    def __str__(self) -> str:
        parts = [f"{90 * self.quarter_turns} degrees anticlockwise"] if self.quarter_turns else []
        return " and ".join(parts + ["inverted polarity"] * self.invert) or "upright"


#: As it stands, first; then every other way in which a frontal view is stored.
UPRIGHT = Turn()
TURNS = tuple(Turn(quarters, invert) for invert in (False, True) for quarters in range(4))


def reduce_image(image: Array) -> Array:
    """Average an image (H, W) over 64 x 64 equal areas, cut pixels by their share: (64, 64) float32."""
    rows, columns = (_area_weights(length) for length in image.shape)
    reduced: Array = rows @ image @ columns.T
    return reduced


def contrast(reduced: Array) -> float:
    """Give the distance of the 1st and 99th percentile of a reduced image, in grey levels of [0, 1]."""
    low, high = np.percentile(reduced, (1, 99))
    return float(high - low)


def equalise(reduced: Array) -> Array:
    """Replace grey levels by their mean ranks, (64, 64) float32 in (-0.5, 0.5); equal levels share one rank."""
    low, high = np.percentile(reduced, (1, 99))
    levels = np.round(reduced * (_LEVELS / max(float(high - low), _TINY)))  # else rounding would rank a flat border
    _, position, counts = np.unique(levels, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * counts) / reduced.size - 0.5
    return ranks[position.reshape(reduced.shape)].astype(np.float32)


def turn_equalised(equalised: Array, turn: Turn) -> Array:
    """Turn ranks as `Turn.apply` turns grey levels: an inversion negates them."""
    turned = np.rot90(equalised, turn.quarter_turns)
    return -turned if turn.invert else turned


def describe_layout(equalised: Array) -> Array:
    """Give thumbnail (1024) and gradient histograms (512) of ranks (64, 64) as one vector float32."""
    half = REDUCED_SIDE // THUMBNAIL_SIDE
    thumbnail = equalised.reshape(THUMBNAIL_SIDE, half, THUMBNAIL_SIDE, half).mean(axis=(1, 3))
    return np.concatenate([thumbnail.ravel(), _gradient_histograms(equalised).ravel()]).astype(np.float32)


def describe_grey(reduced: Array) -> Array:
    """Give grey-level shape, radial spectrum, symmetry and background of a reduced image: (28,) float32.

    The histogram and the background are taken after stretching the 1st and 99th percentile to 0 and 1.
    """
    low, high = np.percentile(reduced, (1, 99))
    stretched = np.clip((reduced - low) / max(float(high - low), _TINY), 0, 1)
    shape = np.histogram(stretched, bins=_GREY_BINS, range=(0, 1))[0] / reduced.size
    border = np.concatenate([stretched[:2].ravel(), stretched[:, :2].ravel(), stretched[:, -2:].ravel()])
    scalars = [
        _correlation(stretched, stretched[:, ::-1]),
        _correlation(stretched, stretched[::-1]),
        float((stretched < _BACKGROUND).mean()),
        float((stretched > 1 - _BACKGROUND).mean()),
        float((border < _BACKGROUND).mean()),
    ]
    return np.concatenate([np.sqrt(shape), _spectrum(stretched), scalars]).astype(np.float32)


def _area_weights(length: int) -> Array:
    """Give the averaging matrix (64, length)."""
    edges = np.arange(REDUCED_SIDE + 1)[:, np.newaxis] * (length / REDUCED_SIDE)
    covered = np.clip(edges - np.arange(length), 0, 1)
    weights: Array = (np.diff(covered, axis=0) * (REDUCED_SIDE / length)).astype(np.float32)
    return weights


def _gradient_histograms(equalised: Array) -> Array:
    """Give the share of gradient by direction in each 8 x 8 cell, (8, 8, 8), each cell scaled by its surroundings."""
    down, right = np.gradient(equalised)
    strength = np.hypot(down, right)
    direction = np.arctan2(down, right) * (_DIRECTIONS / (2 * np.pi))
    lower = np.floor(direction)
    share = direction - lower
    cell = np.arange(REDUCED_SIDE) // _CELL
    place = (cell[:, np.newaxis] * _CELLS + cell) * _DIRECTIONS
    histogram = np.zeros(_CELLS**2 * _DIRECTIONS)
    for offset, weight in ((0, 1 - share), (1, share)):
        bins = (lower.astype(np.int64) + offset) % _DIRECTIONS
        histogram += np.bincount((place + bins).ravel(), (strength * weight).ravel(), minlength=histogram.size)
    cells = histogram.reshape(_CELLS**2, _DIRECTIONS)
    own = np.linalg.norm(cells, axis=1, keepdims=True)
    shares: Array = (cells / (own + own.mean() + _TINY)).astype(np.float32)
    return shares


def _spectrum(stretched: Array) -> Array:
    """Give the log power in rings of doubling-or-less radius, relative to their sum, (7,)."""
    window = np.hanning(REDUCED_SIDE)
    power = np.abs(np.fft.fft2((stretched - stretched.mean()) * np.outer(window, window))) ** 2
    cycles = np.fft.fftfreq(REDUCED_SIDE, 1 / REDUCED_SIDE)
    radius = np.hypot(cycles[:, np.newaxis], cycles)
    ring = np.digitize(radius, (1.5, 2.5, 4, 6.5, 10.5, 17, 32)).ravel()
    sums = np.bincount(ring, power.ravel(), minlength=_SPECTRUM_BANDS + 1)[:_SPECTRUM_BANDS]
    powers: Array = (np.log10(sums / (sums.sum() + _TINY) + _TINY) / 3).astype(np.float32)
    return powers


def _correlation(first: Array, second: Array) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / (np.sqrt((first**2).sum() * (second**2).sum()) + _TINY))
