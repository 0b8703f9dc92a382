import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from admin.model_commands import app
from domain.errors import ConfigurationInvalid
from model.crossval import folds, spread
from model.dataset import LabelledImage
from model.measure import measure
from model.validation import HoldOut, hold_out
from tests.unit.model.tiny_data import A_CLASS, make_tiny_data


def _patients(images: tuple[LabelledImage, ...]) -> set[str]:
    return {image.patient for image in images}


@pytest.fixture
def images() -> list[LabelledImage]:
    """Twenty normal and forty pneumonia patients with one to three images each."""
    counts = np.random.default_rng(1).integers(1, 4, 60)
    return [
        LabelledImage(Path(f"{patient}_{number}.png"), int(patient >= 20), f"p{patient}")
        for patient, count in enumerate(counts)
        for number in range(count)
    ]


def test_each_patient_is_validation_in_one_fold_and_never_has_two_uses(images: list[LabelledImage]) -> None:
    """Five folds cover all patients but the excluded, each with its share of both classes and of calibration."""
    made = folds(images, 5, seed=1, share=0.2, excluded=("p0",))
    held_out = [_patients(split.validation) for split in made]
    assert sum(len(one) for one in held_out) == len(set.union(*held_out)) == 59
    for split in made:
        uses = [_patients(part) for part in (split.training, split.validation, split.calibration)]
        assert sum(len(use) for use in uses) == len(set.union(*uses)) == 59
        assert {image.label for image in split.validation} == {image.label for image in split.calibration} == {0, 1}
        share = np.mean([image.label for image in split.validation])
        assert share == pytest.approx(np.mean([image.label for image in images]), abs=0.12)
    assert folds(images[::-1], 5, seed=1, share=0.2, excluded=("p0",)) == made


def test_too_few_patients_are_said(images: list[LabelledImage]) -> None:
    """Twenty-one folds of twenty normal patients cannot be."""
    with pytest.raises(ConfigurationInvalid, match="one has 20"):
        folds(images, 21, seed=1, share=0.2, excluded=())


def test_spread_is_of_the_folds() -> None:
    """Accuracies of 1 and 0.5 have mean 0.75, and the deviation of a sample of two."""
    labels = np.array([0, 0, 1, 1])
    good = measure(labels, np.array([0.1, 0.2, 0.8, 0.9]), data_set="a")
    poor = measure(labels, np.array([0.1, 0.8, 0.2, 0.9]), data_set="b")
    accuracy = spread([good, poor])["at 0.5"]["accuracy"]
    assert (accuracy.mean, accuracy.least, accuracy.most) == (0.75, 0.5, 1.0)
    assert accuracy.deviation == pytest.approx(np.std([1.0, 0.5], ddof=1))


def test_a_block_leaves_patients_to_calibrate_on(tmp_path: Path) -> None:
    """They are neither in the block nor trained on; validation at random needs none."""
    images = make_tiny_data(tmp_path)
    block = hold_out(images, HoldOut.MIDDLE_BLOCK, seed=1, share=0.2, excluded=())
    assert block.calibration
    assert not _patients(block.calibration) & (_patients(block.training) | _patients(block.validation))
    assert hold_out(images, HoldOut.PATIENTS, seed=1, share=0.2, excluded=()).calibration == ()


def _run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_cross_validation_that_was_cut_goes_on(tmp_path: Path) -> None:
    """The second call trains nothing again, and gives the same figures over both folds."""
    make_tiny_data(tmp_path / "data")
    words = (
        "crossval",
        "--data",
        tmp_path / "data",
        "--run-dir",
        tmp_path / "runs",
        "--folds",
        2,
        "--epochs",
        1,
        "--json",
    )
    first = json.loads(_run(*words))
    weights = (tmp_path / "runs" / "fold-1" / "best.weights.h5").stat()
    assert json.loads(_run(*words)) == first
    assert (tmp_path / "runs" / "fold-1" / "best.weights.h5").stat() == weights
    assert sum(fold["n"] for fold in first["folds"]) == 2 * A_CLASS
    assert first["spread"]["at any threshold"]["roc_auc"]["least"] >= 0.0


def test_a_run_with_nothing_to_calibrate_on_is_told_so(tmp_path: Path) -> None:
    """A run that validated on patients at random is measured by export."""
    make_tiny_data(tmp_path / "data")
    common = ("--data", tmp_path / "data", "--run-dir", tmp_path / "run")
    _run("train", *common, "--epochs", 1)
    with pytest.raises(ConfigurationInvalid, match="export"):
        _run("holdout", *common)
