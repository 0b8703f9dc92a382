"""Augmentation: one random affine map a tensor, drawn from stateless seeds so that a resumed run repeats it."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.area import SIDE
from model.recipe import Recipe

#: Independent draws a batch, and the room left for the epochs of one seed: no two draws share a seed.
_DRAWS = 8
_SEEDS_A_RUN = 1_000_000


def augmented_batches(
    tensors: npt.NDArray[np.float32],
    labels: npt.NDArray[np.float32],
    recipe: Recipe,
    *,
    seed: int,
    epochs: range,
) -> tf.data.Dataset:
    """Give shuffled, augmented batches of these epochs (counted from 0), one after the other.

    Epoch n depends on the seed and n only. Elements: (B, 150, 150, 1) and (B,), float32.
    """
    count = len(tensors)
    all_tensors, all_labels = tf.constant(tensors), tf.constant(labels)

    def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        shuffle_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=shuffle_seed)
        return tf.data.Dataset.from_tensor_slices(order).batch(recipe.batch_size).map(lambda chosen: (epoch, chosen))

    def draw(epoch: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch_seed = tf.stack([seed * _SEEDS_A_RUN + epoch * _DRAWS, tf.cast(chosen[0], tf.int64)])
        return augment(tf.gather(all_tensors, chosen), recipe, batch_seed), tf.gather(all_labels, chosen)

    epoch_numbers = tf.data.Dataset.range(epochs.start, epochs.stop)
    return epoch_numbers.flat_map(of_epoch).map(draw, num_parallel_calls=2).prefetch(2)


def augment(batch: tf.Tensor, recipe: Recipe, seed: tf.Tensor) -> tf.Tensor:
    """Rotate, zoom and shift each tensor of a batch (B, 150, 150, 1) by its own draw; edges are repeated."""
    count = tf.shape(batch)[0]
    angle, tall, wide, down, right = (
        tf.random.stateless_uniform([count], seed=tf.add(seed, [position, 0]), minval=-limit, maxval=limit)
        for position, limit in enumerate(_limits(recipe))
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=_inverse_maps(angle, 1.0 + tall, 1.0 + wide, down * SIDE, right * SIDE),
        output_shape=[SIDE, SIDE],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def _limits(recipe: Recipe) -> tuple[float, ...]:
    return (float(np.deg2rad(recipe.rotation_degrees)), recipe.zoom, recipe.zoom, recipe.shift, recipe.shift)


def _inverse_maps(angle: tf.Tensor, tall: tf.Tensor, wide: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Give the map from output to input pixels about the centre, (B, 8), as the operation wants it.

    tall and wide are the factors by which the image grows; down and right are pixels.
    """
    centre = (SIDE - 1) / 2
    a, b = tf.cos(angle) / wide, -tf.sin(angle) / wide
    c, d = tf.sin(angle) / tall, tf.cos(angle) / tall
    x = centre - a * (centre + right) - b * (centre + down)
    y = centre - c * (centre + right) - d * (centre + down)
    zero = tf.zeros_like(angle)
    return tf.stack([a, b, x, c, d, y, zero, zero], axis=1)
