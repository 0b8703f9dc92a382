"""Train the network by a recipe, epoch by epoch, so that a run that was cut goes on where it stood."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from domain.errors import ConfigurationInvalid
from model.dataset import LabelledImage, Split
from model.plots import write_run_curves
from model.recipe import AnyRecipe, Recipe
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

    ConfigurationInvalid when the folder holds a run of another description.
    """
    _start_or_resume(run, description)
    if len(run.read_history()) < description.epochs:
        if isinstance(recipe, Recipe):
            train_paper(split, recipe, run, description, progress)
        else:
            train_robust(split, recipe, run, description, progress)
    write_run_curves(run)


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
