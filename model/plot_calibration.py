"""Plot whether probabilities are what they say: a reliability diagram, with the images in each bin."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domain.distribution import BINS, bins_of
from model.measure import Measured
from model.plot_style import FAINT, INK, NORMAL, SMALL, head, new_figure, plain_axes

#: Standard deviations of a 95 % interval.
_Z = 1.959964
_Counts = npt.NDArray[Any]


def wilson(hits: _Counts, counts: _Counts) -> npt.NDArray[np.float64]:
    """Give the 95 % intervals (2, N) of shares hits / counts (N,), counts at least 1 (Wilson 1927)."""
    spread = _Z**2 / counts
    middle = (hits / counts + spread / 2) / (1 + spread)
    half = np.sqrt(hits / counts * (1 - hits / counts) * spread + spread**2 / 4) / (1 + spread)
    return np.stack([middle - half, middle + half])


def draw_calibration(measured: Measured) -> Figure:
    """Draw the share of pneumonia in each bin of the probability, and how many images each holds."""
    figures = measured.figures
    figure = new_figure(6.0)
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    head(figure, shares, "Calibration", f"{figures.data_set}; {figures.n} scored")
    bins, weights = bins_of(measured.probabilities), np.ones(figures.n)
    images = np.bincount(bins, weights=weights, minlength=BINS)
    filled = images > 0
    hits = np.bincount(bins, weights=measured.labels, minlength=BINS)[filled]
    said = np.bincount(bins, weights=measured.probabilities, minlength=BINS)[filled] / images[filled]
    _draw_shares(shares, said, hits, images[filled])
    words = f"expected calibration error {figures.ece:.4f}\nBrier score {figures.brier:.4f}"
    shares.text(0.98, 0.04, words, transform=shares.transAxes, ha="right", fontsize=SMALL + 1, color=INK)
    _draw_counts(counts, images)
    return figure


def _draw_shares(axes: Axes, said: _Counts, hits: _Counts, images: _Counts) -> None:
    found = hits / images
    low, high = wilson(hits, images)
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=":", label="as it should be")
    axes.errorbar(
        said,
        found,
        # The interval of 0 of n starts at 0, but for rounding.
        yerr=np.maximum((found - low, high - found), 0.0),
        color=NORMAL,
        marker="o",
        markersize=5,
        linestyle="none",
        elinewidth=1.2,
        capsize=2.5,
        label="measured, 95 % interval (Wilson)",
        clip_on=False,
    )
    plain_axes(axes, y="share with pneumonia")
    axes.set(ylim=(-0.01, 1.01))
    axes.legend(frameon=False, fontsize=SMALL + 1, loc="upper left")


def _draw_counts(axes: Axes, images: _Counts) -> None:
    bars = axes.bar((np.arange(BINS) + 0.5) / BINS, images, width=0.9 / BINS, color=NORMAL)
    axes.bar_label(bars, [f"{count:.0f}" for count in images], fontsize=SMALL, color=INK, padding=1)
    plain_axes(axes, x="probability of pneumonia, calibrated (mean of the bin above)", y="images")
    axes.margins(y=0.2)
    axes.set(xlim=(-0.01, 1.01), xticks=np.linspace(0.0, 1.0, BINS + 1))
