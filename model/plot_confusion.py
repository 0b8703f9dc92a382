"""Plot a confusion matrix: counts, and the share of each row."""

import numpy as np
from matplotlib.figure import Figure

from model.figures import Rates
from model.plot_style import FAINT, INK, SMALL, TEXT, head, new_figure, plain_axes

_DARK = 0.55


def draw_confusion(rates: Rates, *, point: str, data_set: str) -> Figure:
    """Draw the counts at one operating point; a row is what an image shows, a column what it was called."""
    counts = np.array(
        [[rates.confusion.tn, rates.confusion.fp], [rates.confusion.fn, rates.confusion.tp]], dtype=np.float64
    )
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1.0)
    figure = new_figure(4.2)
    axes = figure.subplots()
    head(figure, axes, f"Confusion matrix at {point}", data_set)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > _DARK else INK
        count = f"{counts[row, column]:.0f}"
        axes.text(column, row - 0.08, count, ha="center", va="center", fontsize=2 * TEXT, color=ink)
        axes.text(column, row + 0.22, f"{share:.1%} of the row", ha="center", fontsize=SMALL + 1, color=ink)
    plain_axes(axes, x=f"called, at a probability of {rates.threshold:.3f} or more pneumonia", y="shows")
    axes.set_xticks((0, 1), ("normal", "pneumonia"), fontsize=TEXT)
    names = [f"{name}\n{int(count)} images" for name, count in zip(("normal", "pneumonia"), rows[:, 0], strict=True)]
    axes.set_yticks((0, 1), names, fontsize=TEXT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(0.5, color="white", linewidth=3)
    axes.xaxis.label.set_color(FAINT)
    axes.yaxis.label.set_color(FAINT)
    return figure
