"""Train the network by a recipe, epoch by epoch, so that a run that was cut goes on where it stood."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from domain.errors import ConfigurationInvalid
from model.dataset import LabelledImage, Split
from model.plots import write_run_curves
from model.recipe import AnyRecipe, Recipe, RobustRecipe
from model.run_folder import RunDescription, RunFolder
from model.train_paper import train_paper
from model.train_progress import Progress
from model.train_robust import train_robust


def describe_run(
    split: Split,
    recipe: AnyRecipe,
    *,
    seed: int,
    epochs: int,
    share: float,
    excluded: Sequence[str],
    hold_out: str = "patients",
) -> RunDescription:
    """Write down what a run is about to be."""
    return RunDescription(
        recipe=recipe.name,
        seed=seed,
        epochs=epochs,
        validation_share=share,
        hold_out=hold_out,
        excluded_patients=tuple(sorted(excluded)),
        training_images=len(split.training),
        validation_images=len(split.validation),
        training_patients=_patients(split.training),
        validation_patients=_patients(split.validation),
        calibration_patients=_patients(split.calibration),
        preprocess_version=recipe.preprocess_version,
        tensorflow_version=tf.__version__,
        keras_version=keras.__version__,
    )


def train(split: Split, recipe: AnyRecipe, run: RunFolder, description: RunDescription, progress: Progress) -> None:
    """Train to the description's last epoch, from the folder's last whole one, and plot the curves.

    ConfigurationInvalid when the folder holds a run of another description, or when there is too little to train on.
    """
    _check_enough(split, recipe)
    _start_or_resume(run, description)
    if len(run.read_history()) < description.epochs:
        if isinstance(recipe, Recipe):
            train_paper(split, recipe, run, description, progress)
        else:
            train_robust(split, recipe, run, description, progress)
    write_run_curves(run)


def _check_enough(split: Split, recipe: AnyRecipe) -> None:
    """Refuse what would end in a loss or a ROC AUC that is no number."""
    for part, images in (("train", split.training), ("validate", split.validation)):
        if {image.label for image in images} != {0, 1}:
            raise ConfigurationInvalid(f"nothing to {part} on: both classes are needed, NORMAL and PNEUMONIA")
    # Keras trains on part of a batch as well; recipe "robust" on whole ones only.
    if isinstance(recipe, RobustRecipe) and len(split.training) < recipe.batch_size:
        raise ConfigurationInvalid(
            f"{len(split.training)} images to train on are less than one batch of recipe {recipe.name} "
            f"({recipe.batch_size}): give more images"
        )


def _patients(images: Sequence[LabelledImage]) -> tuple[str, ...]:
    return tuple(sorted({image.patient for image in images}))


def _start_or_resume(run: RunFolder, description: RunDescription) -> None:
    if not run.is_started:
        run.write_description(description)
        return
    before = run.read_description()
    # A resumed run may be given more epochs; nothing else may change under it.
    if before.model_copy(update={"epochs": description.epochs}) != description:
        raise ConfigurationInvalid(f"{run.path} holds another run (recipe, seed, data or versions differ)")
    run.write_description(description)
