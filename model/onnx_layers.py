"""Keras layers as ONNX nodes.

Keras counts channels last, ONNX first: here images are (N, C, H, W), and are turned back where they are flattened.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from domain.errors import ConfigurationInvalid
from model.onnx_graph import GraphBuilder

#: Keras and ONNX have no types.
_Untyped = Any
#: A layer, the names of its inputs -> the name of its output.
_Emit = Callable[[GraphBuilder, Any, list[str]], str]

_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "softplus": "Softplus"}
_IMAGE_RANK = 4
_CHANNEL_AXES = frozenset({-1, 3})


def add_layer(graph: GraphBuilder, layer: keras.Layer, inputs: list[str]) -> str:
    """Add a layer as it is in use (not in training), and give the name of its output.

    Raises ConfigurationInvalid for a layer, or a variant of one, that is not among those below.
    """
    emit = _LAYERS.get(type(layer))
    if emit is None:
        known = ", ".join(sorted(kind.__name__ for kind in _LAYERS))
        raise _unknown(layer, f"is a {type(layer).__name__}; what can be converted: {known}")
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise _unknown(layer, "has its channels first")
    return emit(graph, layer, inputs)


def add_dense(graph: GraphBuilder, layer: _Untyped, value: str, output: str | None = None) -> str:
    """Add (N, units in) @ kernel + bias, without the activation."""
    bias = layer.bias if layer.use_bias else np.zeros(layer.units)
    return graph.add("Gemm", value, graph.constant(layer.kernel), graph.constant(bias), output=output)


def _unknown(layer: keras.Layer, what: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"layer {layer.name!r} {what}")


def _activated(graph: GraphBuilder, layer: _Untyped, value: str) -> str:
    name = keras.activations.serialize(layer.activation)
    if name == "linear":
        return value
    if name == "silu":
        return graph.add("Mul", value, graph.add("Sigmoid", value))
    if name not in _ACTIVATIONS:
        raise _unknown(
            layer, f"has the activation {name}; what can be converted: {', '.join(_ACTIVATIONS)}, silu, linear"
        )
    return graph.add(_ACTIVATIONS[name], value)


def _biased(
    graph: GraphBuilder, layer: _Untyped, value: str, kernel: npt.NDArray[np.float32], **attributes: _Untyped
) -> str:
    bias = [graph.constant(layer.bias)] if layer.use_bias else []
    return graph.add("Conv", value, graph.constant(kernel), *bias, **attributes)


def _window(layer: _Untyped, size: Sequence[int], **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - as ONNX takes them
    """Give strides, dilations and padding of a window over an image; "same" as TensorFlow pads, in numbers."""
    strides, dilations = list(layer.strides), list(getattr(layer, "dilation_rate", (1, 1)))
    sides = zip(layer.input.shape[1:3], size, strides, dilations, strict=True)
    missing = [
        max((-(-side // stride) - 1) * stride + (length - 1) * dilation + 1 - side, 0) if layer.padding == "same" else 0
        for side, length, stride, dilation in sides
    ]
    before = [total // 2 for total in missing]
    after = [total - first for total, first in zip(missing, before, strict=True)]
    return {"strides": strides, "dilations": dilations, "pads": [*before, *after], **attributes}


def _convolution(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    kernel = np.asarray(layer.kernel).transpose(3, 2, 0, 1)
    window = _window(layer, layer.kernel_size, group=layer.groups)
    return _activated(graph, layer, _biased(graph, layer, inputs[0], kernel, **window))


def _depthwise_kernel(kernel: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """(h, w, channels, multiplier) -> (channels * multiplier, 1, h, w)."""
    turned = np.asarray(kernel).transpose(2, 3, 0, 1)
    return turned.reshape(-1, 1, *turned.shape[2:])


def _depthwise(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    window = _window(layer, layer.kernel_size, group=layer.kernel.shape[2])
    return _activated(graph, layer, _biased(graph, layer, inputs[0], _depthwise_kernel(layer.kernel), **window))


def _separable(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    channels = layer.depthwise_kernel.shape[2]
    window = _window(layer, layer.kernel_size, group=channels)
    by_channel = graph.add("Conv", inputs[0], graph.constant(_depthwise_kernel(layer.depthwise_kernel)), **window)
    kernel = np.asarray(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    return _activated(graph, layer, _biased(graph, layer, by_channel, kernel))


def _normalisation(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    if layer.axis not in _CHANNEL_AXES:
        raise _unknown(layer, f"normalises axis {layer.axis}, not the channels")
    slope, level = scale_and_shift(layer)
    scaled = graph.add("Mul", inputs[0], graph.constant(slope.reshape(-1, 1, 1)))
    return graph.add("Add", scaled, graph.constant(level.reshape(-1, 1, 1)))


def scale_and_shift(layer: _Untyped) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give what batch normalisation in use multiplies each channel by, and what it then adds, (channels,) float64."""
    scale: npt.NDArray[np.float64] = 1.0 / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    shift = -np.asarray(layer.moving_mean, np.float64) * scale
    return scale, shift + np.asarray(layer.beta, np.float64) if layer.center else shift


