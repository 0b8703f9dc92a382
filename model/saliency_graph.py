"""The heat map as part of the network's own graph.

It is Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the logit at the last convolution: its output after ReLU,
before dropout, normalisation and pooling; 10 x 10 x 256 here. Grad-CAM weights channel c by the mean over the positions
of d logit / d A[i, j, c], and no backward pass is needed for that:

- max pooling hands each pooled cell's gradient to one position, so the sum over the positions is the sum over the
  pooled cells, whichever position won and however ties are broken;
- normalisation in use multiplies by gamma / sqrt(variance + epsilon), once a channel; dropout in use does nothing;
- behind a pooled cell lie dense(ReLU) and dense: the gradient is (kernel of the first) @ (kernel of the second, where
  the ReLU is open).

All three fold into one constant (units, channels): channel weights = (features > 0) @ constant.
"""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid
from model.area import SIDE
from model.onnx_graph import GraphBuilder
from model.onnx_layers import scale_and_shift

#: What may stand between the last convolution and the flattening, at most once each but dropout.
_BETWEEN = (keras.layers.Dropout, keras.layers.BatchNormalization, keras.layers.MaxPooling2D)


@dataclass(frozen=True, slots=True)
class Head:
    """The layers from the last convolution on, by what they do here."""

    convolution: keras.layers.Conv2D
    between: tuple[keras.layers.Layer, ...]
    #: (N, cells * channels) -> (N, units), ReLU.
    dense: keras.layers.Dense
    #: (N, units) -> (N, 1), sigmoid.
    last: keras.layers.Dense


def find_head(network: keras.Model) -> Head:
    """Take the network's end apart; ConfigurationInvalid when the closed form above does not hold for it."""
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.Dropout)]
    start = max((at for at, layer in enumerate(layers) if isinstance(layer, keras.layers.Conv2D)), default=len(layers))
    match layers[start:]:
        case [
            keras.layers.Conv2D() as convolution,
            *between,
            keras.layers.Flatten(),
            keras.layers.Dense() as dense,
            keras.layers.Dense(units=1) as last,
        ] if all(isinstance(layer, _BETWEEN) for layer in between) and _activations(dense, last) == ("relu", "sigmoid"):
            return Head(convolution, tuple(between), dense, last)
    raise ConfigurationInvalid(
        "no heat map for this network: it must end in a convolution, normalisation and max pooling if any, flatten, "
        "dense (ReLU) and dense (1, sigmoid)"
    )


def add_heat_map(graph: GraphBuilder, head: Head, activation: str, features: str, output: str) -> None:
    """Add the heat map, (N, 150, 150), of the convolution's output (N, C, H, W) and the features (N, units)."""
    is_open = graph.add("Cast", graph.add("Greater", features, graph.constant(0.0)), to=1)
    weights = graph.add("MatMul", is_open, graph.constant(channel_constant(head)))
    weighted = graph.add("Mul", activation, graph.add("Unsqueeze", weights, graph.constant([2, 3], np.int64)))
    summed = graph.add("ReduceSum", weighted, graph.constant([1], np.int64), keepdims=1)
    side = graph.constant([SIDE, SIDE], np.int64)
    full = graph.add("Resize", graph.add("Relu", summed), "", "", side, axes=[2, 3], mode="linear")
    graph.add("Squeeze", full, graph.constant([1], np.int64), output=output)


def channel_constant(head: Head) -> npt.NDArray[np.float32]:
    """Give what each open unit of the dense layer adds to each channel's weight, (units, channels).

    Summed in float64, so that nothing is lost before the network's own float32.
    """
    kernel = np.asarray(head.dense.get_weights()[0], np.float64)
    last = np.asarray(head.last.get_weights()[0], np.float64)
    channels = head.convolution.filters
    by_cell = kernel.reshape(-1, channels, kernel.shape[1])  # (cells, channels, units)
    constant = by_cell.sum(axis=0).T * last  # (units, channels), of the pooled map
    for layer in head.between:
        if isinstance(layer, keras.layers.BatchNormalization):
            constant *= scale_and_shift(layer)[0]
    _, rows, columns, _ = head.convolution.output.shape
    return np.asarray(constant / (rows * columns), np.float32)


def _activations(*layers: keras.layers.Dense) -> tuple[str, ...]:
    return tuple(keras.activations.serialize(layer.activation) for layer in layers)
