"""Plot what `max_wait_minutes` does to turnaround, flagged against unflagged."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domain.turnaround import Turnaround
from model.plot_style import FAINT, NORMAL, PNEUMONIA, SMALL, head, new_figure, plain_axes


def draw_turnaround(measured: Mapping[int, Turnaround], *, chosen: int, subtitle: str) -> Figure:
    """Draw turnaround by setting, in minutes; a setting of 0 is first come, first served, and must be among them."""
    figure = new_figure(5.6)
    mean, worst = figure.subplots(2, 1, sharex=True)
    head(figure, mean, "Turnaround by max_wait_minutes", subtitle)
    settings = sorted(measured)
    found = [measured[setting] for setting in settings]
    _lines(mean, settings, [one.flagged_mean for one in found], [one.unflagged_mean for one in found])
    _lines(worst, settings, [one.flagged_worst for one in found], [one.unflagged_worst for one in found])
    plain_axes(mean, y="mean (minutes)")
    plain_axes(worst, x="max_wait_minutes (0 = first come, first served)", y="worst (minutes)")
    for axes in (mean, worst):
        axes.set_ylim(bottom=0)
        axes.set_xticks(settings)
        axes.axvline(chosen, color=FAINT, linewidth=0.8, linestyle=":")
    mean.legend(frameon=False, fontsize=SMALL + 1)
    return figure


def _lines(axes: Axes, settings: list[int], flagged: list[float], others: list[float]) -> None:
    for values, colour, label, marker in ((flagged, PNEUMONIA, "flagged", "o"), (others, NORMAL, "unflagged", "s")):
        axes.plot(settings, values, color=colour, linewidth=1.6, marker=marker, markersize=4, label=label)
        axes.axhline(values[0], color=colour, linewidth=0.8, linestyle="--", alpha=0.6)