def _pooling(operator: str) -> _Emit:
    return lambda graph, layer, inputs: graph.add(
        operator, inputs[0], **_window(layer, layer.pool_size, kernel_shape=list(layer.pool_size))
    )


def _global_pooling(operator: str) -> _Emit:
    def emit(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
        if not layer.keepdims:
            raise _unknown(layer, "leaves no image: set keepdims")
        return graph.add(operator, inputs[0])

    return emit


def _flatten(graph: GraphBuilder, _layer: _Untyped, inputs: list[str]) -> str:
    return graph.add("Flatten", graph.add("Transpose", inputs[0], perm=[0, 2, 3, 1]))


def _dense(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    if len(layer.input.shape) == _IMAGE_RANK:
        raise _unknown(layer, "is dense on an image: flatten it first")
    return _activated(graph, layer, add_dense(graph, layer, inputs[0]))


def _merge(operator: str) -> _Emit:
    def emit(graph: GraphBuilder, _layer: _Untyped, inputs: list[str]) -> str:
        merged, *others = inputs
        for other in others:
            merged = graph.add(operator, merged, other)
        return merged

    return emit


def _concatenation(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    if layer.axis not in _CHANNEL_AXES:
        raise _unknown(layer, f"concatenates along axis {layer.axis}, not the channels")
    return graph.add("Concat", *inputs, axis=1)


def _zero_padding(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.add("Pad", inputs[0], graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64))


def _leaky(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    return graph.add("LeakyRelu", inputs[0], alpha=float(layer.negative_slope))


def _relu(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unknown(layer, "is a ReLU with a slope, a threshold or a largest value")
    return graph.add("Relu", inputs[0])


def _activation(graph: GraphBuilder, layer: _Untyped, inputs: list[str]) -> str:
    return _activated(graph, layer, inputs[0])


def _nothing(_graph: GraphBuilder, _layer: _Untyped, inputs: list[str]) -> str:
    """Leave out what acts in training only."""
    return inputs[0]


_LAYERS: dict[type, _Emit] = {
    layers.Activation: _activation,
    layers.Add: _merge("Add"),
    layers.AveragePooling2D: _pooling("AveragePool"),
    layers.BatchNormalization: _normalisation,
    layers.Concatenate: _concatenation,
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.DepthwiseConv2D: _depthwise,
    layers.Dropout: _nothing,
    layers.Flatten: _flatten,
    layers.GaussianNoise: _nothing,
    layers.GlobalAveragePooling2D: _global_pooling("GlobalAveragePool"),
    layers.GlobalMaxPooling2D: _global_pooling("GlobalMaxPool"),
    layers.LeakyReLU: _leaky,
    layers.MaxPooling2D: _pooling("MaxPool"),
    layers.Multiply: _merge("Mul"),
    layers.ReLU: _relu,
    layers.SeparableConv2D: _separable,
    layers.SpatialDropout2D: _nothing,
    layers.ZeroPadding2D: _zero_padding,
}
