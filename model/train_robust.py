"""Train the network by recipe "robust": a run that was cut goes on after its last whole epoch.

The batch statistics are never averaged along the way: dropout stands ahead of normalisation and biases them. Those
of the averaged weights are estimated without dropout, on disturbed training images, whenever they are measured.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from domain.errors import ConfigurationInvalid
from model.augment_robust import Disturber, normalise_batch
from model.dataset import LabelledImage, Split, load_tensors
from model.fast_forward import Mode, forward, store_statistics
from model.network import build_network
from model.preprocess import AREA
from model.recipe import RobustRecipe
from model.run_folder import EpochRecord, RunDescription, RunFolder
from model.train_progress import Progress

#: Decay of the two moments of AdamW, and what keeps its division finite.
_FIRST_MOMENT, _SECOND_MOMENT, _TINY = 0.9, 0.999, 1e-7
#: The average of the weights takes in more of each step at first: step n weighs at least 9 / (10 + n).
_AVERAGING_START = 10.0
_MEASURING_BATCH = 64
#: Which draws of an epoch belong to what: second part of a seed.
_TRAINING_DRAWS, _STATISTICS_DRAWS = 0, 1

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Images:
    """Images as area averages left them, before normalisation, (N, 150, 150), and labels (N,)."""

    tensors: _Floats
    labels: _Floats


@dataclass(frozen=True, slots=True)
class _Moments:
    """What the optimiser and the average remember of each trainable variable."""

    first: list[tf.Variable]
    second: list[tf.Variable]
    average: list[tf.Variable]
    step: tf.Variable

    @classmethod
    def of(cls, network: keras.Sequential) -> "_Moments":
        variables = [variable.value for variable in network.trainable_variables]
        return cls(
            first=[tf.Variable(tf.zeros_like(value)) for value in variables],
            second=[tf.Variable(tf.zeros_like(value)) for value in variables],
            average=[tf.Variable(value) for value in variables],
            step=tf.Variable(0.0),
        )

    def all(self) -> list[tf.Variable]:
        return [*self.first, *self.second, *self.average, self.step]


class RobustTrainer:
    """One run: network, optimiser and averaged weights."""

    def __init__(self, recipe: RobustRecipe, training: Images, *, seed: int, epochs: int) -> None:
        keras.utils.set_random_seed(seed)
        self.network = build_network()
        self._recipe, self._seed = recipe, seed
        self._tensors, self._labels = tf.constant(training.tensors), tf.constant(training.labels)
        self._steps = len(training.labels) // recipe.batch_size
        self._all_steps = self._steps * epochs
        self._draws = tf.random.Generator.from_seed(seed)
        self._disturber = Disturber(recipe.disturbances, self._draws)
        self._moments = _Moments.of(self.network)
        share = float(training.labels.mean())
        #: Each class weighs half of all.
        self._weight_of_normal, self._weight_of_finding = 0.5 / (1.0 - share), 0.5 / share
        self._step = tf.function(self._one_step)

    def train_epoch(self, epoch: int, on_step: Callable[[int, int], None]) -> tuple[float, float]:
        """Train one epoch, counted from 0: mean loss and accuracy, both on disturbed images with dropout on."""
        self._draws.reset_from_seed(self._seed_of(epoch, _TRAINING_DRAWS))
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._labels))
        sums = np.zeros(2)
        for step in range(self._steps):
            chosen = order[step * self._recipe.batch_size : (step + 1) * self._recipe.batch_size]
            sums += [float(value) for value in self._step(tf.constant(chosen))]
            on_step(step + 1, self._steps)
        loss, accuracy = sums / self._steps
        return float(loss), float(accuracy)

    def averaged_network(self, epoch: int) -> keras.Sequential:
        """Give the network with averaged weights, its batch statistics estimated again."""
        network = build_network()
        for variable, value in zip(network.trainable_variables, self._moments.average, strict=True):
            variable.assign(value)
        self._draws.reset_from_seed(self._seed_of(epoch, _STATISTICS_DRAWS))
        order = np.random.default_rng((self._seed, epoch, _STATISTICS_DRAWS)).permutation(len(self._labels))

        estimate = tf.function(
            lambda chosen: forward(network, self._draw(chosen), Mode.ESTIMATING, self._draws).statistics
        )
        batches = np.array_split(order, max(1, len(order) // self._recipe.batch_size))
        found = [estimate(tf.constant(chosen)) for chosen in batches[: self._recipe.statistics_batches]]
        store_statistics(network, [_mean_of(block) for block in zip(*found, strict=True)])
        return network

    def save(self, path: str) -> None:
        """Write all that a resumed run needs."""
        values = [variable.numpy() for variable in [*self.network.trainable_variables, *self._moments.all()]]
        np.savez(path, **{f"v{number:03d}": value for number, value in enumerate(values)})

    def restore(self, path: str) -> None:
        """Read what `save` wrote."""
        with np.load(path) as saved:
            for number, variable in enumerate([*self.network.trainable_variables, *self._moments.all()]):
                variable.assign(saved[f"v{number:03d}"])

    def rate_at(self, step: tf.Tensor) -> tf.Tensor:
        """Give the learning rate of a step, counted from 0: up over one epoch, then down as a cosine."""
        done = tf.clip_by_value((step - self._steps) / max(1, self._all_steps - self._steps), 0.0, 1.0)
        return self._recipe.learning_rate * tf.minimum((step + 1.0) / self._steps, 0.5 * (1.0 + tf.cos(pi * done)))

    def rate_after(self, epoch: int) -> float:
        """Give the learning rate at the end of an epoch, counted from 0."""
        return float(self.rate_at(tf.constant(float((epoch + 1) * self._steps))))

    def _seed_of(self, epoch: int, purpose: int) -> int:
        return int(np.random.SeedSequence((self._seed, epoch, purpose)).generate_state(1)[0])

    def _draw(self, chosen: tf.Tensor) -> tf.Tensor:
        return normalise_batch(self._disturber.disturb(tf.gather(self._tensors, chosen)))

    def _one_step(self, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        labels, smoothing = tf.gather(self._labels, chosen), self._recipe.label_smoothing
        is_finding = labels > 0.5  # noqa: PLR2004 - labels are 0 and 1
        weights = tf.where(is_finding, self._weight_of_finding, self._weight_of_normal)
        targets = labels * (1.0 - smoothing) + 0.5 * smoothing
        tensors = self._draw(chosen)
        variables = [variable.value for variable in self.network.trainable_variables]
        with tf.GradientTape() as tape:
            logits = forward(self.network, tensors, Mode.TRAINING, self._draws).logits
            losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(weights * losses) / tf.reduce_sum(weights)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), self._recipe.gradient_norm)
        self._update(variables, gradients)
        return loss, tf.reduce_mean(tf.cast((logits > 0.0) == is_finding, tf.float32))

    def _update(self, variables: list[tf.Variable], gradients: list[tf.Tensor]) -> None:
        """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), and the average of the weights."""
        moments, rate = self._moments, self.rate_at(self._moments.step)
        count = moments.step + 1.0
        decay = tf.minimum(self._recipe.averaging, (1.0 + count) / (_AVERAGING_START + count))
        for variable, gradient, first, second, average in zip(
            variables, gradients, moments.first, moments.second, moments.average, strict=True
        ):
            first.assign(_FIRST_MOMENT * first + (1.0 - _FIRST_MOMENT) * gradient)
            second.assign(_SECOND_MOMENT * second + (1.0 - _SECOND_MOMENT) * gradient**2)
            spread = tf.sqrt(second / (1.0 - _SECOND_MOMENT**count)) + _TINY
            change = first / (1.0 - _FIRST_MOMENT**count) / spread
            if len(variable.shape) > 1:  # kernels only
                change += self._recipe.weight_decay * variable
            variable.assign_sub(rate * change)
            average.assign(decay * average + (1.0 - decay) * variable)
        moments.step.assign(count)


def logits_of(network: keras.Sequential, tensors: _Floats) -> npt.NDArray[np.float64]:
    """Give the logits (N,) of images (N, 150, 150) that were not normalised yet."""
    draws = tf.random.Generator.from_seed(0)
    of_batch = tf.function(
        lambda batch: forward(network, normalise_batch(batch), Mode.INFERENCE, draws).logits, reduce_retracing=True
    )
    batches = [tensors[start : start + _MEASURING_BATCH] for start in range(0, len(tensors), _MEASURING_BATCH)]
    return np.concatenate([of_batch(tf.constant(batch)).numpy() for batch in batches]).astype(np.float64)


def train_robust(
    split: Split, recipe: RobustRecipe, run: RunFolder, description: RunDescription, progress: Progress
) -> None:
    """Train to the last epoch from the folder's last whole one; its best weights are the newest averaged ones.

    The cosine ends with the description's epochs, so a resumed run must be given the same number.
    """
    training, validation = _load(split.training), _load(split.validation)
    history = run.read_history()
    trainer = RobustTrainer(recipe, training, seed=description.seed, epochs=description.epochs)
    if history:
        if not run.robust_checkpoint.exists():
            raise ConfigurationInvalid(f"{run.path} has a history but no checkpoint of recipe {recipe.name}")
        trainer.restore(str(run.robust_checkpoint))
    for epoch in range(len(history), description.epochs):
        record = _train_one(trainer, epoch, validation, run, progress)
        history.append(record)
        run.write_history(history)
        progress.on_epoch(record)


def _load(images: Sequence[LabelledImage]) -> Images:
    """Read images as area averages: the disturbances come before the normalisation."""
    tensors, labels = load_tensors(images, AREA)
    return Images(tensors[..., 0], labels)


def _train_one(
    trainer: RobustTrainer, epoch: int, validation: Images, run: RunFolder, progress: Progress
) -> EpochRecord:
    """Train one epoch, counted from 0, and keep what it gave; the caller writes the history last."""
    started = time.monotonic()
    loss, accuracy = trainer.train_epoch(epoch, lambda done, steps: progress.on_step(epoch + 1, done, steps))
    averaged = trainer.averaged_network(epoch)
    seconds = time.monotonic() - started
    record = _measure(averaged, validation, epoch + 1, loss, accuracy, trainer.rate_after(epoch), seconds)
    _keep(run, trainer, averaged)
    return record


def _mean_of(found: tuple[tuple[tf.Tensor, tf.Tensor], ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """Join batches' means and variances; the spread of the means themselves belongs to the variance."""
    means, variances = (tf.stack(values) for values in zip(*found, strict=True))
    return tf.reduce_mean(means, axis=0), tf.reduce_mean(variances, axis=0) + tf.math.reduce_variance(means, axis=0)


def _measure(
    network: keras.Sequential,
    validation: Images,
    epoch: int,
    loss: float,
    accuracy: float,
    rate: float,
    seconds: float,
) -> EpochRecord:
    logits = logits_of(network, validation.tensors)
    losses = np.logaddexp(0.0, logits) - validation.labels * logits
    return EpochRecord(
        epoch=epoch,
        loss=loss,
        accuracy=accuracy,
        val_loss=float(losses.mean()),
        val_accuracy=float(((logits > 0.0) == (validation.labels == 1)).mean()),
        val_auc=float(roc_auc_score(validation.labels, logits)),
        learning_rate=rate,
        seconds=round(seconds, 1),
        plateau_best=0.0,  # this recipe has no plateau rule
        plateau_wait=0,
    )


def _keep(run: RunFolder, trainer: RobustTrainer, averaged: keras.Sequential) -> None:
    """Write weights and checkpoint whole or not at all."""
    temporary = run.path / "new.weights.h5"
    averaged.save_weights(temporary)
    temporary.replace(run.best_weights)
    unfinished = run.path / "new.npz"
    trainer.save(str(unfinished))
    unfinished.replace(run.robust_checkpoint)
