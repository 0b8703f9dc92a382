"""Calibration and operating points, both chosen on validation images."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from domain.errors import ConfigurationInvalid
from domain.finding import OperatingPoint
from model.card import Calibration
from model.measure import Labels, Probabilities, measure_at

#: What "high_sensitivity" promises on the images that it was chosen on.
HIGH_SENSITIVITY = 0.98
#: Triage would rather raise a normal study than leave a pneumonia waiting.
DEFAULT_OPERATING_POINT = "high_sensitivity"


def fit_calibration(labels: Labels, logits: npt.NDArray[np.float64], *, measured_on: str) -> Calibration:
    """Fit temperature and bias to logits (N,) by maximum likelihood (Platt scaling with the labels as they are).

    ConfigurationInvalid when the logits do not rise with the labels: such a network must not be used.
    """
    fitted = LogisticRegression(C=np.inf).fit(logits[:, np.newaxis], labels)
    slope, bias = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0.0:
        raise ConfigurationInvalid(f"the network's logits do not rise with the finding on {measured_on}")
    return Calibration(type="temperature_bias", temperature=1.0 / slope, bias=bias, fitted_on=measured_on)


def choose_operating_points(
    labels: Labels, probabilities: Probabilities, *, measured_on: str
) -> tuple[OperatingPoint, ...]:
    """Choose "high_sensitivity" (the highest threshold with sensitivity >= 0.98) and "balanced" (Youden's J).

    Thresholds lie midway between two measured probabilities, so that rounding moves no image across.
    """
    false_positive, sensitivity, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    following = np.append(thresholds[1:], 0.0)
    midway = (np.minimum(thresholds, 1.0) + following) / 2
    chosen = {
        "high_sensitivity": int(np.argmax(sensitivity >= HIGH_SENSITIVITY)),
        "balanced": int(np.argmax(sensitivity - false_positive)),
    }
    return tuple(
        _operating_point(name, labels, probabilities, float(midway[index]), measured_on)
        for name, index in chosen.items()
    )


def _operating_point(
    name: str, labels: Labels, probabilities: Probabilities, threshold: float, measured_on: str
) -> OperatingPoint:
    rates = measure_at(labels, probabilities, threshold)
    if rates.recall is None or rates.specificity is None:
        raise ConfigurationInvalid(f"{measured_on} lacks one class: no operating point can be chosen on it")
    return OperatingPoint(name, threshold, rates.recall, rates.specificity, measured_on)
