"""Cross-validation: k folds, stratified by class, whole patients at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from domain.errors import ConfigurationInvalid
from model.dataset import LabelledImage, Split
from model.figures import Figures
from model.validation import with_calibration

_RATES = ("accuracy", "precision", "recall", "specificity", "f1")
_WHOLE = ("roc_auc", "pr_auc", "brier", "ece")
EVEN = "at 0.5"


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the folds."""

    mean: float
    #: Of the sample (n - 1).
    deviation: float
    least: float
    most: float


def folds(
    images: Sequence[LabelledImage], count: int, *, seed: int, share: float, excluded: Collection[str]
) -> list[Split]:
    """Make `count` splits, each fold once validation; `share` of the rest, whole patients, is for calibration.

    Depends on names and seed only. ConfigurationInvalid when a class has fewer patients than folds.
    """
    kept = sorted((image for image in images if image.patient not in excluded), key=lambda image: image.path.name)
    labels = [image.label for image in kept]
    patients = [image.patient for image in kept]
    for label in sorted(set(labels)):
        of_class = len({image.patient for image in kept if image.label == label})
        if of_class < count:
            raise ConfigurationInvalid(f"{count} folds need as many patients of each class; one has {of_class}")
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    splits = []
    for training, validation in splitter.split(np.zeros(len(kept)), labels, patients):
        split = Split(tuple(kept[i] for i in training), tuple(kept[i] for i in validation))
        splits.append(with_calibration(split, seed=seed, share=share))
    return splits


def spread(figures: Sequence[Figures]) -> dict[str, dict[str, Spread]]:
    """Give mean, deviation and range over the folds: without a threshold, at 0.5, and at each operating point."""
    points = [one.operating_points for one in figures]
    rates = {EVEN: figures, **{name: [of_fold[name] for of_fold in points] for name in points[0]}}
    return {
        "at any threshold": {name: _spread([getattr(one, name) for one in figures]) for name in _WHOLE},
        **{
            name: {rate: _spread([getattr(one, rate) for one in of_folds]) for rate in _RATES}
            for name, of_folds in rates.items()
        },
    }


def _spread(values: Sequence[float | None]) -> Spread:
    known = np.array([np.nan if value is None else value for value in values])
    return Spread(float(known.mean()), float(known.std(ddof=1)), float(known.min()), float(known.max()))
