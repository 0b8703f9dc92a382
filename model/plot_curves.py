"""Plot how a training run went: loss, validation, rate, epoch by epoch."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from model.plot_style import FAINT, NORMAL, PNEUMONIA, SMALL, THIRD, head, new_figure, plain_axes
from model.run_folder import EpochRecord

#: Epochs up to which each is marked by a point.
_MARKED = 40


def draw_curves(history: Sequence[EpochRecord], *, subtitle: str) -> Figure:
    """Draw the epochs so far, at least one."""
    figure = new_figure(6.6)
    loss, quality, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.6))
    epochs = [record.epoch for record in history]
    head(figure, loss, "Training curves", subtitle)
    _line(loss, epochs, [record.loss for record in history], NORMAL, "training, on disturbed images with dropout")
    _line(loss, epochs, [record.val_loss for record in history], PNEUMONIA, "validation", dashed=True)
    plain_axes(loss, y="loss (nats)")
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    _line(quality, epochs, [record.val_auc for record in history], THIRD, "validation ROC AUC")
    accuracy = [record.val_accuracy for record in history]
    _line(quality, epochs, accuracy, PNEUMONIA, "validation accuracy at 0.5, uncalibrated", dashed=True)
    plain_axes(quality, y="share")
    quality.set_ylim(top=1.005)
    _line(rate, epochs, [record.learning_rate * 1000 for record in history], FAINT, None)
    plain_axes(rate, x="epoch", y="rate (10⁻³)")
    rate.set_ylim(bottom=0.0)
    rate.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in (loss, quality):
        axes.legend(frameon=False, fontsize=SMALL + 1)
    return figure


def _line(
    axes: Axes, epochs: list[int], values: list[float], colour: str, label: str | None, *, dashed: bool = False
) -> None:
    marker = "o" if len(epochs) <= _MARKED else None
    style = "--" if dashed else "-"
    axes.plot(epochs, values, color=colour, linestyle=style, linewidth=1.6, marker=marker, markersize=3.5, label=label)
