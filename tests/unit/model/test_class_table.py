import numpy as np
import pytest

from model.class_table import class_table, intervals

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
    alone = intervals(labels, probabilities, 0.5, [str(i) for i in range(200)])
    shared = intervals(labels, probabilities, 0.5, [str(i // 20) for i in range(200)])
    accuracy = float(np.mean((probabilities >= 0.5) == labels))
    assert alone["accuracy"][0] < accuracy < alone["accuracy"][1]
    assert alone.keys() == {"accuracy", "recall", "specificity", "f1", "roc_auc", "pr_auc"}
    assert all(0 <= low <= high <= 1 for low, high in [*alone.values(), *shared.values()])


def test_one_class_alone_has_no_intervals() -> None:
    """There is no ROC curve without both classes."""
    assert intervals(np.ones(4, int), np.full(4, 0.9), 0.5, list("abcd")) == {}
