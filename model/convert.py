"""From Keras to ONNX, compared on real images before anything trusts it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import onnx

from domain.errors import ConfigurationInvalid
from model.card import ONNX_FILE
from model.classifier import LOGIT_OUTPUT, PROBABILITY_OUTPUT, OnnxNetwork
from model.onnx_graph import canonical
from model.preprocess import SIDE

#: A version whose ONNX and Keras probabilities differ by more on any real image is not written.
LARGEST_DIFFERENCE = 1e-5
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph that was compared with the Keras network that it came from."""

    graph: bytes
    #: Of the probability, the largest on the images compared.
    difference: float
    #: Of those images, (N,), uncalibrated.
    logits: npt.NDArray[np.float64]
    #: Trainable or not.
    parameters: int


def convert(network: keras.Sequential, tensors: npt.NDArray[np.float32]) -> Exported:
    """Convert a network that ends in one sigmoid unit to ONNX and compare both on real tensors (N, 150, 150, 1).

    ConfigurationInvalid when any probability differs by more than 1e-5.
    """
    graph = _to_onnx(_with_logit(network))
    served = OnnxNetwork.from_bytes(graph)
    probabilities = network.predict(tensors, batch_size=_BATCH, verbose=0)[:, 0]
    difference = float(np.abs(served.raw_probabilities(tensors) - probabilities).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ConfigurationInvalid(f"ONNX and Keras differ by {difference:.1e}, more than {LARGEST_DIFFERENCE:.0e}")
    return Exported(graph, difference, served.logits(tensors), network.count_params())


def _with_logit(network: keras.Sequential) -> keras.Model:
    """Give the same function with two outputs, (N, 1) each: the logit, and the probability made from it."""
    last = network.layers[-1]
    logit = keras.layers.Dense(1, name=LOGIT_OUTPUT)
    before_sigmoid = logit(network.layers[-2].output)
    probability = keras.layers.Activation("sigmoid", name=PROBABILITY_OUTPUT)(before_sigmoid)
    logit.set_weights(last.get_weights())
    model = keras.Model(network.inputs[0], {LOGIT_OUTPUT: before_sigmoid, PROBABILITY_OUTPUT: probability})
    model(np.zeros((1, SIDE, SIDE, 1), np.float32))  # Keras exports only what has been called
    return model


def _to_onnx(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ONNX_FILE
        model.export(path, format="onnx", verbose=False)
        return canonical(onnx.load(path))
