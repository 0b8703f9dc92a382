"""Disturbances of recipe "robust": whatever tells acquisition from disease is drawn anew for every image.

All are vectorised over a batch of images (B, 150, 150) in [0, 1], as area averages left them; the normalisation of
`model.normalise` comes after them, as it does for a live image.
"""

import numpy as np
import tensorflow as tf

from model.area import SIDE
from model.normalise import (
    BAND_GAINS,
    BAND_LEVELS,
    BASE_DEVIATION,
    BASE_GAINS,
    CENTRE,
    EPSILON,
    TANH_SLOPE,
    blur_matrices,
)
from model.recipe import Disturbances

#: Where a fill beyond the edge is one grey level, the lightest that it has.
_LIGHTEST_FILL = 0.15
#: Mean of the squared distance from the middle, near enough: a hollow leaves the mean grey level alone.
_MEAN_HOLLOW = 0.08

_MATRICES = tuple(tf.constant(matrix) for matrix in blur_matrices())
_PLACES = np.linspace(0.0, 1.0, SIDE, dtype=np.float32)
_DOWN, _RIGHT = (tf.constant(places) for places in np.meshgrid(_PLACES, _PLACES, indexing="ij"))


class Disturber:
    """Draws from one generator, so that an epoch's seed decides all of its disturbances."""

    def __init__(self, limits: Disturbances, draws: tf.random.Generator) -> None:
        self._limits = limits
        self._draws = draws

    def disturb(self, images: tf.Tensor) -> tf.Tensor:
        """Change each image (B, 150, 150) by its own draw: shape, detail, grey levels, patches, borders, noise."""
        images = self._warp(images)
        images = self._change_detail(images)
        images = self._change_grey_levels(images)
        images = self._paint(images)
        strength = self._uniform(images, 0.0, self._limits.noise)
        return tf.clip_by_value(images + _each(strength) * self._draws.normal(tf.shape(images)), 0.0, 1.0)

    def _uniform(self, images: tf.Tensor, low: float, high: float) -> tf.Tensor:
        return self._draws.uniform([tf.shape(images)[0]], low, high)

    def _even(self, images: tf.Tensor, limit: float) -> tf.Tensor:
        return self._uniform(images, -limit, limit)

    def _happens(self, images: tf.Tensor, chance: float) -> tf.Tensor:
        return tf.cast(self._uniform(images, 0.0, 1.0) < chance, tf.float32)

    def _warp(self, images: tf.Tensor) -> tf.Tensor:
        """Rotate, shear, shift, zoom and stretch; beyond the edges, by batch, the edge repeated or one dark grey."""
        maps = self._inverse_maps(images)
        grey = self._draws.uniform([], 0.0, _LIGHTEST_FILL)
        return tf.cond(
            self._draws.uniform([]) < 0.5,  # noqa: PLR2004 - the toss of a coin
            lambda: _project(images, maps, "NEAREST", grey),
            lambda: _project(images, maps, "CONSTANT", grey),
        )

    def _inverse_maps(self, images: tf.Tensor) -> tf.Tensor:
        """Give the map from output to input pixels about the centre, (B, 8), as the operation wants it."""
        limits, centre = self._limits, (SIDE - 1) / 2
        angle, zoom = self._even(images, limits.rotation), tf.exp(self._even(images, limits.zoom))
        stretch = tf.exp(self._even(images, limits.stretch))
        wide, tall = zoom * stretch, zoom / stretch
        right, down = (centre + SIDE * self._even(images, limits.shift) for _ in range(2))
        a, b = tf.cos(angle) / wide, self._even(images, limits.shear) - tf.sin(angle) / wide
        c, d = tf.sin(angle) / tall, tf.cos(angle) / tall
        zero = tf.zeros_like(angle)
        return tf.stack([a, b, centre - a * right - b * down, c, d, centre - c * right - d * down, zero, zero], axis=1)

    def _change_detail(self, images: tf.Tensor) -> tf.Tensor:
        """Give each band of detail, and the base, another gain: blur, sharpening, another spectrum."""
        bands, base = split_bands(images)
        gains = self._even(images, 1.0)[:, tf.newaxis] * tf.constant([self._limits.sharpness], tf.float32)
        gains = tf.exp(gains + self._limits.band_jitter * self._draws.normal(tf.shape(gains)))
        mean = tf.reduce_mean(base, axis=(1, 2), keepdims=True)
        changed = mean + (base - mean) * _each(tf.exp(self._even(images, self._limits.contrast)))
        for number, band in enumerate(bands):
            changed += band * _each(gains[:, number])
        return changed

    def _change_grey_levels(self, images: tf.Tensor) -> tf.Tensor:
        limits = self._limits
        images += _each(self._even(images, limits.brightness))
        images += _each(self._even(images, limits.slope[0])) * (_RIGHT - 0.5)
        images += _each(self._even(images, limits.slope[1])) * (_DOWN - 0.5)
        images += _each(self._even(images, limits.hollow)) * ((_RIGHT - 0.5) ** 2 - _MEAN_HOLLOW)
        return tf.clip_by_value(images, 0.0, 1.0) ** _each(tf.exp(self._even(images, limits.gamma)))

    def _paint(self, images: tf.Tensor) -> tf.Tensor:
        """Paint patches over the image, then black borders."""
        for chance, least, greatest in self._limits.patches:
            patch = self._patch(images, chance, least, greatest)
            images = images * (1.0 - patch) + patch * _each(self._uniform(images, 0.0, 1.0))
        chance, widest = self._limits.border
        happens = self._happens(images, chance)
        sides, ends = (_each(happens * self._uniform(images, 0.0, widest)) for _ in range(2))
        kept = (sides <= _RIGHT) & (1.0 - sides >= _RIGHT) & (ends <= _DOWN) & (1.0 - ends >= _DOWN)
        return images * tf.cast(kept, tf.float32)

    def _patch(self, images: tf.Tensor, chance: float, least: float, greatest: float) -> tf.Tensor:
        """Give a mask (B, 150, 150): 1 in a rectangle anywhere, or 0 everywhere."""
        down, right = (_each(self._uniform(images, 0.0, 1.0)) for _ in range(2))
        tall, wide = (_each(self._uniform(images, least, greatest)) / 2.0 for _ in range(2))
        inside = (tf.abs(_DOWN - down) < tall) & (tf.abs(_RIGHT - right) < wide)
        return tf.cast(inside, tf.float32) * _each(self._happens(images, chance))


