"""An LSTM that reads an image from its top row to its bottom row (Hochreiter and Schmidhuber 1997)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.area import SIDE
from model.baselines import Labels, Scores, Tensors

_UNITS, _EPOCHS, _BATCH, _RATE = 64, 12, 32, 1e-3
#: Greatest norm of a gradient: 150 steps in a row may blow one up.
_GRADIENT_NORM = 1.0


class RowsLstm:
    """One recurrent layer and one sigmoid unit."""

    setting = (
        f"{SIDE} rows of {SIDE} grey values, standardised; {_UNITS} units, then one sigmoid unit; Adam at {_RATE:g}, "
        f"batches of {_BATCH}, {_EPOCHS} epochs, both classes weigh alike"
    )

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._mean, self._deviation = 0.0, 1.0
        #: Rows (N, 150, 150) -> logits (N, 1).
        self._answer: Any = None

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Train for the epochs that it always takes; nothing is chosen on other images."""
        keras.utils.set_random_seed(self._seed)
        self._mean, self._deviation = float(tensors.mean()), float(tensors.std())
        network = keras.Sequential([keras.Input((SIDE, SIDE)), keras.layers.LSTM(_UNITS), keras.layers.Dense(1)])
        network.compile(
            optimizer=keras.optimizers.Adam(_RATE, clipnorm=_GRADIENT_NORM),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
        )
        weights = {label: len(labels) / (2.0 * max(1, int((labels == label).sum()))) for label in (0, 1)}
        network.fit(self._rows(tensors), labels, batch_size=_BATCH, epochs=_EPOCHS, class_weight=weights, verbose=0)
        # Traced once for any number of images: keras' own `predict` takes a hundred milliseconds to start.
        self._answer = tf.function(
            lambda rows: network(rows, training=False),
            input_signature=[tf.TensorSpec((None, SIDE, SIDE), tf.float32)],
        )

    def scores(self, tensors: Tensors) -> Scores:
        """Give the logits."""
        return np.asarray(self._answer(self._rows(tensors)).numpy()[:, 0], np.float64)

    def _rows(self, tensors: Tensors) -> Tensors:
        rows: Tensors = ((tensors[..., 0] - self._mean) / self._deviation).astype(np.float32)
        return rows
