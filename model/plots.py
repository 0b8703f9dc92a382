"""Write the plots of a version or a run into a folder, under fixed names."""

from collections.abc import Sequence
from pathlib import Path

from model.evaluate import Evaluation
from model.gated_classifier import GatedClassifier
from model.measure import Measured
from model.plot_calibration import draw_calibration
from model.plot_confusion import draw_confusion
from model.plot_curves import draw_curves
from model.plot_examples import draw_examples
from model.plot_ranking import draw_precision_recall, draw_roc
from model.plot_style import save
from model.run_folder import EpochRecord, RunFolder

CURVES, ROC, PRECISION_RECALL = "curves.png", "roc.png", "precision-recall.png"
CALIBRATION, CONFUSION, EXAMPLES = "calibration.png", "confusion.png", "examples.png"

#: Photographs need more colours than lines.
_PHOTOGRAPH_COLOURS = 256


def write_version_plots(folder: Path, version: GatedClassifier, evaluation: Evaluation) -> list[Path]:
    """Write every plot of a version that was just measured: its curves are the card's. Gives the files.

    Without a curve (made elsewhere), or with images of one class, what needs them is left out.
    """
    card, written = version.card, []
    if card.curve:
        recipe = f"recipe {card.recipe.name}, seed {card.recipe.seed}" if card.recipe else "made elsewhere"
        written.append(write_curves(folder, card.curve, source=card.version, subtitle=f"{card.version}: {recipe}"))
    written += write_measured_plots(folder, evaluation, point=card.default_operating_point, source=card.version)
    sheet = draw_examples(version, evaluation)
    return [*written, save(sheet, folder / EXAMPLES, source=card.version, colours=_PHOTOGRAPH_COLOURS)]


def write_measured_plots(folder: Path, measured: Measured, *, point: str, source: str) -> list[Path]:
    """Write ROC, precision-recall, calibration and, at an operating point, the confusion matrix. Gives the files.

    The first two are left out where the images hold one class only.
    """
    figures = measured.figures
    drawn = {
        CALIBRATION: draw_calibration(measured),
        CONFUSION: draw_confusion(
            figures.operating_points[point], point=point, data_set=f"{figures.data_set}; {figures.n} scored"
        ),
    }
    if figures.roc_auc is not None:
        drawn |= {ROC: draw_roc(measured), PRECISION_RECALL: draw_precision_recall(measured)}
    return [save(figure, folder / name, source=source) for name, figure in drawn.items()]


def write_run_curves(run: RunFolder) -> Path:
    """Write the curves of a run, at least one epoch long, into its folder."""
    description = run.read_description()
    words = f"recipe {description.recipe}, seed {description.seed}, validated on {description.hold_out}"
    return write_curves(run.path, run.read_history(), source=f"recipe {description.recipe}", subtitle=words)


def write_curves(folder: Path, history: Sequence[EpochRecord], *, source: str, subtitle: str) -> Path:
    """Write the training curves."""
    return save(draw_curves(history, subtitle=subtitle), folder / CURVES, source=source)
