"""From a training run to a version that can serve: ONNX, calibration, operating points, figures, card."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid
from model.calibrate import choose_operating_points, fit_calibration
from model.card import (
    KERAS_FILE,
    ONNX_FILE,
    PATIENTS_FILE,
    ModelCard,
    Patients,
    RecipeRecord,
    check_version,
    sha256,
    write_card,
)
from model.card_text import card_of
from model.classifier import Classifier
from model.convert import Exported, convert
from model.dataset import LabelledImage, load_tensors, of_patients
from model.evaluate import evaluate
from model.network import build_network
from model.recipe import Recipe, find_recipe
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.validation import HoldOut


def export_run(run: RunFolder, images: Sequence[LabelledImage], weights_root: Path, version: str) -> ModelCard:
    """Write `weights_root`/`version` from a run's best weights, calibrated and measured on its validation images.

    `images` is the whole data folder; the run says which patients are validation. ConfigurationInvalid when the
    version exists, the run is not finished, the data lack its patients, or ONNX and Keras differ.
    """
    folder = weights_root / check_version(version)
    if folder.exists():
        raise ConfigurationInvalid(f"{folder} exists; a version is never written twice")
    description, history = _finished(run)
    validation = of_patients(images, set(description.validation_patients))
    network = build_network()
    network.load_weights(run.best_weights)
    tensors, labels = load_tensors(validation, description.preprocess_version)
    exported = convert(network, tensors)
    with tempfile.TemporaryDirectory(dir=_made(weights_root), prefix=".export-") as scratch:
        building = Path(scratch) / version
        building.mkdir()
        files = _write_files(building, exported.graph, network, description)
        card = _card(version, (description, history), exported, labels, files)
        card = _measured(card, building, validation)
        building.rename(folder)
    return card


def _measured(card: ModelCard, folder: Path, validation: Sequence[LabelledImage]) -> ModelCard:
    """Write the card, evaluate the version as it will serve, and write the card again with the figures."""
    write_card(folder, card)
    classifier = Classifier.load(folder.parent, card.version)
    figures = evaluate(classifier, validation, data_set=card.calibration.fitted_on).figures
    measured = card.model_copy(update={"figures": (figures,)})
    write_card(folder, measured)
    return measured


def _write_files(folder: Path, graph: bytes, network: keras.Sequential, description: RunDescription) -> dict[str, str]:
    """Write all but the card, and give each file's sha256."""
    (folder / ONNX_FILE).write_bytes(graph)
    network.save_weights(folder / KERAS_FILE)
    patients = Patients(training=description.training_patients, validation=description.validation_patients)
    (folder / PATIENTS_FILE).write_text(patients.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return {name: sha256((folder / name).read_bytes()) for name in (ONNX_FILE, KERAS_FILE, PATIENTS_FILE)}


def _card(
    version: str,
    run: tuple[RunDescription, list[EpochRecord]],
    exported: Exported,
    labels: npt.NDArray[np.float32],
    files: dict[str, str],
) -> ModelCard:
    """Calibrate, choose operating points, and make the card; its figures are still empty."""
    (description, history), truth = run, labels.astype(np.int64)
    data_set = _data_set(description, len(labels))
    calibration = fit_calibration(truth, exported.logits, measured_on=data_set)
    points = choose_operating_points(truth, calibration.apply(exported.logits), measured_on=data_set)
    return card_of(
        version,
        description,
        parameters=exported.parameters,
        recipe=_recipe_record(description, history, exported),
        curve=history,
        files=files,
        calibration=calibration,
        operating_points=points,
    )


def _finished(run: RunFolder) -> tuple[RunDescription, list[EpochRecord]]:
    description, history = run.read_description(), run.read_history()
    if len(history) < description.epochs or not run.best_weights.exists():
        raise ConfigurationInvalid(f"{run.path} ended after {len(history)} of {description.epochs} epochs: resume it")
    if description.hold_out != HoldOut.PATIENTS:
        raise ConfigurationInvalid(f"{run.path} was validated on {description.hold_out}: a version needs patients")
    return description, history


def _recipe_record(description: RunDescription, history: list[EpochRecord], exported: Exported) -> RecipeRecord:
    # The paper's run keeps the first of its best epochs; the other one keeps its newest averaged weights.
    keeps_best = isinstance(find_recipe(description.recipe), Recipe)
    best = max(history, key=lambda record: record.val_accuracy) if keeps_best else history[-1]
    return RecipeRecord(
        name=description.recipe,
        seed=description.seed,
        epochs=description.epochs,
        best_epoch=best.epoch,
        tensorflow_version=description.tensorflow_version,
        keras_version=description.keras_version,
        onnx_difference=exported.difference,
        heat_map_difference=exported.heat_map_difference,
    )


def _data_set(description: RunDescription, count: int) -> str:
    share = round(100 * description.validation_share)
    return (
        f"Guangzhou train, validation split by patient ({share} %, seed {description.seed}): {count} images of "
        f"{len(description.validation_patients)} patients"
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
