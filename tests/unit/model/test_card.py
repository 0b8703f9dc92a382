import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationInvalid
from model.card import KERAS_FILE, ONNX_FILE, PATIENTS_FILE, read_card, read_patients
from model.classifier import Classifier, available_versions, packaged_weights
from model.dataset import LabelledImage
from tests.unit.model.conftest import SHIPPED

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A copy of the shipped version that a test may damage."""
    shutil.copytree(packaged_weights() / SHIPPED, tmp_path / SHIPPED)
    return tmp_path


def _edit(weights: Path, change: Change) -> None:
    path = weights / SHIPPED / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_shipped_card_says_what_the_weights_are() -> None:
    """The shipped card reads, names its population and data, and has figures and two operating points."""
    card = read_card(packaged_weights() / SHIPPED)
    assert (card.finding, card.parameters) == ("pneumonia", 1_246_401)
    assert (card.population.age_years_min, card.population.age_years_max) == (1.0, 5.0)
    assert card.training_data.licence == "CC BY 4.0"
    assert [point.name for point in card.operating_points] == ["high_sensitivity", "balanced"]
    assert card.operating_point("high_sensitivity").sensitivity >= 0.98
    assert len(card.figures) == 1
    assert len(card.curve) == card.recipe.epochs == 20


def test_shipped_figures_are_not_degenerate() -> None:
    """The shipped weights separate the validation images well, and their figures agree with their counts."""
    (figures,) = read_card(packaged_weights() / SHIPPED).figures
    assert figures.roc_auc is not None
    assert figures.roc_auc > 0.95
    counts = figures.confusion
    assert counts.tp + counts.fp + counts.tn + counts.fn == figures.n
    assert (counts.tp + counts.tn) / figures.n == pytest.approx(figures.accuracy)


def test_shipped_version_is_small() -> None:
    """A version stays below 15 MB."""
    assert sum(path.stat().st_size for path in (packaged_weights() / SHIPPED).iterdir()) < 15_000_000


def test_sample_patients_were_held_out(samples: list[LabelledImage]) -> None:
    """No patient of the sample X-rays is among those that the weights were trained or validated on."""
    folder = packaged_weights() / SHIPPED
    card = read_card(folder)
    patients = read_patients(folder, card)
    shown = {sample.patient for sample in samples}
    assert len(patients.training) == card.training_data.training_patients
    assert not shown & {*patients.training, *patients.validation}
    assert shown == set(card.excluded_patients)
    assert not set(patients.training) & set(patients.validation)


@pytest.mark.parametrize("name", [ONNX_FILE, KERAS_FILE, PATIENTS_FILE])
def test_altered_file_is_named(weights: Path, name: str) -> None:
    """One flipped bit in any file of a version stops it from loading, by the file's name."""
    path = weights / SHIPPED / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigurationInvalid, match=name):
        Classifier.load(weights, SHIPPED)


def test_missing_file_is_named(weights: Path) -> None:
    """A version without one of its files says which."""
    (weights / SHIPPED / ONNX_FILE).unlink()
    with pytest.raises(ConfigurationInvalid, match=ONNX_FILE):
        Classifier.load(weights, SHIPPED)


def _set(*keys: str, value: object) -> Change:
    def change(card: dict[str, Any]) -> None:
        place: Any = card
        for key in keys[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("colour", value="red"), "colour"),
        (lambda card: card.pop("population"), "population"),
        (_set("population", "age_years_min", value="one"), "population.age_years_min"),
        (_set("calibration", "temperature", value=0.0), "calibration.temperature"),
        (_set("calibration", "type", value="isotonic"), "calibration.type"),
        (_set("operating_points", "0", "threshold", value=1.5), "threshold is outside"),
        (_set("operating_points", "0", "note", value="x"), "exactly the keys"),
        (_set("operating_points", "0", "name", value="balanced"), "share a name"),
        (_set("operating_points", value=[]), "operating_points"),
        (_set("default_operating_point", value="best"), "default_operating_point"),
        (_set("files", "network.onnx", value="abc"), "files.network.onnx"),
        (_set("files", value={}), "files lacks network.onnx"),
        (_set("files", "../other", value="0" * 64), "outside the version"),
        (_set("version", value="paper-2"), "paper-2"),
        (_set("preprocess_version", value="bilinear"), "bilinear"),
    ],
)
def test_bad_card_says_what_is_wrong(weights: Path, change: Change, words: str) -> None:
    """A card with an unknown, missing, mistyped or contradicting key is refused by that key."""
    _edit(weights, change)
    with pytest.raises(ConfigurationInvalid, match=words):
        read_card(weights / SHIPPED)


def test_card_that_is_no_json_is_refused(weights: Path) -> None:
    """A cut card is refused by its path."""
    (weights / SHIPPED / "card.json").write_text('{"name": ')
    with pytest.raises(ConfigurationInvalid, match=r"card\.json"):
        read_card(weights / SHIPPED)


@pytest.mark.parametrize("version", ["../robust-1", "", ".", "..", "a/b", "/etc"])
def test_version_cannot_leave_the_weights_folder(weights: Path, version: str) -> None:
    """A version's name is never trusted as a path."""
    with pytest.raises(ConfigurationInvalid, match="a version is"):
        Classifier.load(weights / SHIPPED, version)


def test_unknown_version_names_the_known_ones(weights: Path) -> None:
    """Asking for a version that is not there says which are."""
    assert available_versions(weights) == (SHIPPED,)
    with pytest.raises(ConfigurationInvalid, match=SHIPPED):
        Classifier.load(weights, "another-1")
    assert available_versions(weights / "nowhere") == ()


def test_unknown_operating_point_names_the_known_ones() -> None:
    """Asking for an operating point that is not there says which are; without a name it is the default."""
    card = read_card(packaged_weights() / SHIPPED)
    assert card.operating_point().name == card.default_operating_point
    with pytest.raises(ConfigurationInvalid, match="high_sensitivity, balanced"):
        card.operating_point("best")
