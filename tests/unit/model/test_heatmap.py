from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from admin.heatmap_output import write_overlay
from domain.errors import ConfigurationInvalid, StoreUnavailable
from model.card import KERAS_FILE
from model.classifier import Classifier, OnnxNetwork, packaged_weights
from model.dataset import LabelledImage
from model.heatmap import colours, overlay
from model.network import build_network
from model.onnx_export import to_onnx
from model.saliency_deletion import deletion, deletion_test, hottest, masked
from model.saliency_reference import gradient_tape_heat_maps
from tests.unit.model.conftest import SHIPPED

Array = npt.NDArray[np.float32]


def _shipped() -> keras.Sequential:
    network = build_network()
    network.load_weights(packaged_weights() / SHIPPED / KERAS_FILE)
    return network


@pytest.fixture(scope="module")
def shipped_keras() -> keras.Sequential:
    """Give the shipped version as Keras has it; not to be changed."""
    return _shipped()


def test_exported_heat_map_is_grad_cam(
    classifier: Classifier, shipped_keras: keras.Sequential, sample_tensors: Array
) -> None:
    """On real X-rays the exported map is TensorFlow's differentiation of the logit, to 1e-4 of the hottest."""
    expected = gradient_tape_heat_maps(shipped_keras, sample_tensors)
    assert (expected.max(axis=(1, 2)) > 0.0).sum() >= 6
    np.testing.assert_allclose(
        classifier.read(sample_tensors).heat_maps, expected, atol=1e-4 * min(1.0, expected.max()), rtol=0
    )


