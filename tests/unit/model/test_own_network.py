"""A network that was made elsewhere becomes a version by command."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from admin.model_commands import app
from domain.errors import ConfigurationInvalid
from model.classifier import Classifier
from model.image_file import read_image
from model.preprocess import AREA, preprocess
from tests.unit.model.tiny_data import A_CLASS, make_tiny_data

_DOCS = Path(__file__).parents[3] / "docs" / "model.md"


def _bright_is_pneumonia() -> keras.Model:
    """Build a network of another shape than ours, whose probability rises with the mean grey value."""
    tensor = keras.Input((150, 150, 1))
    image = layers.AveragePooling2D(15)(tensor)
    branch = layers.Conv2D(2, 1, kernel_initializer="ones")(image)
    image = layers.Conv2D(2, 1, activation="relu", kernel_initializer="ones")(layers.Add()([branch, branch]))
    features = layers.Dense(128, "relu", kernel_initializer="ones")(layers.Flatten()(image))
    last = layers.Dense(1, "sigmoid", kernel_initializer="ones")
    network = keras.Model(tensor, last(features))
    last.set_weights([np.full((128, 1), 2e-4, np.float32), np.full(1, -8.0, np.float32)])
    return network


@pytest.fixture
def about(tmp_path: Path) -> Path:
    """The example of docs/model.md, as its reader would copy it."""
    (example,) = re.findall(r"```json\n(.*?)```", _DOCS.read_text(), re.DOTALL)
    (tmp_path / "about.json").write_text(example)
    return tmp_path / "about.json"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Bright pneumonias and dark normals."""
    make_tiny_data(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The network as its maker saved it."""
    _bright_is_pneumonia().save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def _export(weights: Path, *words: object) -> object:
    command = ["export", "--version", "mine-1", "--weights", weights, *words]
    return CliRunner().invoke(app, [str(word) for word in command], catch_exceptions=False)


@pytest.mark.usefixtures("open_gate")
def test_an_own_network_becomes_a_version_that_serves(own: Path, about: Path, data: Path, tmp_path: Path) -> None:
    """It is calibrated and measured on the images given, its card says who made it, and it reads an image."""
    _export(tmp_path / "weights", "--keras", own, "--about", about, "--data", data)
    served = Classifier.load(tmp_path / "weights", "mine-1")
    assert served.card.manufacturer == json.loads(about.read_text())["manufacturer"]
    assert (served.card.recipe, served.card.curve, served.card.preprocess_version) == (None, (), AREA)
    assert (served.card.figures[0].n, served.card.figures[0].roc_auc) == (2 * A_CLASS, 1.0)
    image = next((data / "train" / "PNEUMONIA").iterdir())
    assert served.predict(preprocess(read_image(image), AREA)[np.newaxis])[0] > 0.5
    shown = CliRunner().invoke(app, ["card", "mine-1", "--weights", str(tmp_path / "weights")])
    assert "elsewhere" in shown.stdout


def test_a_file_that_is_no_network_is_refused(about: Path, data: Path, tmp_path: Path) -> None:
    """With its name, and nothing is written."""
    (tmp_path / "mine.keras").write_bytes(b"not a network")
    with pytest.raises(ConfigurationInvalid, match=r"mine\.keras is no Keras network"):
        _export(tmp_path / "weights", "--keras", tmp_path / "mine.keras", "--about", about, "--data", data)
    assert not (tmp_path / "weights").exists()


def test_a_network_with_code_of_its_own_is_not_run(about: Path, data: Path, tmp_path: Path) -> None:
    """A Lambda layer is a program in the file: it is refused before it runs."""
    tensor = keras.Input((150, 150, 1))
    image = layers.Lambda(lambda value: value * 2.0)(tensor)
    network = keras.Model(tensor, layers.Dense(1, "sigmoid")(layers.Flatten()(image)))
    network.save(tmp_path / "mine.keras")
    with pytest.raises(ConfigurationInvalid, match=r"mine\.keras is no Keras network"):
        _export(tmp_path / "weights", "--keras", tmp_path / "mine.keras", "--about", about, "--data", data)


def test_words_that_are_missing_are_named(own: Path, about: Path, data: Path, tmp_path: Path) -> None:
    """A card without its limits is not written."""
    words = json.loads(about.read_text())
    del words["limits"]
    about.write_text(json.dumps(words))
    with pytest.raises(ConfigurationInvalid, match="limits: Field required"):
        _export(tmp_path / "weights", "--keras", own, "--about", about, "--data", data)


@pytest.mark.parametrize(
    "words", [[], ["--keras", "a"], ["--about", "a"], ["--keras", "a", "--about", "a", "--run-dir", "a"]]
)
def test_a_version_is_made_from_one_thing(words: list[str], data: Path, tmp_path: Path) -> None:
    """A run, or a network with its words."""
    with pytest.raises(ConfigurationInvalid, match="either --run-dir"):
        _export(tmp_path / "weights", "--data", data, *words)


def test_an_image_that_cannot_be_read_is_named(own: Path, about: Path, data: Path, tmp_path: Path) -> None:
    """Figures of half a folder would look like those of the folder."""
    (data / "train" / "NORMAL" / "IM-0003-0001.png").write_bytes(b"no image")
    with pytest.raises(ConfigurationInvalid, match=r"IM-0003-0001\.png: undecodable"):
        _export(tmp_path / "weights", "--keras", own, "--about", about, "--data", data)
