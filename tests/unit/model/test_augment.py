from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model.augment import augment, augmented_batches
from model.recipe import PAPER

Tensors = npt.NDArray[np.float32]

_SEED = tf.constant([7, 3], tf.int64)
_STILL = replace(PAPER, rotation_degrees=0.0, zoom=0.0, shift=0.0)


@pytest.fixture
def dots() -> Tensors:
    """Sixty-four tensors with one soft dot right of the centre and a fainter one below it."""
    y, x = np.indices((150, 150))
    right = np.exp(-(((x - 114.5) / 4) ** 2) - ((y - 74.5) / 4) ** 2)
    below = 0.5 * np.exp(-(((x - 74.5) / 4) ** 2) - ((y - 114.5) / 4) ** 2)
    return np.tile((right + below).astype(np.float32)[np.newaxis, ..., np.newaxis], (64, 1, 1, 1))


def _brightest(tensor: Tensors) -> tuple[float, float]:
    """Row and column of the brightest pixel, from the centre."""
    row, column = np.unravel_index(int(tensor[..., 0].argmax()), (150, 150))
    return float(row) - 74.5, float(column) - 74.5


def test_nothing_to_draw_changes_nothing(dots: Tensors) -> None:
    """Without rotation, zoom and shift the tensors come back as they are."""
    np.testing.assert_allclose(augment(dots, _STILL, _SEED), dots, atol=1e-6)


def test_rotation_stays_within_its_limit(dots: Tensors) -> None:
    """Rotation moves the dot on its circle, by at most 30 degrees, to both sides."""
    turned = np.asarray(augment(dots, replace(_STILL, rotation_degrees=30.0), _SEED))
    places = np.array([_brightest(tensor) for tensor in turned])
    angles = np.rad2deg(np.arctan2(places[:, 0], places[:, 1]))
    np.testing.assert_allclose(np.hypot(*places.T), 40.0, atol=1.5)
    assert np.abs(angles).max() < 32.0
    assert angles.min() < -15.0
    assert angles.max() > 15.0


def test_zoom_and_shift_stay_within_their_limits(dots: Tensors) -> None:
    """Zoom moves the dot to 32 to 48 pixels from the centre; shift by at most 15 pixels each way."""
    zoomed = np.array([_brightest(t) for t in np.asarray(augment(dots, replace(_STILL, zoom=0.2), _SEED))])
    assert 31.0 <= zoomed[:, 1].min() < 36.0
    assert 44.0 < zoomed[:, 1].max() <= 49.0
    shifted = np.array([_brightest(t) for t in np.asarray(augment(dots, replace(_STILL, shift=0.1), _SEED))])
    moved = shifted - np.array([0.0, 40.0])
    assert np.abs(moved).max() <= 16.0
    assert moved.min() < -8.0
    assert moved.max() > 8.0


def test_nothing_is_mirrored(dots: Tensors) -> None:
    """The paper's recipe never flips: seen from the centre, the lower dot stays clockwise of the right one."""
    rows, columns = np.indices((150, 150)) - 74.5
    for tensor in np.array(augment(dots, replace(PAPER, shift=0.0), _SEED)):
        right_y, right_x = _brightest(tensor)
        tensor[np.hypot(rows - right_y, columns - right_x) < 16] = 0.0
        below_y, below_x = _brightest(tensor)
        assert right_x * below_y - right_y * below_x > 0.0


def test_values_stay_in_range(rng: np.random.Generator) -> None:
    """Interpolation leaves [0, 1] nowhere."""
    tensors = rng.random((16, 150, 150, 1)).astype(np.float32)
    augmented = np.asarray(augment(tensors, PAPER, _SEED))
    assert 0.0 <= augmented.min() <= augmented.max() <= 1.0


def test_each_epoch_shows_every_image_once(dots: Tensors) -> None:
    """An epoch is a permutation of all images, and the next epoch is another."""
    labels = np.arange(64, dtype=np.float32)
    batches = augmented_batches(dots, labels, PAPER, seed=1, epochs=range(2))
    shown = np.concatenate([np.asarray(batch_labels) for _, batch_labels in batches])
    first, second = shown[:64], shown[64:]
    assert sorted(first) == sorted(second) == sorted(labels)
    assert list(first) != list(second)


def test_resumed_run_repeats_the_epoch(dots: Tensors) -> None:
    """Epoch 1 of a run that starts there is, value for value, epoch 1 of a run from the beginning."""
    labels = np.arange(64, dtype=np.float32)
    whole = list(augmented_batches(dots, labels, PAPER, seed=1, epochs=range(2)))[2:]
    resumed = list(augmented_batches(dots, labels, PAPER, seed=1, epochs=range(1, 2)))
    for (tensors, order), (again, order_again) in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(order, order_again)
        np.testing.assert_array_equal(tensors, again)
