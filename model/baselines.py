"""The other methods of the paper's Table 4: what each must do, and where each is found.

The paper names them without their settings; these are ours, small and not tuned. Each module is imported only when
its method is asked for, because some need libraries that the others do without.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid

Tensors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


class Baseline(Protocol):
    """A method that learns from the network's own input."""

    #: What it does and with which values, in words.
    setting: str

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Learn from tensors (N, 150, 150, 1) float32 in [0, 1] and labels (N,) of 0 and 1."""

    def scores(self, tensors: Tensors) -> Scores:
        """Give a score (N,), finite, that rises with suspicion; Platt scaling makes a probability of it."""


@dataclass(frozen=True, slots=True)
class Method:
    """Where a method is found."""

    name: str
    #: As the paper has it.
    title: str
    module: str
    #: Of the module: seed -> Baseline.
    attribute: str


METHODS = (
    Method("svm", "support vector machine", "model.baselines_sklearn", "support_vectors"),
    Method("knn", "k-nearest neighbours", "model.baselines_sklearn", "nearest_neighbours"),
    Method("naive-bayes", "naive Bayes", "model.baselines_sklearn", "naive_bayes"),
    Method("k-means", "k-means", "model.baseline_k_means", "KMeansBaseline"),
    Method("back-propagation", "back-propagation network", "model.baselines_sklearn", "back_propagation"),
    Method("lstm", "LSTM over image rows", "model.baseline_lstm", "RowsLstm"),
    Method(
        "counter-propagation",
        "counter-propagation network",
        "model.baseline_counter_propagation",
        "CounterPropagation",
    ),
    Method("transfer", "transfer learning", "model.imagenet_backbone", "transfer_learning"),
)


def find_methods(names: Sequence[str]) -> tuple[Method, ...]:
    """Give methods by name, in the order of METHODS, none for no name; ConfigurationInvalid names the known ones."""
    known = [method.name for method in METHODS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigurationInvalid(f"no method {', '.join(unknown)}; known: {', '.join(known)}")
    return tuple(method for method in METHODS if method.name in names)


def builder(method: Method) -> Callable[[int], Baseline]:
    """Import what makes the method from a seed; ModuleNotFoundError when its libraries are not installed."""
    found: Callable[[int], Baseline] = getattr(import_module(method.module), method.attribute)
    return found


def log_odds(probabilities: npt.NDArray[np.floating]) -> Scores:
    """Give the logits of probabilities (N,), held to 1e-6 from 0 and 1 so that they stay finite."""
    held = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1.0 - 1e-6)
    odds: Scores = np.log(held) - np.log1p(-held)
    return odds
