"""The network with everything that it can say in one forward pass: logit, probability, features and heat map.

The heat map is Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the logit at the last convolution: its output
after ReLU, before dropout, normalisation and pooling; 10 x 10 x 256 here. Grad-CAM weights channel c by the mean over
the positions of d logit / d A[i, j, c], and no backward pass is needed for that:

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
from model.classifier import FEATURES_OUTPUT, HEAT_MAP_OUTPUT, LOGIT_OUTPUT, PROBABILITY_OUTPUT

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


def find_head(network: keras.Sequential) -> Head:
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


def with_all_outputs(network: keras.Sequential) -> keras.Model:
    """Give the same function with all outputs: logit, probability (N, 1), features (N, units), heat_map (N, 150, 150).

    ConfigurationInvalid as for `find_head`.
    """
    head = find_head(network)
    # Through the layer ahead of the last one, which may be dropout: nothing in use.
    logit = keras.layers.Dense(1, name=LOGIT_OUTPUT)
    before_sigmoid = logit(network.layers[-2].output)
    logit.set_weights(head.last.get_weights())
    features = head.dense.output
    model = keras.Model(
        network.inputs[0],
        {
            LOGIT_OUTPUT: before_sigmoid,
            PROBABILITY_OUTPUT: keras.layers.Activation("sigmoid", name=PROBABILITY_OUTPUT)(before_sigmoid),
            FEATURES_OUTPUT: keras.layers.Identity(name=FEATURES_OUTPUT)(features),
            HEAT_MAP_OUTPUT: _heat_map(head, features),
        },
    )
    model(np.zeros((1, SIDE, SIDE, 1), np.float32))  # Keras exports only what has been called
    return model


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
            constant *= _slope(layer)
    _, rows, columns, _ = head.convolution.output.shape
    return np.asarray(constant / (rows * columns), np.float32)


def _heat_map(head: Head, features: keras.KerasTensor) -> keras.KerasTensor:
    activation = head.convolution.output  # (N, 10, 10, 256)
    constant = channel_constant(head)
    to_weights = keras.layers.Dense(constant.shape[1], use_bias=False, name="channel_weights")
    weights = to_weights(keras.ops.cast(features > 0, "float32"))  # (N, 256)
    to_weights.set_weights([constant])
    weighted = activation * keras.ops.expand_dims(weights, (1, 2))
    coarse = keras.ops.relu(keras.ops.sum(weighted, axis=-1, keepdims=True))  # (N, 10, 10, 1)
    full = keras.ops.image.resize(coarse, (SIDE, SIDE), interpolation="bilinear")
    return keras.layers.Reshape((SIDE, SIDE), name=HEAT_MAP_OUTPUT)(full)


def _slope(layer: keras.layers.BatchNormalization) -> npt.NDArray[np.float64]:
    slope: npt.NDArray[np.float64] = 1.0 / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
    return slope * np.asarray(layer.gamma, np.float64) if layer.scale else slope


def _activations(*layers: keras.layers.Dense) -> tuple[str, ...]:
    return tuple(keras.activations.serialize(layer.activation) for layer in layers)
