"""One tiny run on synthetic images, from training to a version that serves."""

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest

from domain.errors import ConfigurationInvalid
from model.card import KERAS_FILE, ONNX_FILE, read_patients
from model.classifier import OnnxNetwork, packaged_weights
from model.convert import convert
from model.dataset import Split, discover, load_tensors, split_by_patient
from model.export import export_run
from model.gated_classifier import GatedClassifier
from model.input_gate import InputGate
from model.network import build_network
from model.onnx_export import to_onnx
from model.preprocess import AREA
from model.recipe import PAPER, find_recipe
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.train import describe_run, train
from model.train_progress import Progress
from tests.unit.model.conftest import SHIPPED
from tests.unit.model.tiny_data import make_tiny_data

_SEED = 1
_TINY = replace(PAPER, batch_size=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve noisy bright and twelve noisy dark images, a patient each."""
    root = tmp_path_factory.mktemp("data")
    make_tiny_data(root)
    return root


@pytest.fixture(scope="module")
def split(data: Path) -> Split:
    """Three of twelve patients a class are validation."""
    return split_by_patient(discover(data), seed=_SEED, share=0.25)


def _describe(split: Split, epochs: int, seed: int = _SEED) -> RunDescription:
    return describe_run(split, _TINY, seed=seed, epochs=epochs, share=0.25, excluded=())


def _train(split: Split, run: RunFolder, epochs: int) -> list[EpochRecord]:
    """Train up to `epochs`, and give the epochs that this call went through."""
    told: list[EpochRecord] = []
    train(split, _TINY, run, _describe(split, epochs), Progress(lambda *_: None, told.append))
    return told


@pytest.fixture(scope="module")
def run(split: Split, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was cut after two epochs and resumed to the third."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    assert [record.epoch for record in _train(split, folder, 2)] == [1, 2]
    assert [record.epoch for record in _train(split, folder, 3)] == [3]
    return folder


def test_resumed_run_goes_on_with_its_history(run: RunFolder, split: Split) -> None:
    """After cut and resume the history is whole, in JSON and in CSV, and nothing is left to train."""
    history = run.read_history()
    assert [record.epoch for record in history] == [1, 2, 3]
    assert len((run.path / "history.csv").read_text().splitlines()) == 4
    assert _train(split, run, 3) == []


def test_plateau_rule_remembers_across_a_cut(run: RunFolder, split: Split, tmp_path: Path) -> None:
    """A run that was cut one epoch before its rate falls lowers it right after the resumed epoch."""
    cut = RunFolder(tmp_path / "run")
    cut.write_description(run.read_description())
    shutil.copy(run.checkpoint, cut.checkpoint)
    out_of_reach = [replace(record, plateau_best=2.0, plateau_wait=1) for record in run.read_history()[:2]]
    cut.write_history(out_of_reach)
    _train(split, cut, 4)
    third, fourth = cut.read_history()[2:]
    assert third.plateau_best == fourth.plateau_best == 2.0
    assert fourth.learning_rate == pytest.approx(0.3 * third.learning_rate)


def test_best_weights_are_those_of_the_best_epoch(run: RunFolder, split: Split) -> None:
    """The kept weights give the best validation accuracy of the history."""
    history = run.read_history()
    network = build_network()
    network.load_weights(run.best_weights)
    network.compile(loss="binary_crossentropy", metrics=["accuracy"])
    _, accuracy = network.evaluate(*load_tensors(split.validation, AREA), verbose=0)
    assert accuracy == pytest.approx(max(record.val_accuracy for record in history), abs=1e-6)


def test_another_run_is_not_mixed_in(run: RunFolder, split: Split) -> None:
    """Resuming with another seed is refused, and the folder stays as it was."""
    with pytest.raises(ConfigurationInvalid, match="another run"):
        train(split, _TINY, run, _describe(split, 3, seed=2), Progress(lambda *_: None, lambda _: None))
    assert run.read_description().seed == _SEED


def test_unfinished_run_is_not_exported(run: RunFolder, data: Path, tmp_path: Path) -> None:
    """A run that has epochs left is not made into a version."""
    unfinished = RunFolder(tmp_path / "run")
    unfinished.write_description(run.read_description())
    unfinished.write_history(run.read_history()[:2])
    with pytest.raises(ConfigurationInvalid, match="2 of 3 epochs"):
        export_run(unfinished, discover(data), tmp_path / "weights", "tiny-1")


@pytest.fixture
def exportable(run: RunFolder, split: Split, tmp_path: Path) -> RunFolder:
    """The same run with weights that tell bright from dark, which three epochs do not teach."""
    network = build_network()
    kernel = network.layers[-1].get_weights()[0]
    network.layers[0].set_weights([np.full((3, 3, 1, 32), 0.1, np.float32), np.zeros(32, np.float32)])
    for layer in network.layers[1:-1]:
        layer.set_weights([np.abs(value) if value.ndim > 1 else value for value in layer.get_weights()])
    network.layers[-1].set_weights([np.abs(kernel) * 1e-3, np.full(1, -1.0, np.float32)])
    copy = RunFolder(tmp_path / "run")
    copy.write_description(run.read_description())
    copy.write_history(run.read_history())
    network.save_weights(copy.best_weights)
    return copy


def test_export_makes_a_version_that_serves(
    exportable: RunFolder, data: Path, split: Split, tmp_path: Path, open_gate: InputGate
) -> None:
    """The written version loads with its gate, knows its patients, and its figures are of its validation images."""
    card = export_run(exportable, discover(data), tmp_path / "weights", "tiny-1")
    serving = GatedClassifier.load(tmp_path / "weights", "tiny-1")
    assert serving.card == card
    assert serving.gate.to_bytes() == open_gate.to_bytes()
    assert card.figures[0].n == len(split.validation)
    assert card.figures[0].roc_auc == 1.0
    patients = read_patients(tmp_path / "weights" / "tiny-1", card)
    assert set(patients.validation) == {image.patient for image in split.validation}
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["tiny-1"]


def test_export_never_overwrites(exportable: RunFolder, data: Path, tmp_path: Path) -> None:
    """A version that exists is left alone."""
    (tmp_path / "weights" / "tiny-1").mkdir(parents=True)
    with pytest.raises(ConfigurationInvalid, match="exists"):
        export_run(exportable, discover(data), tmp_path / "weights", "tiny-1")


@pytest.fixture(scope="module")
def shipped_keras() -> keras.Sequential:
    """Give the shipped version as Keras has it."""
    network = build_network()
    network.load_weights(packaged_weights() / SHIPPED / KERAS_FILE)
    return network


def test_shipped_onnx_equals_shipped_keras(
    shipped_keras: keras.Sequential, sample_tensors: npt.NDArray[np.float32]
) -> None:
    """On the sample X-rays both give the same probability, within 1e-5, and the same logit."""
    served = OnnxNetwork.from_bytes((packaged_weights() / SHIPPED / ONNX_FILE).read_bytes())
    expected = np.asarray(shipped_keras(sample_tensors))[:, 0]
    np.testing.assert_allclose(served.raw_probabilities(sample_tensors), expected, atol=1e-5)
    np.testing.assert_allclose(1 / (1 + np.exp(-served.logits(sample_tensors))), expected, atol=1e-5)


def test_shipped_graph_is_what_its_weights_give(shipped_keras: keras.Sequential) -> None:
    """The Keras weights beside the shipped ONNX file make that file, byte for byte."""
    assert to_onnx(shipped_keras) == (packaged_weights() / SHIPPED / ONNX_FILE).read_bytes()


def test_export_fails_when_onnx_and_keras_differ(
    shipped_keras: keras.Sequential, sample_tensors: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probability that is 2e-5 off is not let through."""
    raw = OnnxNetwork.raw_probabilities
    monkeypatch.setattr(OnnxNetwork, "raw_probabilities", lambda self, tensors: raw(self, tensors) + 2e-5)
    with pytest.raises(ConfigurationInvalid, match="differ"):
        convert(shipped_keras, sample_tensors[:2])


def test_export_fails_when_heat_maps_differ(
    shipped_keras: keras.Sequential, sample_tensors: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heat map that is 2e-4 off at one pixel is not let through."""
    heat_maps = OnnxNetwork.heat_maps

    def spoiled(self: OnnxNetwork, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        maps = heat_maps(self, tensors).copy()
        maps[-1, 149, 0] += 2e-4
        return maps

    monkeypatch.setattr(OnnxNetwork, "heat_maps", spoiled)
    with pytest.raises(ConfigurationInvalid, match="heat map"):
        convert(shipped_keras, sample_tensors[:2])


def test_recipe_is_the_papers() -> None:
    """The paper's recipe holds the paper's values, and an unknown recipe names the known ones."""
    recipe = find_recipe("paper")
    assert (recipe.rotation_degrees, recipe.zoom, recipe.shift) == (30.0, 0.2, 0.1)
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 12, 1e-3)
    assert (recipe.plateau_patience, recipe.plateau_factor, recipe.minimum_learning_rate) == (2, 0.3, 1e-6)
    with pytest.raises(ConfigurationInvalid, match="known: paper"):
        find_recipe("secret")
