"""What of an evaluation and of a training curve is shown, row by row, wherever either is shown."""

from collections.abc import Iterator, Sequence

from model.figures import Figures, Rates
from model.run_folder import EpochRecord

CURVE_COLUMNS = ("epoch", "rate", "loss", "accuracy", "val. loss", "val. accuracy", "val. ROC AUC", "seconds")

_RATES = ("threshold", "accuracy", "precision", "recall", "specificity", "f1")
_COUNTS = ("tp", "fp", "tn", "fn")


def at_thresholds(figures: Figures) -> dict[str, Rates]:
    """Give the rates at 0.5 and at each operating point, by the name that they are shown under."""
    return {"at 0.5": figures, **figures.operating_points}


def rate_rows(figures: Figures) -> Iterator[tuple[str, ...]]:
    """Give a row a figure: its name, then its value at each threshold."""
    rates = at_thresholds(figures).values()
    for name in _RATES:
        yield (name, *(figure_cell(getattr(one, name)) for one in rates))
    for name in _COUNTS:
        yield (name, *(str(getattr(one.confusion, name)) for one in rates))


def curve_rows(curve: Sequence[EpochRecord]) -> Iterator[tuple[str, ...]]:
    """Give a row an epoch, in the order of CURVE_COLUMNS."""
    for record in curve:
        measured = (record.loss, record.accuracy, record.val_loss, record.val_accuracy, record.val_auc)
        yield (
            str(record.epoch),
            f"{record.learning_rate:.1e}",
            *(f"{value:.3f}" for value in measured),
            f"{record.seconds:.0f}",
        )


def figure_cell(value: float | None) -> str:
    """Give a figure with four digits, nothing as a dash."""
    return "-" if value is None else f"{value:.4f}"
