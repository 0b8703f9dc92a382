"""Transfer learning: a network that learned from other images stays as it is, and only a last layer is fitted."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model.baselines import Labels, Scores, Tensors

#: Of the last layer: the inverse of how strongly its weights are held small. Features are many, images few.
_INVERSE_PENALTY = 0.01
_LARGEST_STEPS = 2000

#: Tensors (N, 150, 150, 1) -> features (N, F).
Backbone = Callable[[Tensors], npt.NDArray[np.float32]]


class TransferLearning:
    """Logistic regression on the features of a frozen network."""

    def __init__(self, backbone: Backbone, described: str) -> None:
        """Take the frozen network, and it in words."""
        self.setting = (
            f"{described}, frozen; its features standardised, then logistic regression, C {_INVERSE_PENALTY:g}, both "
            "classes weigh alike"
        )
        self._backbone = backbone
        self._last_layer: Any = None

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Fit the last layer."""
        layer = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=_LARGEST_STEPS)
        self._last_layer = make_pipeline(StandardScaler(), layer).fit(self._backbone(tensors), labels)

    def scores(self, tensors: Tensors) -> Scores:
        """Give the last layer's logits."""
        return np.asarray(self._last_layer.decision_function(self._backbone(tensors)), np.float64)
