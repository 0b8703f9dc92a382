"""Grad-CAM as TensorFlow differentiates it: slow, obvious, and what the exported heat map is compared with."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.area import SIDE
from model.saliency_graph import find_head

_BATCH = 32


def gradient_tape_heat_maps(network: keras.Sequential, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give the heat maps (N, 150, 150) of tensors (N, 150, 150, 1) by automatic differentiation of the logit."""
    parts = [tensors[start : start + _BATCH] for start in range(0, len(tensors), _BATCH)]
    return np.concatenate([_heat_maps(network, part) for part in parts])


def _heat_maps(network: keras.Sequential, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    head = find_head(network)
    behind = network.layers[network.layers.index(head.convolution) + 1 : -1]
    activation = keras.Model(network.inputs[0], head.convolution.output)(tensors, training=False)  # (N, 10, 10, 256)
    kernel, bias = head.last.weights
    with tf.GradientTape() as tape:
        tape.watch(activation)
        value = activation
        for layer in behind:
            value = layer(value)  # in use, not in training, unless told otherwise
        logit = value @ kernel + bias
    gradient = tape.gradient(logit, activation)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    coarse = tf.nn.relu(tf.reduce_sum(weights * activation, axis=-1, keepdims=True))
    heat_maps: npt.NDArray[np.float32] = tf.image.resize(coarse, (SIDE, SIDE), "bilinear")[..., 0].numpy()
    return heat_maps
