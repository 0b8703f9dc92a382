"""The methods of the paper's Table 4 that scikit-learn has as classifiers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from model.baselines import Labels, Scores, Tensors, log_odds
from model.reduced_pixels import REDUCED_SIDE, at_most, on_components, on_pixels

_PIXELS = f"{REDUCED_SIDE} x {REDUCED_SIDE} grey values"
_SVM_COMPONENTS, _SVM_COST = 100, 1.0
_NEIGHBOURS, _NEIGHBOURS_COMPONENTS = 15, 50
_BAYES_COMPONENTS = 50
_HIDDEN, _WEIGHT_PENALTY, _LARGEST_EPOCHS = 128, 1e-3, 200


class SklearnBaseline:
    """A pipeline of scikit-learn with the way that its answer becomes a score."""

    def __init__(
        self,
        setting: str,
        make_pipeline: Callable[[int], Pipeline],
        score: Callable[[Pipeline, Tensors], npt.NDArray[np.floating]],
    ) -> None:
        """Take the number of training images -> pipeline, and (fitted pipeline, tensors) -> scores (N,)."""
        self.setting = setting
        self._make_pipeline = make_pipeline
        self._score = score
        self._pipeline: Any = None

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Fit the pipeline anew."""
        self._pipeline = self._make_pipeline(len(tensors)).fit(tensors, labels)

    def scores(self, tensors: Tensors) -> Scores:
        """Give the pipeline's score of each image."""
        return np.asarray(self._score(self._pipeline, tensors), np.float64)


def support_vectors(seed: int) -> SklearnBaseline:
    """Make a support vector machine with a Gaussian kernel; the score is the distance from the margin."""

    def make(images: int) -> Pipeline:
        machine = SVC(C=_SVM_COST, kernel="rbf", gamma="scale", class_weight="balanced", cache_size=500)
        return on_components(_SVM_COMPONENTS, machine, seed=seed, images=images)

    return SklearnBaseline(
        f"{_SVM_COMPONENTS} principal components of {_PIXELS}; Gaussian kernel, C {_SVM_COST:g}, both classes weigh "
        "alike",
        make,
        lambda pipeline, tensors: pipeline.decision_function(tensors),
    )


def nearest_neighbours(seed: int) -> SklearnBaseline:
    """Make a vote of neighbours; the score is the logit of their share, half a vote added to either side."""

    def make(images: int) -> Pipeline:
        voters = KNeighborsClassifier(at_most(_NEIGHBOURS, images), weights="uniform")
        return on_components(_NEIGHBOURS_COMPONENTS, voters, seed=seed, images=images)

    def score(pipeline: Pipeline, tensors: Tensors) -> npt.NDArray[np.floating]:
        voters = pipeline[-1].n_neighbors
        return log_odds((pipeline.predict_proba(tensors)[:, 1] * voters + 0.5) / (voters + 1.0))

    return SklearnBaseline(
        f"{_NEIGHBOURS_COMPONENTS} principal components of {_PIXELS}; the vote of {_NEIGHBOURS} neighbours", make, score
    )


def naive_bayes(seed: int) -> SklearnBaseline:
    """Make naive Bayes of normal distributions on components, which do not correlate; the score is the log odds."""

    def make(images: int) -> Pipeline:
        return on_components(_BAYES_COMPONENTS, GaussianNB(), seed=seed, images=images, whiten=True)

    def score(pipeline: Pipeline, tensors: Tensors) -> npt.NDArray[np.floating]:
        joint = pipeline[-1].predict_joint_log_proba(pipeline[:-1].transform(tensors))
        odds: npt.NDArray[np.floating] = joint[:, 1] - joint[:, 0]
        return odds

    return SklearnBaseline(f"{_BAYES_COMPONENTS} principal components of {_PIXELS}; normal distributions", make, score)


def back_propagation(seed: int) -> SklearnBaseline:
    """Make a network of one hidden layer, stopped early on a tenth of its training images."""

    def make(_: int) -> Pipeline:
        network = MLPClassifier(
            (_HIDDEN,), alpha=_WEIGHT_PENALTY, max_iter=_LARGEST_EPOCHS, early_stopping=True, random_state=seed
        )
        return on_pixels(StandardScaler(), network)

    return SklearnBaseline(
        f"{_PIXELS}, standardised; one hidden layer of {_HIDDEN} (ReLU), Adam, stopped early",
        make,
        lambda pipeline, tensors: log_odds(pipeline.predict_proba(tensors)[:, 1]),
    )