def split_bands(images: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Cut images (B, 150, 150) into bands of detail, fine to coarse, and a base; together they are the image."""
    bands, rest = [], images
    for matrix in _MATRICES:
        blurred = tf.matmul(tf.matmul(matrix, images), matrix, transpose_b=True)
        bands.append(rest - blurred)
        rest = blurred
    return bands, rest


def normalise_batch(images: tf.Tensor) -> tf.Tensor:
    """Do to a batch (B, 150, 150) what `model.normalise.normalise_bands` does to one image: (B, 150, 150, 1)."""
    bands, base = split_bands(images)
    centre = base[:, CENTRE, CENTRE]
    mean = tf.reduce_mean(centre, axis=(1, 2), keepdims=True)
    deviation = tf.math.reduce_std(centre, axis=(1, 2), keepdims=True)
    total = (base - mean) * tf.clip_by_value(BASE_DEVIATION / (deviation + EPSILON), *BASE_GAINS)
    for band, level in zip(bands, BAND_LEVELS, strict=True):
        found = tf.reduce_mean(tf.abs(band[:, CENTRE, CENTRE]), axis=(1, 2), keepdims=True)
        total += band * tf.clip_by_value(level / (found + EPSILON), *BAND_GAINS)
    return (0.5 + 0.5 * tf.tanh(TANH_SLOPE * total))[..., tf.newaxis]


def _each(values: tf.Tensor) -> tf.Tensor:
    """Shape one value an image, (B,), so that it meets images (B, 150, 150)."""
    return values[:, tf.newaxis, tf.newaxis]


def _project(images: tf.Tensor, maps: tf.Tensor, beyond: str, grey: tf.Tensor) -> tf.Tensor:
    projected = tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., tf.newaxis],
        transforms=maps,
        output_shape=[SIDE, SIDE],
        interpolation="BILINEAR",
        fill_mode=beyond,
        fill_value=grey,
    )
    return projected[..., 0]
