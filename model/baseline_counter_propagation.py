"""A counter-propagation network: Hecht-Nielsen 1987, Applied Optics 26 (23), the forward half.

A Kohonen layer learns, without labels, units that stand for what images look like; a Grossberg layer then learns what
each unit's images are labelled. DeSieno's conscience (1988) keeps a few units from winning every image.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.baselines import Labels, Scores, Tensors, log_odds
from model.reduced_pixels import REDUCED_SIDE, at_most, on_components

_COMPONENTS, _UNITS, _EPOCHS = 50, 64, 20
#: Of the Kohonen layer, falling in a straight line to nothing.
_KOHONEN_RATE = 0.3
#: Of the Grossberg layer: a unit remembers about the last fifty images that it won.
_GROSSBERG_RATE = 0.02
#: How fast the share of wins is forgotten, and how much a unit that wins too often is held back.
_CONSCIENCE_MEMORY, _CONSCIENCE = 1e-3, 2.0
#: Units that answer together for one image ("interpolating"), nearest first.
_ANSWERING = 3

_Vectors = npt.NDArray[np.float64]


class CounterPropagation:
    """A Kohonen and a Grossberg layer on principal components."""

    setting = (
        f"{_COMPONENTS} whitened principal components of {REDUCED_SIDE} x {REDUCED_SIDE} grey values, of length 1; "
        f"{_UNITS} Kohonen units with a conscience, {_EPOCHS} epochs, then a Grossberg layer; the {_ANSWERING} "
        "nearest units answer"
    )

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._components: Any = None
        #: (units, components), each of length 1.
        self._units: _Vectors = np.zeros((0, 0))
        #: (units,), what each unit says: a share of pneumonia.
        self._answers: _Vectors = np.zeros(0)

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Let the Kohonen layer learn first, then the Grossberg layer."""
        self._components = on_components(_COMPONENTS, seed=self._seed, images=len(tensors), whiten=True).fit(tensors)
        vectors = self._directions(tensors)
        self._units = self._learn_units(vectors)
        self._answers = self._learn_answers(vectors, labels)

    def scores(self, tensors: Tensors) -> Scores:
        """Give the logit of what the nearest units say, the nearer the louder."""
        near = self._directions(tensors) @ self._units.T
        nearest = np.argsort(-near, axis=1)[:, :_ANSWERING]
        # A cosine of 1 is distance 0; the small number lets an exact hit answer alone.
        loudness = 1.0 / (1.0 - np.take_along_axis(near, nearest, axis=1) + 1e-6)
        return log_odds((self._answers[nearest] * loudness).sum(axis=1) / loudness.sum(axis=1))

    def _directions(self, tensors: Tensors) -> _Vectors:
        return _of_length_one(np.asarray(self._components.transform(tensors), np.float64))

    def _learn_units(self, vectors: _Vectors) -> _Vectors:
        """Move the winner of each image towards it: (units, components)."""
        count = at_most(_UNITS, len(vectors))
        units = vectors[self._rng.choice(len(vectors), count, replace=False)].copy()
        wins = np.full(count, 1.0 / count)
        order = np.concatenate([self._rng.permutation(len(vectors)) for _ in range(_EPOCHS)])
        for step, image in enumerate(order):
            held_back = _CONSCIENCE * (wins - 1.0 / count)
            winner = int(np.argmax(units @ vectors[image] - held_back))
            wins *= 1.0 - _CONSCIENCE_MEMORY
            wins[winner] += _CONSCIENCE_MEMORY
            rate = _KOHONEN_RATE * (1.0 - step / len(order))
            units[winner] = _of_length_one(units[winner] + rate * (vectors[image] - units[winner]))
        return units

    def _learn_answers(self, vectors: _Vectors, labels: Labels) -> _Vectors:
        """Move what the winner of each image says towards its label: (units,)."""
        answers = np.full(len(self._units), float(np.mean(labels)))
        winners = np.argmax(vectors @ self._units.T, axis=1)
        for _ in range(_EPOCHS):
            for image in self._rng.permutation(len(vectors)):
                answers[winners[image]] += _GROSSBERG_RATE * (labels[image] - answers[winners[image]])
        return answers


def _of_length_one(vectors: _Vectors) -> _Vectors:
    scaled: _Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return scaled