def test_ties_in_pooling_do_not_matter(shipped_keras: keras.Sequential, classifier: Classifier) -> None:
    """On even tensors, where equal positive values meet in one pooling window, the map is still TensorFlow's."""
    levels = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    even = np.tile(levels[:, np.newaxis, np.newaxis, np.newaxis], (1, 150, 150, 1))
    activation = np.asarray(keras.Model(shipped_keras.inputs[0], shipped_keras.get_layer("conv_5").output)(even))
    windows = activation.reshape(5, 5, 2, 5, 2, 256).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
    tied = (windows == windows.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert (tied & (windows.max(axis=1) > 0)).sum() > 100
    expected = gradient_tape_heat_maps(shipped_keras, even)
    np.testing.assert_allclose(classifier.read(even).heat_maps, expected, atol=1e-4, rtol=0)


def _odd_network(rng: np.random.Generator) -> keras.Sequential:
    """Build a network whose last map is 19 x 19, so that pooling pads, with scales of either sign."""
    network = keras.Sequential(
        [
            keras.Input((150, 150, 1)),
            keras.layers.MaxPooling2D(8, padding="same"),
            keras.layers.Conv2D(6, 3, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(2, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.set_weights([rng.normal(0.0, 2.0, weight.shape) for weight in network.get_weights()])
    normalisation = network.layers[2]
    normalisation.moving_variance.assign(rng.uniform(0.5, 2.0, 6))
    return network


def test_closed_form_holds_with_padding_and_negative_scales(rng: np.random.Generator) -> None:
    """Where pooling pads and normalisation turns values round, the closed form is still the derivative."""
    network, tensors = _odd_network(rng), rng.random((4, 150, 150, 1), np.float32)
    assert network.layers[2].gamma.numpy().min() < 0 < network.layers[2].gamma.numpy().max()
    expected = gradient_tape_heat_maps(network, tensors)
    assert (expected.max(axis=(1, 2)) > 0.1).any()
    computed = OnnxNetwork.from_bytes(to_onnx(network)).heat_maps(tensors)
    np.testing.assert_allclose(computed, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "end",
    [
        [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(128, "relu"), keras.layers.Dense(1, "sigmoid")],
        [keras.layers.Flatten(), keras.layers.Dense(128, "tanh"), keras.layers.Dense(1, "sigmoid")],
        [keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")],
    ],
)
def test_networks_without_the_closed_form_are_refused(end: list[keras.layers.Layer]) -> None:
    """A network whose end is built otherwise gets no wrong heat map, but words."""
    start = [keras.Input((150, 150, 1)), keras.layers.MaxPooling2D(15), keras.layers.Conv2D(2, 3)]
    with pytest.raises(ConfigurationInvalid, match="no heat map"):
        to_onnx(keras.Sequential([*start, *end]))


@pytest.mark.parametrize("layers", [("probability",), ("dense", "probability")])
def test_heat_map_depends_on_the_last_layers(
    classifier: Classifier, sample_tensors: Array, rng: np.random.Generator, layers: tuple[str, ...]
) -> None:
    """Shuffling the weights of the last layers changes the map: it shows what the network decides on, not edges."""
    network = _shipped()
    for name in layers:
        kernel, bias = network.get_layer(name).get_weights()
        network.get_layer(name).set_weights([rng.permuted(kernel, axis=0), bias])
    trained = classifier.read(sample_tensors).heat_maps
    shuffled = OnnxNetwork.from_bytes(to_onnx(network)).heat_maps(sample_tensors)
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(trained, shuffled, strict=True) if a.any()]
    alike = [np.corrcoef(a, b)[0, 1] if b.any() else 0.0 for a, b in pairs]
    assert len(alike) >= 6
    assert np.mean(alike) < 0.5


def test_overlay_puts_the_heat_where_it_belongs() -> None:
    """A hot place at rows 40 to 50, columns 110 to 120 of the map colours that place of a larger, wider image only."""
    heat_map = np.zeros((150, 150), np.float32)
    heat_map[40:50, 110:120] = 3.0
    painted = overlay(np.full((300, 600), 0.5, np.float32), heat_map).astype(int)
    coloured = np.argwhere(painted.max(axis=2) != painted.min(axis=2))
    assert painted.shape == (300, 600, 3)
    assert coloured.min(axis=0) == pytest.approx([80, 440], abs=4)
    assert coloured.max(axis=0) == pytest.approx([100, 480], abs=4)
    brightest = 0.4 * 0.5 + 0.6 * np.array([252, 255, 164]) / 255
    np.testing.assert_allclose(painted[90, 460], 255 * brightest, atol=1)
    assert painted[0, 0].tolist() == [128, 128, 128]


def test_no_heat_leaves_the_image_grey(rng: np.random.Generator) -> None:
    """A map of zeros changes nothing but the number of channels."""
    image = rng.random((90, 70), np.float32)
    painted = overlay(image, np.zeros((150, 150), np.float32))
    np.testing.assert_array_equal(painted, np.rint(image * 255).astype(np.uint8)[..., np.newaxis].repeat(3, axis=2))


def test_full_heat_makes_images_comparable() -> None:
    """With a full heat given, a weak map is painted weaker than a strong one; without, both alike."""
    grey, weak = np.zeros((150, 150), np.float32), np.full((150, 150), 0.2, np.float32)
    assert overlay(grey, weak, full_heat=2.0).max() < overlay(grey, weak * 10, full_heat=2.0).max()
    np.testing.assert_array_equal(overlay(grey, weak), overlay(grey, weak * 10))


def test_colours_grow_lighter() -> None:
    """Relative luminance rises with heat at every step, so no kind of colour blindness swaps two of them."""
    linear = np.where(colours() <= 0.04045, colours() / 12.92, ((colours() + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    assert (np.diff(linear @ np.array([0.2126, 0.7152, 0.0722])) > 0).all()


@pytest.mark.parametrize(
    ("image", "heat_map"),
    [
        (np.zeros((10, 10, 1)), np.zeros((150, 150))),
        (np.zeros((10, 10)), np.zeros((1, 150, 150))),
        (np.full((10, 10), 2.0), np.zeros((150, 150))),
        (np.full((10, 10), np.nan), np.zeros((150, 150))),
        (np.zeros((10, 10)), np.full((150, 150), -1.0)),
        (np.zeros((10, 10)), np.full((150, 150), np.nan)),
        (np.zeros((10, 10)), np.full((150, 150), np.inf)),
    ],
)
def test_what_cannot_be_painted_is_the_callers_mistake(image: Array, heat_map: Array) -> None:
    """Wrong shapes and values are a ValueError, never a picture."""
    with pytest.raises(ValueError, match=r"heat map have|outside|heat below"):
        overlay(image, heat_map)


def test_picture_on_disk_is_the_overlay(tmp_path: Path, rng: np.random.Generator) -> None:
    """The PNG holds the overlay's pixels, and a folder that is not there is an error of the store."""
    image, heat_map = rng.random((60, 80), np.float32), rng.random((150, 150), np.float32)
    write_overlay(tmp_path / "heat.png", image, heat_map)
    with Image.open(tmp_path / "heat.png", formats=["PNG"]) as stored:
        np.testing.assert_array_equal(np.asarray(stored), overlay(image, heat_map))
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        write_overlay(tmp_path / "none" / "heat.png", image, heat_map)


def test_masking_hides_the_hottest_pixels_only() -> None:
    """A fifth of the pixels, the hottest ones, take the image's mean; the others stay."""
    heat_maps = np.arange(2 * 150 * 150, dtype=np.float32).reshape(2, 150, 150)
    masks = hottest(heat_maps, 0.2)
    assert masks.sum(axis=(1, 2)).tolist() == [4500, 4500]
    assert masks[:, 120:].all()
    tensors = np.tile(np.linspace(0.0, 1.0, 150, dtype=np.float32)[:, np.newaxis, np.newaxis], (2, 1, 150, 1))
    hidden = masked(tensors, masks)
    np.testing.assert_allclose(hidden[:, 120:], 0.5, atol=1e-6)
    np.testing.assert_array_equal(hidden[:, :120], tensors[:, :120])


def test_deletion_tells_a_true_heat_map_from_a_false_one(rng: np.random.Generator) -> None:
    """Where the logit is a corner's brightness, a map of that corner wins against chance, and one of another loses."""
    tensors = 0.2 * rng.random((20, 150, 150, 1), np.float32)
    tensors[:, :40, :40] += 0.7
    right, wrong = np.zeros((2, 20, 150, 150), np.float32)
    right[:, :68, :68] = wrong[:, 82:, 82:] = 1.0

    def logits_of(batch: Array) -> npt.NDArray[np.float64]:
        return batch[:, :40, :40, 0].mean(axis=(1, 2), dtype=np.float64)

    good, bad = (deletion(logits_of, tensors, maps, np.random.default_rng(0)) for maps in (right, wrong))
    assert (good.n, good.share) == (20, 0.2)
    assert good.hottest_drop > 0.5
    assert good.hottest_drop > 2 * good.random_drop > 0.0
    assert good.hottest_wins > 0.5
    assert bad.hottest_drop == pytest.approx(0.0, abs=1e-6)
    assert bad.hottest_drop < bad.random_drop
    assert good.other_image_drop == pytest.approx(good.hottest_drop)  # all hot in one place
    assert good.random_pixels_drop == pytest.approx(0.2 * 0.59, abs=0.03)  # a fifth of 0.8 - 0.21


def test_hiding_the_heat_hides_the_suspicion(classifier: Classifier, samples: list[LabelledImage]) -> None:
    """On the sample pneumonias the logit falls further by the hot region than by one of its shape elsewhere."""
    measured = deletion_test(classifier, samples)
    assert measured.n >= 4
    assert measured.hottest_drop > measured.random_drop
    with pytest.raises(ConfigurationInvalid, match="two true positives"):
        deletion_test(classifier, [sample for sample in samples if not sample.label])
