"""Write a version that can serve: ONNX graph, input gate, calibration, operating points, figures, card."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from domain.errors import ConfigurationInvalid
from model.calibrate import DEFAULT_OPERATING_POINT, choose_operating_points, fit_calibration
from model.card import (
    GATE_FILE,
    ONNX_FILE,
    PATIENTS_FILE,
    Conversion,
    ModelCard,
    Patients,
    check_version,
    sha256,
    write_card,
)
from model.card_story import Story
from model.classifier import OnnxNetwork
from model.convert import Exported, convert
from model.dataset import LabelledImage, load_tensors
from model.evaluate import evaluate
from model.gate_version import features_of_network, fit_for_version
from model.gated_classifier import GatedClassifier
from model.measure import Labels
from model.reference import reference_of


@dataclass(frozen=True, slots=True)
class VersionSource:
    """What a version is made from."""

    network: keras.Model
    #: The network's file, kept in the version, and its name there.
    keras_file: Path
    keras_name: str
    preprocess_version: str
    #: Images that the network was not trained on: converted, calibrated and measured on these.
    validation: Sequence[LabelledImage]
    #: Those, in words.
    data_set: str
    #: Chests that the input gate is fitted on.
    chests: Sequence[LabelledImage]
    patients: Patients
    story: Story


def write_version(source: VersionSource, weights_root: Path, version: str) -> ModelCard:
    """Write `weights_root`/`version`, whole or not at all, and give its card.

    ConfigurationInvalid when the version exists, ONNX and Keras differ, or nothing can be calibrated on the images.
    """
    folder = weights_root / check_version(version)
    if folder.exists():
        raise ConfigurationInvalid(f"{folder} exists; a version is never written twice")
    tensors, labels = load_tensors(source.validation, source.preprocess_version)
    if len(np.unique(labels)) == 1:
        raise ConfigurationInvalid(f"{source.data_set} lacks one class: nothing can be calibrated on it")
    exported = convert(source.network, tensors)
    weights_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=weights_root, prefix=".export-") as scratch:
        building = Path(scratch) / version
        building.mkdir()
        files = _write_files(building, exported, source)
        card = _card(version, source, exported, labels.astype(np.int64), files)
        card = _measured(card, building, source)
        building.rename(folder)
    return card


def _write_files(folder: Path, exported: Exported, source: VersionSource) -> dict[str, str]:
    """Write all but the card, and give each file's sha256."""
    (folder / ONNX_FILE).write_bytes(exported.graph)
    shutil.copyfile(source.keras_file, folder / source.keras_name)
    (folder / PATIENTS_FILE).write_text(source.patients.model_dump_json(indent=1) + "\n", encoding="utf-8")
    features_of = features_of_network(OnnxNetwork.from_bytes(exported.graph), source.preprocess_version)
    (folder / GATE_FILE).write_bytes(fit_for_version(features_of, source.chests).to_bytes())
    return {file.name: sha256(file.read_bytes()) for file in sorted(folder.iterdir())}


def _card(version: str, source: VersionSource, exported: Exported, truth: Labels, files: dict[str, str]) -> ModelCard:
    """Calibrate, choose operating points, and make the card; its figures are still empty."""
    calibration = fit_calibration(truth, exported.logits, measured_on=source.data_set)
    points = choose_operating_points(truth, calibration.apply(exported.logits), measured_on=source.data_set)
    story = source.story
    return ModelCard(
        **dict(story.about),
        recipe=story.recipe,
        excluded_patients=story.excluded_patients,
        curve=story.curve,
        version=version,
        finding="pneumonia",
        parameters=exported.parameters,
        preprocess_version=source.preprocess_version,
        files=files,
        conversion=Conversion(
            probability_difference=exported.difference, heat_map_difference=exported.heat_map_difference
        ),
        calibration=calibration,
        operating_points=points,
        default_operating_point=DEFAULT_OPERATING_POINT,
        figures=(),
    )


def _measured(card: ModelCard, folder: Path, source: VersionSource) -> ModelCard:
    """Write the card, evaluate the version as it will serve, and write the card again with the figures."""
    write_card(folder, card)
    serving = GatedClassifier.load(folder.parent, card.version)
    evaluation = evaluate(serving, source.validation, data_set=source.data_set)
    measured = card.model_copy(update={"figures": (evaluation.figures,), "reference": reference_of(evaluation)})
    write_card(folder, measured)
    return measured
