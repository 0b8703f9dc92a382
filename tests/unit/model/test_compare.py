import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from admin.model_commands import app
from domain.errors import ConfigurationInvalid
from model.baselines import Labels, Scores, Tensors
from model.card import KERAS_FILE, Patients
from model.classifier import packaged_weights
from model.compared_networks import compare_run, compare_version
from model.comparison import Comparison, load, measure_baseline, split_for
from model.dataset import LabelledImage, Split
from model.preprocess import AREA, BANDS
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.validation import HoldOut
from tests.unit.model.conftest import SHIPPED
from tests.unit.model.tiny_data import make_tiny_data


class _Brightness:
    """A method of this test: the brighter, the more suspect, or the less."""

    setting = "mean grey value"

    def __init__(self, sign: float = 1.0) -> None:
        self._sign = sign
        self.fitted_on = 0

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        self.fitted_on = len(labels)

    def scores(self, tensors: Tensors) -> Scores:
        return self._sign * 100.0 * tensors.mean(axis=(1, 2, 3)).astype(np.float64)


def _patients(images: Sequence[LabelledImage]) -> set[str]:
    return {image.patient for image in images}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of bright pneumonias and dark normals."""
    make_tiny_data(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize("kind", HoldOut)
def test_thresholds_come_from_patients_of_their_own(tmp_path: Path, kind: HoldOut) -> None:
    """However images are held out, no patient is trained on, calibrated on or measured on at once."""
    images = make_tiny_data(tmp_path)
    split = split_for(images, kind, seed=1, share=0.2, excluded=())
    uses = [_patients(split.training), _patients(split.calibration), _patients(split.validation)]
    assert all(uses)
    assert sum(len(use) for use in uses) == len(set.union(*uses)) == len(images)


def test_a_method_is_calibrated_before_it_is_measured(tmp_path: Path) -> None:
    """Scores far from 0 are put right on the calibration patients, so that 0.5 divides the classes."""
    split = split_for(make_tiny_data(tmp_path), HoldOut.PATIENTS, seed=1, share=0.2, excluded=())
    comparison, method = Comparison(split, HoldOut.PATIENTS, AREA, 1), _Brightness()
    row = measure_baseline("brightness", method, comparison, load(split, AREA))
    assert method.fitted_on == len(split.training)
    assert row.figures.accuracy == row.figures.roc_auc == 1.0
    assert row.figures.n == len(split.validation)
    assert str(len(split.calibration)) in row.calibrated_on


def test_a_method_that_sees_nothing_is_named(tmp_path: Path) -> None:
    """Scores that fall with the finding cannot be calibrated, and the error says whose they are."""
    split = split_for(make_tiny_data(tmp_path), HoldOut.PATIENTS, seed=1, share=0.2, excluded=())
    comparison = Comparison(split, HoldOut.PATIENTS, AREA, 1)
    with pytest.raises(ConfigurationInvalid, match="darkness"):
        measure_baseline("darkness", _Brightness(-1.0), comparison, load(split, AREA))


def _run(*words: object) -> str:
    result = CliRunner().invoke(app, ["compare", *(str(word) for word in words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_comparison_that_was_cut_goes_on(data: Path, tmp_path: Path) -> None:
    """What was measured stays; only the method that is missing is fitted."""
    common = ("--data", data, "--run-dir", tmp_path / "kept")
    first = json.loads(_run(*common, "--methods", "naive-bayes", "--json"))["rows"]
    kept = tmp_path / "kept" / "patients" / AREA / "naive-bayes.json"
    written = kept.stat().st_mtime_ns
    both = json.loads(_run(*common, "--methods", "naive-bayes,k-means", "--json"))["rows"]
    assert kept.stat().st_mtime_ns == written
    assert [row["name"] for row in both] == ["naive-bayes", "k-means"]
    assert both[0] == first[0]
    assert {"accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "pr_auc", "brier"} <= set(
        both[0]["figures"]
    )


def test_changed_images_are_measured_when_asked_for(data: Path, tmp_path: Path) -> None:
    """A row that was kept without them is measured again, and is then good for both; brightness shows a gamma."""
    common = ("--data", data, "--run-dir", tmp_path / "kept", "--methods", "naive-bayes")
    _run(*common)
    (row,) = json.loads(_run(*common, "--perturbations", "--json"))["rows"]
    changes = {one["name"]: one for one in row["perturbations"]}
    assert len(changes) == 16
    assert all(one["accuracy_lost"] == row["figures"]["accuracy"] - one["accuracy"] for one in changes.values())
    assert changes["gamma 0.7"]["mean_change"] > changes["JPEG quality 90"]["mean_change"]
    assert json.loads(_run(*common, "--json"))["rows"] == [row]
    assert "| gamma 0.7 |" in _run(*common, "--perturbations", "--markdown")


def test_figures_of_other_images_are_not_taken_for_these(data: Path, tmp_path: Path) -> None:
    """Another seed draws other patients: the folder is refused, until it is measured anew."""
    common = ("--data", data, "--run-dir", tmp_path / "kept", "--methods", "naive-bayes")
    _run(*common)
    with pytest.raises(ConfigurationInvalid, match="--no-resume"):
        _run(*common, "--seed", 5)
    assert "naive-bayes" in _run(*common, "--seed", 5, "--no-resume")


def test_the_table_for_the_docs_holds_figures_and_settings(data: Path, tmp_path: Path) -> None:
    """--markdown prints a row a method in each of two tables."""
    words = _run("--data", data, "--run-dir", tmp_path / "kept", "--methods", "k-means", "--markdown")
    assert [line.split(" | ")[0] for line in words.splitlines() if "k-means" in line] == ["| k-means"] * 2
    assert "32 clusters" in words


def test_what_cannot_be_compared_is_refused(data: Path, tmp_path: Path) -> None:
    """Nothing to compare, an unknown method, a run without a folder, a version that may have seen the images."""
    common = ("--data", data, "--run-dir", tmp_path / "kept")
    for words, reason in (
        (("--methods", ""), "nothing to compare"),
        (("--methods", "forest"), "no method forest"),
        (("--methods", "", "--runs", "paper"), "NAME=DIR"),
        (("--methods", "", "--version", SHIPPED), "may have been trained on"),
    ):
        with pytest.raises(ConfigurationInvalid, match=reason):
            _run(*common, *words)


@pytest.fixture
def comparison(samples: list[LabelledImage], monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """The samples, as if the shipped version had been validated on them."""
    validated_on = Patients(training=(), validation=tuple(_patients(samples)))
    monkeypatch.setattr("model.compared_networks.read_patients", lambda *_: validated_on)
    return Comparison(Split(training=(), validation=tuple(samples)), HoldOut.PATIENTS, AREA, 1)


def _finished_run(folder: Path, comparison: Comparison, calibration_patients: tuple[str, ...]) -> RunFolder:
    """A run whose weights are the shipped ones."""
    run, patients = RunFolder(folder), tuple(_patients(comparison.split.validation))
    run.write_description(
        RunDescription(
            recipe="robust",
            seed=1,
            epochs=1,
            validation_share=0.1,
            excluded_patients=(),
            training_images=1,
            validation_images=len(patients),
            training_patients=(),
            validation_patients=patients,
            calibration_patients=calibration_patients,
            preprocess_version=BANDS,
            tensorflow_version="2",
            keras_version="3",
        )
    )
    run.write_history([EpochRecord(1, 0.1, 0.9, 0.1, 0.9, 0.9, 1e-3, 42.0, 0.9, 0)])
    shutil.copyfile(packaged_weights() / SHIPPED / KERAS_FILE, run.best_weights)
    return run


def test_a_version_and_a_run_of_its_weights_are_measured_alike(
    comparison: Comparison, samples: list[LabelledImage], tmp_path: Path
) -> None:
    """Calibration differs, ranking does not; each row says what it was calibrated on and how long it trained."""
    version = compare_version(packaged_weights(), SHIPPED, comparison)
    own = compare_run("own", _finished_run(tmp_path / "a", comparison, ()), samples, comparison)
    others = tuple(_patients(samples))
    apart = compare_run("apart", _finished_run(tmp_path / "b", comparison, others), samples, comparison)
    assert version.figures.roc_auc == own.figures.roc_auc == apart.figures.roc_auc
    assert version.figures.n == len(comparison.split.validation)
    assert "flatters" in version.calibrated_on
    assert "flatters" in own.calibrated_on
    assert apart.calibrated_on.startswith("12 images of 12 patients")
    assert own.fit_seconds == 42.0


def test_a_run_that_validated_on_other_images_is_refused(
    comparison: Comparison, samples: list[LabelledImage], tmp_path: Path
) -> None:
    """It may have been trained on some of what it would be measured on."""
    run = _finished_run(tmp_path / "run", comparison, ())
    other = Comparison(Split((), tuple(samples[1:])), HoldOut.LOWEST_BLOCK, AREA, 1)
    with pytest.raises(ConfigurationInvalid, match="lowest-block"):
        compare_run("own", run, samples, other)


def test_missing_pytorch_says_what_to_install(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transfer learning names the make target that installs it, before anything else is fitted."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "model.imagenet_backbone", raising=False)
    with pytest.raises(ConfigurationInvalid, match="make venv-transfer"):
        _run("--data", data, "--run-dir", tmp_path / "kept", "--methods", "naive-bayes,transfer")
    assert not (tmp_path / "kept").exists()
