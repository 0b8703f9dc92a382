import numpy as np
import pytest

from model.class_table import ANY_THRESHOLD, class_table, intervals
from model.measure import measure_at

LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.2, 0.6, 0.4, 0.7, 0.8, 0.9, 0.95])


def test_the_table_holds_both_classes_and_the_averages() -> None:
    """Counted by hand: two of three normals and four of five pneumonias are right at 0.5."""
    table = class_table(LABELS, PROBABILITIES, 0.5)
    assert table["NORMAL"]["recall"] == pytest.approx(2 / 3)
    assert table["PNEUMONIA"]["recall"] == pytest.approx(4 / 5)
    assert table["PNEUMONIA"]["precision"] == pytest.approx(4 / 5)
    assert (table["NORMAL"]["support"], table["PNEUMONIA"]["support"]) == (3, 5)
    assert table["accuracy"] == pytest.approx(6 / 8)
    assert table["macro avg"]["recall"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert table["weighted avg"]["recall"] == pytest.approx(6 / 8)


def test_intervals_hold_the_figure_and_are_wider_when_images_share_patients() -> None:
    """Ten images of one patient tell less than ten patients."""
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], 100)
    probabilities = np.clip(generator.normal(0.35 + 0.3 * labels, 0.2), 0, 1)
    thresholds = {"even": 0.5, "low": 0.4}
    alone = intervals(labels, probabilities, thresholds, [str(i) for i in range(200)])
    shared = intervals(labels, probabilities, thresholds, [str(i // 20) for i in range(200)])
    for name, threshold in thresholds.items():
        measured = measure_at(labels, probabilities, threshold).model_dump(exclude={"threshold", "confusion"})
        assert measured.keys() == alone[name].keys()
        assert all(alone[name][figure][0] < value < alone[name][figure][1] for figure, value in measured.items())
    assert alone[ANY_THRESHOLD].keys() == {"roc_auc", "pr_auc", "brier"}
    width = {name: high - low for name, (low, high) in alone["even"].items()}
    assert all(high - low != pytest.approx(width[name]) for name, (low, high) in shared["even"].items())


def test_one_class_alone_has_no_intervals() -> None:
    """There is no ROC curve without both classes."""
    assert intervals(np.ones(4, int), np.full(4, 0.9), {"even": 0.5}, list("abcd")) == {}
