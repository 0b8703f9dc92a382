"""From Keras to ONNX, compared on real images before anything trusts it."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid
from model.classifier import OnnxNetwork
from model.onnx_export import to_onnx
from model.saliency_reference import gradient_tape_heat_maps

#: A version whose ONNX and Keras probabilities differ by more on any real image is not written.
LARGEST_DIFFERENCE = 1e-5
#: The same for the heat map, against TensorFlow's own differentiation; relative where the heat exceeds 1, because heat
#: has the logit's unit and float32 rounds relatively.
LARGEST_HEAT_MAP_DIFFERENCE = 1e-4
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph that was compared with the Keras network that it came from."""

    graph: bytes
    #: Of the probability, the largest on the images compared.
    difference: float
    #: Of the heat map, the largest at any pixel; where the heat exceeds 1, as a share of the image's hottest.
    heat_map_difference: float
    #: Of those images, (N,), uncalibrated.
    logits: npt.NDArray[np.float64]
    #: Trainable or not.
    parameters: int


def convert(network: keras.Sequential, tensors: npt.NDArray[np.float32]) -> Exported:
    """Convert a network that ends in one sigmoid unit to ONNX and compare both on real tensors (N, 150, 150, 1).

    ConfigurationInvalid when any probability differs by more than 1e-5 or any heat map by more than 1e-4, or when
    `to_onnx` cannot convert the network.
    """
    graph = to_onnx(network)
    served = OnnxNetwork.from_bytes(graph)
    probabilities = network.predict(tensors, batch_size=_BATCH, verbose=0)[:, 0]
    difference = float(np.abs(served.raw_probabilities(tensors) - probabilities).max())
    _refuse_above(LARGEST_DIFFERENCE, difference, "probability")
    heat_map_difference = _heat_map_difference(served, network, tensors)
    _refuse_above(LARGEST_HEAT_MAP_DIFFERENCE, heat_map_difference, "heat map")
    return Exported(graph, difference, heat_map_difference, served.logits(tensors), network.count_params())


def _heat_map_difference(served: OnnxNetwork, network: keras.Sequential, tensors: npt.NDArray[np.float32]) -> float:
    """Give the largest difference at any pixel, NaN if any is; where the heat exceeds 1, as a share of the hottest."""
    differences = []
    for part in np.array_split(tensors, range(_BATCH, len(tensors), _BATCH)):
        expected = gradient_tape_heat_maps(network, part)
        scale = np.maximum(1.0, expected.max(axis=(1, 2), keepdims=True))
        differences.append(np.abs((served.heat_maps(part) - expected) / scale).max())
    return float(np.max(differences))


def _refuse_above(largest: float, difference: float, what: str) -> None:
    # NaN fails the comparison.
    if not difference <= largest:
        raise ConfigurationInvalid(f"ONNX and Keras differ by {difference:.1e} in the {what}, more than {largest:.0e}")
