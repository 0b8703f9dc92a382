"""Recipe "robust": its normalisation, its disturbances, and a tiny run that is cut and resumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from domain.errors import ConfigurationInvalid
from model.area import SIDE, area_average
from model.augment_robust import Disturber, normalise_batch
from model.dataset import LabelledImage
from model.export import export_run
from model.fast_forward import Mode, forward
from model.image_file import read_image
from model.network import build_network
from model.normalise import normalise_bands
from model.perturb import measure_perturbations
from model.recipe import ROBUST
from model.run_folder import RunFolder
from model.train import describe_run, train
from model.train_progress import Progress
from model.validation import HoldOut, hold_out
from tests.unit.model.conftest import SAMPLES
from tests.unit.model.tiny_data import make_tiny_data

_TINY = replace(ROBUST, batch_size=8, statistics_batches=2)
_Image = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def xrays() -> _Image:
    """Area averages of three sample X-rays, (3, 150, 150)."""
    return np.stack([area_average(read_image(path))[..., 0] for path in sorted((SAMPLES / "xrays").glob("*.jpeg"))[:3]])


def test_training_and_serving_normalise_alike(xrays: _Image) -> None:
    """The batch version in TensorFlow gives what the one for a live image gives."""
    served = np.stack([normalise_bands(image[..., np.newaxis]) for image in xrays])
    np.testing.assert_allclose(normalise_batch(tf.constant(xrays)).numpy(), served, atol=2e-5)
    assert 0.0 <= served.min() < served.max() <= 1.0


def test_contrast_and_brightness_are_taken_out(xrays: _Image) -> None:
    """An X-ray of half the contrast, and darker, looks to the network as before; a constant image is grey."""
    image = xrays[0][..., np.newaxis]
    faded = (0.1 + 0.5 * image).astype(np.float32)
    assert np.abs(normalise_bands(faded) - normalise_bands(image)).mean() < 0.01
    np.testing.assert_allclose(normalise_bands(np.full_like(image, 0.3)), 0.5, atol=1e-3)


def test_disturbances_keep_shape_and_range_and_follow_the_seed(xrays: _Image) -> None:
    """The same seed draws the same images, another one others; all stay in [0, 1]."""

    def disturbed(seed: int) -> _Image:
        draws = tf.random.Generator.from_seed(seed)
        found: _Image = Disturber(ROBUST.disturbances, draws).disturb(tf.constant(xrays)).numpy()
        return found

    assert disturbed(1).shape == (3, SIDE, SIDE)
    assert 0.0 <= disturbed(1).min() <= disturbed(1).max() <= 1.0
    np.testing.assert_array_equal(disturbed(1), disturbed(1))
    assert np.abs(disturbed(1) - disturbed(2)).mean() > 0.02


def test_the_fast_forward_pass_is_keras_own_up_to_its_precision() -> None:
    """Same layers, same weights: logits agree within what bfloat16 keeps."""
    network = build_network()
    tensors = np.random.default_rng(1).random((4, SIDE, SIDE, 1), dtype=np.float32)
    fast = forward(network, tf.constant(tensors), Mode.INFERENCE, tf.random.Generator.from_seed(0)).logits
    slow = network(tensors).numpy()[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-fast.numpy())), slow, atol=0.02)


def test_a_cut_run_is_resumed_where_it_stood(tmp_path: Path) -> None:
    """Two epochs, a cut, the third: the history is whole, and the newest averaged weights are a network's."""
    images = make_tiny_data(tmp_path / "data")
    split = hold_out(images, HoldOut.PATIENTS, seed=1, share=0.25, excluded=())
    run, told = RunFolder(tmp_path / "run"), []
    progress = Progress(lambda *_: None, told.append)
    description = describe_run(split, _TINY, seed=1, epochs=3, share=0.25, excluded=())

    class Cut(Exception):
        """The machine was switched off after the second epoch."""

    def cut_after_two(record: object) -> None:
        told.append(record)
        if len(told) == 2:
            raise Cut

    with pytest.raises(Cut):
        train(split, _TINY, run, description, Progress(lambda *_: None, cut_after_two))
    train(split, _TINY, run, description, progress)
    assert [record.epoch for record in told] == [1, 2, 3]
    assert [record.epoch for record in run.read_history()] == [1, 2, 3]
    network = build_network()
    network.load_weights(run.best_weights)
    probabilities = network(np.random.default_rng(1).random((2, SIDE, SIDE, 1), dtype=np.float32)).numpy()
    assert np.isfinite(probabilities).all()
    assert run.read_description().preprocess_version == "bands-150-1"


