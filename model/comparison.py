"""Methods measured alike: on one split, from one input, with thresholds from patients that nobody trains on."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from domain.errors import ConfigurationInvalid
from model.baselines import Baseline, Labels, Scores, Tensors
from model.calibrate import fit_calibration
from model.card import Calibration
from model.compared_perturbations import Perturbed, perturb_all
from model.dataset import LabelledImage, Split, load_tensors
from model.figures import Figures
from model.measure import measure
from model.validation import HoldOut, hold_out, with_calibration

#: Images that are scored one by one to time a method; the middle of their times is taken.
_TIMED_IMAGES = 50


class Compared(BaseModel):
    """One row of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    setting: str = Field(min_length=1)
    #: Seconds on the clock, of the training alone.
    fit_seconds: float = Field(ge=0.0)
    #: Of processor time for one image, from its tensor to its score.
    milliseconds: float = Field(ge=0.0)
    #: Which patients the calibration comes from, in words.
    calibrated_on: str = Field(min_length=1)
    figures: Figures
    #: Empty: not asked for.
    perturbations: tuple[Perturbed, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all methods of one comparison share."""

    split: Split
    hold_out: HoldOut
    preprocess_version: str
    seed: int
    #: Whether changed images are measured too.
    perturbed: bool = False

    @property
    def calibrated_on(self) -> str:
        """The images that calibration is fitted on, in words."""
        return f"{in_words(self.split.calibration)} that were not trained on"

    @property
    def data_set(self) -> str:
        """What is measured on, in words."""
        return f"{self.hold_out.value}: {in_words(self.split.validation)}"

    @property
    def identity(self) -> dict[str, str | int]:
        """What figures depend on besides the method; the split by a digest of names and uses."""
        uses = {"training": self.split.training, "calibration": self.split.calibration}
        lines = [f"{use} {image.path.name}" for use, images in uses.items() for image in images]
        lines += [f"validation {image.path.name}" for image in self.split.validation]
        return {
            "hold_out": self.hold_out.value,
            "preprocess_version": self.preprocess_version,
            "seed": self.seed,
            "images": hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest(),
        }


@dataclass(frozen=True, slots=True)
class Loaded:
    """The tensors of a comparison, read once for all methods."""

    training: tuple[Tensors, Labels]
    calibration: tuple[Tensors, Labels]
    validation: tuple[Tensors, Labels]


def in_words(images: Sequence[LabelledImage]) -> str:
    """Say how many images of how many patients."""
    return f"{len(images)} images of {len({image.patient for image in images})} patients"


def split_for(
    images: Sequence[LabelledImage], kind: HoldOut, *, seed: int, share: float, excluded: Sequence[str]
) -> Split:
    """Split as `model train` does, and keep a share of the training patients to calibrate on.

    Raises ConfigurationInvalid as the splits do.
    """
    split = hold_out(images, kind, seed=seed, share=share, excluded=excluded)
    return split if split.calibration else with_calibration(split, seed=seed, share=share)


def load(split: Split, preprocess_version: str) -> Loaded:
    """Read and preprocess all images; ConfigurationInvalid names one that cannot be used, or a missing class."""
    return Loaded(
        training=_tensors(split.training, preprocess_version, "training"),
        calibration=_tensors(split.calibration, preprocess_version, "calibration"),
        validation=_tensors(split.validation, preprocess_version, "validation"),
    )


def _tensors(images: Sequence[LabelledImage], preprocess_version: str, use: str) -> tuple[Tensors, Labels]:
    tensors, labels = load_tensors(images, preprocess_version)
    if len(np.unique(labels)) == 1 or not len(labels):
        raise ConfigurationInvalid(f"{use} lacks one class: nothing can be compared on it")
    return tensors, labels.astype(np.int64)


def measure_baseline(name: str, baseline: Baseline, comparison: Comparison, loaded: Loaded) -> Compared:
    """Fit a method, calibrate it by Platt scaling and measure it.

    ConfigurationInvalid when its scores do not rise with the finding.
    """
    started = time.perf_counter()
    baseline.fit(*loaded.training)
    seconds = time.perf_counter() - started
    tensors, labels = loaded.calibration
    try:
        calibration = fit_calibration(labels, baseline.scores(tensors), measured_on=comparison.calibrated_on)
    except ConfigurationInvalid as error:
        raise ConfigurationInvalid(f"{name}: {error}") from error
    tensors, labels = loaded.validation
    return Compared(
        name=name,
        setting=baseline.setting,
        fit_seconds=seconds,
        milliseconds=milliseconds_an_image(baseline.scores, tensors),
        calibrated_on=comparison.calibrated_on,
        figures=measure(labels, calibration.apply(baseline.scores(tensors)), data_set=comparison.data_set),
        perturbations=perturbations_of(baseline.scores, calibration, comparison, comparison.preprocess_version),
    )


def perturbations_of(
    scores: Callable[[Tensors], Scores], calibration: Calibration, comparison: Comparison, preprocess_version: str
) -> tuple[Perturbed, ...]:
    """Measure changed images where the comparison asks for them."""
    if not comparison.perturbed:
        return ()
    images = comparison.split.validation
    return perturb_all(images, lambda tensors: calibration.apply(scores(tensors)), preprocess_version)


def milliseconds_an_image(scores: Callable[[Tensors], Scores], tensors: Tensors) -> float:
    """Give the median processor time of one image by itself, over the first fifty of tensors (N, 150, 150, 1).

    Processor time, because the clock would also count what other processes do. On one core, as ONNX Runtime is used
    here; TensorFlow alone does not let itself be limited once it has started.
    """
    times = []
    with threadpool_limits(1):
        for position in range(min(_TIMED_IMAGES, len(tensors))):
            started = time.process_time()
            scores(tensors[position : position + 1])
            times.append(time.process_time() - started)
    return float(np.median(times) * 1000.0)
