"""Plot how well probabilities order images: ROC and precision-recall, with bands and operating points."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics

from model.bootstrap import bounds, resamplings
from model.figures import Rates
from model.measure import Labels, Measured, Probabilities
from model.plot_style import BAND, FAINT, INK, NORMAL, PNEUMONIA, SMALL, THIRD, head, new_figure, plain_axes

Curve = npt.NDArray[np.float64]
#: Gives the heights of a curve at GRID.
CurveOf = Callable[[Labels, Probabilities], Curve]

#: Where curves are drawn and their bands measured.
GRID = np.linspace(0.0, 1.0, 1001)
_MARKERS = (("o", PNEUMONIA), ("D", THIRD), ("s", INK), ("^", "#CC79A7"), ("v", "#E69F00"))
#: Sides of the corner that may be shown enlarged: the smallest that holds every marked point.
_CORNERS = (0.1, 0.15, 0.25, 0.4)
_CORNER_MARGIN = 0.9
_HEIGHT = 6.0


def roc_heights(labels: Labels, probabilities: Probabilities) -> Curve:
    """Give the highest recall at each false positive rate of GRID or below."""
    false_positive, recall, _ = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    heights: Curve = recall[np.searchsorted(false_positive, GRID, side="right") - 1]
    return heights


def precision_heights(labels: Labels, probabilities: Probabilities) -> Curve:
    """Give the precision where the recall first reaches each value of GRID."""
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    rising, heights = recall[::-1], precision[::-1]
    reached: Curve = heights[np.minimum(np.searchsorted(rising, GRID, side="left"), len(heights) - 1)]
    return reached


def draw_roc(measured: Measured) -> Figure:
    """Draw the ROC curve of images of both classes."""
    figures = measured.figures
    figure, axes = _start(measured, "ROC curve")
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=":", label="chance")
    points = [(label, 1.0 - (rates.specificity or 0.0), rates.recall or 0.0) for label, rates in _points(measured)]
    corner = _corner(axes, [(x, 1.0 - y) for _, x, y in points], right=False)
    _draw(axes, corner, measured, roc_heights, f"ROC AUC {figures.roc_auc:.3f}")
    _mark(axes, corner, points)
    plain_axes(axes, x="false positive rate (1 - specificity)", y="recall (sensitivity)")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=SMALL)
    return figure


def draw_precision_recall(measured: Measured) -> Figure:
    """Draw the precision-recall curve of images of both classes."""
    figures = measured.figures
    figure, axes = _start(measured, "Precision and recall")
    share = float(measured.labels.mean())
    axes.plot((0, 1), (share, share), color=FAINT, linewidth=0.8, linestyle=":", label=f"chance: {share:.3f} have it")
    # Without a positive call there is no precision, and no point to draw.
    points = [
        (label, rates.recall or 0.0, rates.precision)
        for label, rates in _points(measured)
        if rates.precision is not None
    ]
    corner = _corner(axes, [(1.0 - x, 1.0 - y) for _, x, y in points], right=True)
    _draw(axes, corner, measured, precision_heights, f"average precision {figures.pr_auc:.4f}")
    _mark(axes, corner, points)
    plain_axes(axes, x="recall (sensitivity)", y="precision")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=SMALL)
    return figure


def _start(measured: Measured, title: str) -> tuple[Figure, Axes]:
    figure = new_figure(_HEIGHT)
    axes = figure.subplots()
    head(figure, axes, title, f"{measured.figures.data_set}; {measured.figures.n} scored")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    return figure, axes


def _points(measured: Measured) -> list[tuple[str, Rates]]:
    points = {f"{name}: {rates.threshold:.3f}": rates for name, rates in measured.figures.operating_points.items()}
    return [*points.items(), ("threshold 0.5", measured.figures)]


def _corner(axes: Axes, distances: Sequence[tuple[float, float]], *, right: bool) -> Axes | None:
    """Enlarge the upper corner where the marked points lie, `distances` from it; None where they lie far away."""
    farthest = max((max(point) for point in distances), default=1.0)
    side = next((side for side in _CORNERS if farthest <= _CORNER_MARGIN * side), None)
    if side is None:
        return None
    corner = axes.inset_axes((0.1 if right else 0.34, 0.1, 0.6, 0.56))
    left = 1.0 - side if right else 0.0
    margin = side / 50
    corner.set(xlim=(left - margin, left + side + margin), ylim=(1.0 - side - margin, 1.0 + margin))
    corner.spines[:].set_color(FAINT)
    corner.tick_params(colors=INK, labelsize=SMALL, color=FAINT)
    frame = axes.indicate_inset_zoom(corner, edgecolor=FAINT, linewidth=0.8, alpha=1.0)
    for connector in frame.connectors or ():
        connector.set_visible(False)
    corner.set_title("the framed corner", loc="left", fontsize=SMALL, color=FAINT)
    return corner


def _draw(axes: Axes, corner: Axes | None, measured: Measured, curve_of: CurveOf, label: str) -> None:
    """Draw the curve and its band, also into the corner."""
    labels, probabilities = measured.labels, measured.probabilities
    chosen = resamplings(labels, measured.patients)
    low, high = bounds([curve_of(labels[one], probabilities[one]) for one in chosen])
    whole = curve_of(labels, probabilities)
    for drawn in (axes, corner):
        if drawn is not None:
            drawn.fill_between(GRID, low, high, color=BAND, linewidth=0, label="95 % band, bootstrap by patient")
            drawn.plot(GRID, whole, color=NORMAL, linewidth=1.6, label=label)


def _mark(axes: Axes, corner: Axes | None, points: Sequence[tuple[str, float, float]]) -> None:
    """Mark operating points, each by a shape of its own."""
    for (label, x, y), (shape, colour) in zip(points, _MARKERS * len(points), strict=False):
        for drawn in (axes, corner):
            if drawn is not None:
                size = 4 if drawn is axes and corner is not None else 7
                drawn.plot(
                    x,
                    y,
                    linestyle="none",
                    marker=shape,
                    color=colour,
                    markersize=size,
                    markeredgecolor="white",
                    label=label,
                    clip_on=False,
                )