def test_less_than_a_batch_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """No step could be trained, and the history would hold a loss that is no number."""
    images = make_tiny_data(tmp_path / "data")
    split = hold_out(images, HoldOut.PATIENTS, seed=1, share=0.25, excluded=())
    run, silent = RunFolder(tmp_path / "run"), Progress(lambda *_: None, lambda _: None)
    description = describe_run(split, ROBUST, seed=1, epochs=1, share=0.25, excluded=())
    with pytest.raises(ConfigurationInvalid, match="less than one batch of recipe robust"):
        train(split, ROBUST, run, description, silent)
    assert not run.path.exists()


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    """Without normals there is nothing to tell pneumonia from, and no ROC curve."""
    images = make_tiny_data(tmp_path / "data")
    split = hold_out(images, HoldOut.PATIENTS, seed=1, share=0.25, excluded=())
    ill = replace(split, validation=tuple(image for image in split.validation if image.label))
    description = describe_run(ill, _TINY, seed=1, epochs=1, share=0.25, excluded=())
    with pytest.raises(ConfigurationInvalid, match="nothing to validate on: both classes"):
        train(ill, _TINY, RunFolder(tmp_path / "run"), description, Progress(lambda *_: None, lambda _: None))


def test_blocks_hold_whole_patients_of_the_lowest_numbers_out() -> None:
    """15 % of each series of numbers, by number and not by name; no patient on both sides; excluded ones nowhere."""
    names = [f"IM-{n:04}" for n in range(1, 21)] + [f"person{n}" for n in range(1, 41)]
    images = [LabelledImage(Path(f"{name}-1.png"), int(name.startswith("p")), name) for name in names for _ in (1, 2)]
    split = hold_out(images, HoldOut.LOWEST_BLOCK, seed=1, share=0.1, excluded=["person2"])
    held_out = {image.patient for image in split.validation}
    assert held_out == {"IM-0001", "IM-0002", "IM-0003"} | {f"person{n}" for n in (1, 3, 4, 5, 6)}
    assert held_out.isdisjoint(image.patient for image in split.training)


def test_a_run_validated_on_a_block_does_not_become_a_version(tmp_path: Path) -> None:
    """It is for choosing between recipes; a version is calibrated on patients at random."""
    images = make_tiny_data(tmp_path / "data")
    split = hold_out(images, HoldOut.PATIENTS, seed=1, share=0.25, excluded=())
    run = RunFolder(tmp_path / "run")
    description = describe_run(split, _TINY, seed=1, epochs=1, share=0.25, excluded=(), hold_out="lowest-block")
    train(split, _TINY, run, description, Progress(lambda *_: None, lambda _: None))
    with pytest.raises(ConfigurationInvalid, match="lowest-block"):
        export_run(run, images, tmp_path / "weights", "tiny")


def test_the_perturbation_table_counts_what_was_lost() -> None:
    """A reader of mean brightness loses on gamma and contrast what can be counted by hand, and nothing on a blur."""
    images = [np.full((160, 160), level, np.float32) for level in (0.3, 0.45, 0.55, 0.7)]
    labels = np.array([0, 0, 1, 1])
    rows = {
        row.name: row
        for row in measure_perturbations(
            images, labels, lambda batch: np.array([float(i.mean()) for i in batch]), threshold=0.5
        )
    }
    assert rows["as they are"].rates.accuracy == 1.0
    assert rows["gamma 1.4"].accuracy_lost == pytest.approx(0.25)
    assert rows["blur"].mean_change == pytest.approx(0.0, abs=1e-6)
    assert len(rows) == 17
