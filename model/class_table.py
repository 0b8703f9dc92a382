"""The paper's Table 3, and what its own review asks for: figures by class, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from model.bootstrap import bounds, holds_both_classes, resamplings
from model.measure import Labels, Probabilities

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
ANY_THRESHOLD = "at any threshold"

_OF_THE_ORDER: dict[str, Callable[[Labels, Probabilities], float]] = {
    "roc_auc": lambda y, p: float(metrics.roc_auc_score(y, p)),
    "pr_auc": lambda y, p: float(metrics.average_precision_score(y, p)),
    "brier": lambda y, p: float(metrics.brier_score_loss(y, p)),
}

#: Figure -> lower and upper bound.
Intervals = dict[str, tuple[float, float]]


def class_table(labels: Labels, probabilities: Probabilities, threshold: float) -> dict[str, Any]:
    """Give precision, recall, f1-score and support by class, accuracy, macro and weighted averages.

    `labels` (N,) of 0 and 1, `probabilities` (N,) in [0, 1].
    """
    report: dict[str, Any] = metrics.classification_report(
        labels, probabilities >= threshold, labels=[0, 1], target_names=CLASS_NAMES, output_dict=True, zero_division=0
    )
    return report


def intervals(
    labels: Labels, probabilities: Probabilities, thresholds: Mapping[str, float], groups: Sequence[str]
) -> dict[str, Intervals]:
    """Give bootstrap 95 % intervals at each threshold, by its name, and of what needs none ("at any threshold").

    Whole groups (patients) are drawn: see model.bootstrap. Empty when the labels hold one class only.
    """
    if not holds_both_classes(labels):
        return {}
    drawn = [_statistics(labels[chosen], probabilities[chosen], thresholds) for chosen in resamplings(labels, groups)]
    return {
        name: {figure: _bounds([one[name][figure] for one in drawn]) for figure in figures}
        for name, figures in drawn[0].items()
    }


def _statistics(
    labels: Labels, probabilities: Probabilities, thresholds: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    figures = {ANY_THRESHOLD: {name: of(labels, probabilities) for name, of in _OF_THE_ORDER.items()}}
    for name, threshold in thresholds.items():
        figures[name] = _rates(labels == 1, probabilities >= threshold)
    return figures


def _rates(ill: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Give the rates of one resampling from its counts: scikit-learn checks its input each time, a millisecond each."""
    hit, positive = int((ill & called).sum()), int(called.sum())
    count, of_ill = len(ill), int(ill.sum())
    rejected = count - of_ill - (positive - hit)
    return {
        "accuracy": (hit + rejected) / count,
        "precision": hit / positive if positive else 1.0,
        "recall": hit / of_ill,
        "specificity": rejected / (count - of_ill),
        "f1": 2 * hit / (positive + of_ill),
    }


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = bounds(values)
    return float(low), float(high)
