from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from domain.errors import ConfigurationInvalid
from model.classifier import OnnxNetwork
from model.network import build_network
from model.onnx_export import to_onnx


def _ended(image: keras.KerasTensor) -> keras.KerasTensor:
    """Put on what every network must end in."""
    image = layers.Conv2D(3, 3, padding="valid", activation="relu")(image)
    return layers.Dense(1, "sigmoid")(layers.Dense(128, "relu")(layers.Flatten()(image)))


def _own_network() -> keras.Model:
    """Build a network of branches, with every layer that can be converted, in the variants that differ."""
    tensor = keras.Input((150, 150, 1))
    image = layers.ZeroPadding2D(((1, 2), (3, 0)))(tensor)
    image = layers.Conv2D(4, (3, 5), strides=(4, 3), padding="same", activation="silu", use_bias=False)(image)
    image = layers.GaussianNoise(0.5)(image)
    left = layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=2, activation="elu")(image)
    right = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1)(image)
    right = layers.LeakyReLU(0.1)(layers.Conv2D(6, 3, padding="same", dilation_rate=2, groups=2)(right))
    image = layers.Add()([left, layers.BatchNormalization(center=False)(right)])
    image = layers.BatchNormalization(scale=False)(image)
    image = layers.SpatialDropout2D(0.5)(layers.AveragePooling2D(3, strides=2, padding="same")(image))
    image = layers.Concatenate()([image, layers.ReLU()(image)])
    mean = layers.GlobalAveragePooling2D(keepdims=True)(image)
    peak = layers.Activation("tanh")(layers.GlobalMaxPooling2D(keepdims=True)(image))
    image = layers.Multiply()([image, layers.Conv2D(12, 1, activation="softplus")(mean), peak])
    return keras.Model(tensor, _ended(layers.Dropout(0.5)(layers.MaxPooling2D(2, padding="same")(image))))


def _randomised(network: keras.Model, rng: np.random.Generator) -> keras.Model:
    for weight in network.weights:
        low = 0.5 if "variance" in weight.path else -0.5
        weight.assign(rng.uniform(low, low + 1.0, weight.shape))
    return network


def test_every_layer_does_in_onnx_what_it_does_in_keras(rng: np.random.Generator) -> None:
    """A network of branches with random weights gives the same probabilities from both."""
    network = _randomised(_own_network(), rng)
    tensors = rng.random((3, 150, 150, 1), np.float32)
    served = OnnxNetwork.from_bytes(to_onnx(network))
    expected = network.predict(tensors, verbose=0)[:, 0]
    assert len(np.unique(expected.round(3))) == 3
    np.testing.assert_allclose(served.raw_probabilities(tensors), expected, atol=1e-6)


def test_the_same_weights_give_the_same_bytes(rng: np.random.Generator) -> None:
    """Also from another network object, whose layers Keras names and numbers otherwise."""
    first, second = build_network(), build_network()
    second.set_weights(first.get_weights())
    assert to_onnx(first) == to_onnx(second)
    second.layers[0].bias.assign(rng.random(32))
    assert to_onnx(first) != to_onnx(second)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (layers.LayerNormalization(name="odd"), "'odd' is a LayerNormalization"),
        (layers.Conv2D(2, 3, activation="gelu", name="odd"), "'odd' has the activation gelu"),
        (layers.BatchNormalization(axis=1, name="odd"), "'odd' normalises axis 1"),
        (lambda image: layers.Concatenate(axis=1, name="odd")([image, image]), "'odd' concatenates along axis 1"),
        (lambda image: layers.Add()([image, layers.GlobalMaxPooling2D(name="odd")(image)]), "'odd' leaves no image"),
        (layers.ReLU(6.0, name="odd"), "'odd' is a ReLU with"),
        (layers.Dense(2, name="odd"), "'odd' is dense on an image"),
        (keras.Sequential([layers.Conv2D(2, 3)], name="odd"), "'odd' is a Sequential"),
    ],
)
def test_what_cannot_be_converted_is_named(odd: Callable[[keras.KerasTensor], keras.KerasTensor], words: str) -> None:
    """A layer that would come out otherwise is refused by its name, not converted somehow."""
    tensor = keras.Input((150, 150, 1))
    with pytest.raises(ConfigurationInvalid, match=words):
        to_onnx(keras.Model(tensor, _ended(odd(tensor))))


def test_a_layer_that_is_used_twice_is_refused() -> None:
    """Keras tells only of its first use."""
    tensor = keras.Input((150, 150, 1))
    twice = layers.Conv2D(1, 3, padding="same", name="twice")
    with pytest.raises(ConfigurationInvalid, match="takes what no layer before it gives"):
        to_onnx(keras.Model(tensor, _ended(twice(twice(tensor)))))


def test_another_input_is_refused() -> None:
    """The live path makes 150 x 150 x 1 and nothing else."""
    tensor = keras.Input((224, 224, 3))
    with pytest.raises(ConfigurationInvalid, match="224, 224, 3"):
        to_onnx(keras.Model(tensor, _ended(tensor)))
