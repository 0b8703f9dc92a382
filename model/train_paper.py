"""Train the network by the paper's recipe: Keras' own loop, RMSprop, a plateau rule, the best epoch kept."""

import time
from dataclasses import dataclass
from math import ceil
from typing import Any

import keras
import numpy as np

from domain.errors import ConfigurationInvalid
from model.augment import augmented_batches
from model.dataset import Split, load_tensors
from model.network import build_network
from model.recipe import Recipe
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.train_progress import Progress

_VALIDATION_BATCH = 128


def train_paper(split: Split, recipe: Recipe, run: RunFolder, description: RunDescription, progress: Progress) -> None:
    """Train to the description's last epoch, from the folder's last whole one."""
    history = run.read_history()
    keras.utils.set_random_seed(description.seed)
    network = _resume_network(run, recipe) if history else _new_network(recipe)
    epochs = range(len(history), description.epochs)
    steps = ceil(len(split.training) / recipe.batch_size)
    training = load_tensors(split.training, recipe.preprocess_version)
    network.fit(
        augmented_batches(*training, recipe, seed=description.seed, epochs=epochs),
        validation_data=load_tensors(split.validation, recipe.preprocess_version),
        validation_batch_size=_VALIDATION_BATCH,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        steps_per_epoch=steps,
        shuffle=False,  # the batches come shuffled
        callbacks=_callbacks(run, recipe, history, progress, steps),
        verbose=0,
    )


def _new_network(recipe: Recipe) -> keras.Sequential:
    network = build_network()
    network.compile(
        optimizer=keras.optimizers.RMSprop(recipe.learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )
    return network


def _resume_network(run: RunFolder, recipe: Recipe) -> keras.Sequential:
    if not run.checkpoint.exists():
        raise ConfigurationInvalid(f"{run.path} has a history but no checkpoint of recipe {recipe.name}")
    return keras.models.load_model(run.checkpoint)


def _callbacks(run: RunFolder, recipe: Recipe, history: list[EpochRecord], progress: Progress, steps: int) -> list[Any]:
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy",
        mode="max",
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        min_lr=recipe.minimum_learning_rate,
    )
    keeper = _EpochKeeper(run, history, plateau, progress, steps)
    # The keeper comes after the plateau rule: it restores that rule's state at the start, and saves it with the
    # learning rate that the rule has just set.
    return [
        plateau,
        keras.callbacks.LambdaCallback(
            on_train_begin=keeper.restore,
            on_epoch_begin=keeper.begin,
            on_epoch_end=keeper.end,
            on_train_batch_end=keeper.step,
        ),
    ]


@dataclass(slots=True)
class _EpochKeeper:
    """Saves weights, checkpoint and history after each epoch."""

    run: RunFolder
    history: list[EpochRecord]
    plateau: Any
    progress: Progress
    steps: int
    epoch: int = 0
    started: float = 0.0

    def restore(self, logs: object) -> None:
        """Give the plateau rule back its memory, which Keras resets when training begins."""
        del logs
        if self.history:
            self.plateau.best = self.history[-1].plateau_best
            self.plateau.wait = self.history[-1].plateau_wait

    def begin(self, epoch: int, logs: object) -> None:
        """Note when the epoch began."""
        del logs
        self.epoch, self.started = epoch + 1, time.monotonic()

    def step(self, batch: int, logs: object) -> None:
        """Tell of one step."""
        del logs
        self.progress.on_step(self.epoch, batch + 1, self.steps)

    def end(self, epoch: int, logs: dict[str, float]) -> None:
        """Keep what the epoch gave. The history is written last: it says that the rest is there."""
        network = self.plateau.model
        record = self._record(epoch + 1, logs)
        best_before = max((earlier.val_accuracy for earlier in self.history), default=-np.inf)
        if record.val_accuracy > best_before:
            temporary = self.run.path / "new.weights.h5"
            network.save_weights(temporary)
            temporary.replace(self.run.best_weights)
        temporary = self.run.path / "new.keras"
        network.save(temporary)
        temporary.replace(self.run.checkpoint)
        self.history.append(record)
        self.run.write_history(self.history)
        self.progress.on_epoch(record)

    def _record(self, epoch: int, logs: dict[str, float]) -> EpochRecord:
        measured = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_auc")}
        return EpochRecord(
            epoch=epoch,
            learning_rate=float(logs["learning_rate"]),
            seconds=round(time.monotonic() - self.started, 1),
            plateau_best=float(self.plateau.best),
            plateau_wait=int(self.plateau.wait),
            **measured,
        )
