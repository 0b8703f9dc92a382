"""The paper's Table 3, and what its own review asks for: figures by class, with intervals."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from model.measure import Labels, Probabilities

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
#: Resamplings, and the share of them that an interval holds.
_ROUNDS, _SHARE = 1000, 0.95
_SEED = 20190
_BOTH_CLASSES = 2

_Statistic = Callable[[Labels, Probabilities, float], float]
_STATISTICS: dict[str, _Statistic] = {
    "accuracy": lambda y, p, t: float(metrics.accuracy_score(y, p >= t)),
    "recall": lambda y, p, t: float(metrics.recall_score(y, p >= t)),
    "specificity": lambda y, p, t: float(metrics.recall_score(y, p >= t, pos_label=0)),
    "f1": lambda y, p, t: float(metrics.f1_score(y, p >= t)),
    "roc_auc": lambda y, p, _: float(metrics.roc_auc_score(y, p)),
    "pr_auc": lambda y, p, _: float(metrics.average_precision_score(y, p)),
}


def class_table(labels: Labels, probabilities: Probabilities, threshold: float) -> dict[str, Any]:
    """Give precision, recall, f1-score and support by class, accuracy, macro and weighted averages.

    `labels` (N,) of 0 and 1, `probabilities` (N,) in [0, 1].
    """
    report: dict[str, Any] = metrics.classification_report(
        labels, probabilities >= threshold, labels=[0, 1], target_names=CLASS_NAMES, output_dict=True, zero_division=0
    )
    return report


def intervals(
    labels: Labels, probabilities: Probabilities, threshold: float, groups: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Give bootstrap 95 % intervals; whole groups (patients) are drawn, because their images resemble each other.

    Resamplings that hold one class only are left out. Empty when the labels hold one class only.
    """
    if len(np.unique(labels)) < _BOTH_CLASSES:
        return {}
    members = _members(groups)
    generator = np.random.default_rng(_SEED)
    drawn: dict[str, list[float]] = {name: [] for name in _STATISTICS}
    for _ in range(_ROUNDS):
        chosen = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        if len(np.unique(labels[chosen])) == _BOTH_CLASSES:
            for name, statistic in _STATISTICS.items():
                drawn[name].append(statistic(labels[chosen], probabilities[chosen], threshold))
    outside = (1.0 - _SHARE) / 2
    bounds = {name: np.quantile(values, (outside, 1.0 - outside)) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _members(groups: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    names = np.asarray(groups)
    return [np.flatnonzero(names == name) for name in np.unique(names)]
