"""Figures from labels and probabilities: pure functions, scikit-learn where it has them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from domain.distribution import BINS, bins_of
from domain.finding import OperatingPoint
from model.figures import Confusion, Figures, Rates

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]

_EVEN_THRESHOLD = 0.5
_BOTH_CLASSES = 2


class Measured(Protocol):
    """Figures, and the scored images that they were made from."""

    @property
    def figures(self) -> Figures:
        """What was measured."""

    @property
    def labels(self) -> Labels:
        """(N,) of 0 (normal) and 1 (pneumonia)."""

    @property
    def probabilities(self) -> Probabilities:
        """(N,), calibrated, in [0, 1]."""

    @property
    def patients(self) -> Sequence[str]:
        """Patient of each scored image."""


def measure(
    labels: Labels,
    probabilities: Probabilities,
    *,
    data_set: str,
    refused: int = 0,
    operating_points: Sequence[OperatingPoint] = (),
) -> Figures:
    """Measure labels (N,) of 0 and 1 against calibrated probabilities (N,), N at least 1."""
    separable = len(np.unique(labels)) == _BOTH_CLASSES
    return Figures(
        **measure_at(labels, probabilities, _EVEN_THRESHOLD).model_dump(exclude={"confusion"}),
        confusion=_confusion(labels, probabilities >= _EVEN_THRESHOLD),
        data_set=data_set,
        n=len(labels),
        refused=refused,
        roc_auc=float(metrics.roc_auc_score(labels, probabilities)) if separable else None,
        pr_auc=float(metrics.average_precision_score(labels, probabilities)) if separable else None,
        brier=float(metrics.brier_score_loss(labels, probabilities, pos_label=1)),
        ece=expected_calibration_error(labels, probabilities),
        operating_points={point.name: measure_at(labels, probabilities, point.threshold) for point in operating_points},
    )


def measure_at(labels: Labels, probabilities: Probabilities, threshold: float) -> Rates:
    """Measure at one threshold."""
    called = probabilities >= threshold
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, called, average="binary", pos_label=1, zero_division=np.nan
    )
    return Rates(
        threshold=threshold,
        accuracy=float(metrics.accuracy_score(labels, called)),
        precision=_or_none(precision),
        recall=_or_none(recall),
        specificity=_or_none(metrics.recall_score(labels, called, pos_label=0, zero_division=np.nan)),
        f1=_or_none(f1),
        confusion=_confusion(labels, called),
    )


def expected_calibration_error(labels: Labels, probabilities: Probabilities) -> float:
    """Average |mean probability - share of pneumonia| over ten bins of equal width, weighted by their images."""
    gaps = np.bincount(bins_of(probabilities), weights=probabilities - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _confusion(labels: Labels, called: npt.NDArray[np.bool_]) -> Confusion:
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, called, labels=[0, 1]).tolist()
    return Confusion(tp=tp, fp=fp, tn=tn, fn=fn)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
