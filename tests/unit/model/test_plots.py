import numpy as np
import pytest

from model.bootstrap import resamplings
from model.figures import Confusion, Rates
from model.plot_calibration import wilson
from model.plot_confusion import draw_confusion
from model.plot_curves import draw_curves
from model.plot_ranking import GRID, precision_heights, roc_heights
from model.run_folder import EpochRecord

_LABELS = np.array([0, 0, 0, 1, 1, 1, 1], np.int64)
_PROBABILITIES = np.array([0.1, 0.2, 0.6, 0.3, 0.7, 0.8, 0.9])


def test_the_roc_curve_passes_through_what_counting_gives() -> None:
    """Without a false positive three of four are found; one false positive in three finds no more, two find all."""
    heights = roc_heights(_LABELS, _PROBABILITIES)
    at = [heights[np.searchsorted(GRID, rate)] for rate in (0.0, 0.4, 1.0)]
    assert at == [0.75, 1.0, 1.0]


def test_the_precision_curve_passes_through_what_counting_gives() -> None:
    """Up to a recall of three quarters every call is right; to find the fourth, one of five is wrong."""
    heights = precision_heights(_LABELS, _PROBABILITIES)
    assert [heights[np.searchsorted(GRID, recall)] for recall in (0.5, 0.75, 1.0)] == [1.0, 1.0, 0.8]


def test_wilsons_interval_is_the_published_one() -> None:
    """For 1 of 10: 0.0179 to 0.4042 (Newcombe 1998, method 3, for 95 %)."""
    low, high = wilson(np.array([1.0]), np.array([10.0]))
    assert (low[0], high[0]) == pytest.approx((0.0179, 0.4042), abs=5e-4)


def test_a_resampling_draws_whole_patients() -> None:
    """Images of one patient come together, as often as the patient was drawn."""
    patients = ("a", "a", "b", "c", "d", "d", "d")
    for chosen in resamplings(_LABELS, patients):
        counts = np.bincount(chosen, minlength=7)
        assert counts[0] == counts[1]
        assert counts[4] == counts[5] == counts[6]


def test_the_matrix_shows_counts_and_shares_of_rows() -> None:
    """Of ten normals one is called pneumonia: 1 and 10.0 % stand in the same cell."""
    rates = Rates(
        threshold=0.4,
        accuracy=0.9,
        precision=0.9,
        recall=0.9,
        specificity=0.9,
        f1=0.9,
        confusion=Confusion(tp=18, fp=1, tn=9, fn=2),
    )
    figure = draw_confusion(rates, point="balanced", data_set="ten and twenty")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[2:4] == ["1", "10.0% of the row"]


def test_the_curves_are_those_of_the_history() -> None:
    """What is drawn as validation ROC AUC is what was measured, epoch by epoch."""
    history = [EpochRecord(n, 1.0 / n, 0.5, 2.0 / n, 0.6, 0.7 + n / 100, 1e-3, 1.0, 0.0, 0) for n in (1, 2, 3)]
    _, quality, _ = draw_curves(history, subtitle="three epochs").axes
    (line,) = [line for line in quality.get_lines() if line.get_label() == "validation ROC AUC"]
    assert list(line.get_xdata()) == [1, 2, 3]
    assert list(line.get_ydata()) == [record.val_auc for record in history]
