"""From a training run, or a network of the user's own, to a version that can serve."""

from collections.abc import Sequence
from pathlib import Path

import keras

from domain.errors import ConfigurationInvalid
from model.card import KERAS_FILE, ModelCard, Patients, RecipeRecord
from model.card_story import OwnNetwork, Story, about_guangzhou
from model.dataset import LabelledImage, of_patients
from model.network import build_network
from model.recipe import Recipe, find_recipe
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.validation import HoldOut
from model.version_folder import VersionSource, write_version

#: What Keras raises for a file that it cannot read, or does not trust.
_UNREADABLE_NETWORK = (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError)


def export_run(run: RunFolder, images: Sequence[LabelledImage], weights_root: Path, version: str) -> ModelCard:
    """Write `weights_root`/`version` from a run's best weights, calibrated and measured on its validation images.

    `images` is the whole data folder; the run says which patients are validation. ConfigurationInvalid when the run
    is not finished, the data lack its patients, and as `write_version` does.
    """
    description, history = _finished(run)
    validation = of_patients(images, set(description.validation_patients))
    network = build_network()
    network.load_weights(run.best_weights)
    source = VersionSource(
        network,
        run.best_weights,
        KERAS_FILE,
        description.preprocess_version,
        validation,
        _data_set(description, len(validation)),
        of_patients(images, set(description.training_patients)),
        Patients(training=description.training_patients, validation=description.validation_patients),
        Story(
            about=about_guangzhou(description),
            recipe=_recipe_record(description, history),
            excluded_patients=description.excluded_patients,
            curve=tuple(history),
        ),
    )
    return write_version(source, weights_root, version)


def export_own(own: OwnNetwork, images: Sequence[LabelledImage], weights_root: Path, version: str) -> ModelCard:
    """Write `weights_root`/`version` from a Keras network made elsewhere, calibrated and measured on all `images`.

    The network must not have been trained on them: nobody can check that here. ConfigurationInvalid when the file is no
    Keras network (.keras or .h5), or needs code of its own, and as `write_version` does.
    """
    try:
        network = keras.models.load_model(own.file, compile=False, safe_mode=True)
    except _UNREADABLE_NETWORK as error:
        raise ConfigurationInvalid(f"{own.file} is no Keras network that can be loaded: {error}") from error
    patients = tuple(sorted({image.patient for image in images if image.patient}))
    source = VersionSource(
        network,
        own.file,
        f"network{own.file.suffix}",
        own.preprocess_version,
        images,
        f"{len(images)} images given at export, of {len(patients)} patients",
        images,
        Patients(training=(), validation=patients),
        Story(about=own.about),
    )
    return write_version(source, weights_root, version)


def _finished(run: RunFolder) -> tuple[RunDescription, list[EpochRecord]]:
    description, history = run.read_description(), run.read_history()
    if len(history) < description.epochs or not run.best_weights.exists():
        raise ConfigurationInvalid(f"{run.path} ended after {len(history)} of {description.epochs} epochs: resume it")
    if description.hold_out != HoldOut.PATIENTS:
        raise ConfigurationInvalid(f"{run.path} was validated on {description.hold_out}: a version needs patients")
    return description, history


def _recipe_record(description: RunDescription, history: list[EpochRecord]) -> RecipeRecord:
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
    )


def _data_set(description: RunDescription, count: int) -> str:
    share = round(100 * description.validation_share)
    return (
        f"Guangzhou train, validation split by patient ({share} %, seed {description.seed}): {count} images of "
        f"{len(description.validation_patients)} patients"
    )
