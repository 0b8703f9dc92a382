"""The pixel test of the input gate: never an answer about what is not a frontal chest radiograph.

Two questions are asked of an image, neither of which depends on its resolution. Is its layout that of a chest, and
which way up (a small ensemble of networks on low-resolution layout, asked for all four quarter turns and both
polarities; an image whose best turn is not upright is never scored as it is)? And is it within what the training
chests span: distance from their layouts, Mahalanobis distance of its grey levels, and of the network's penultimate
features (Lee et al., "A simple unified framework for detecting out-of-distribution samples", NeurIPS 2018)?
Inference is numpy only; gate_fit.py makes the parameters; docs/input-gate.md has the figures.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from io import BytesIO

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid
from domain.finding import RefusalCode
from model.area import MINIMUM_CONTRAST
from model.gate_statistics import (
    GREY_LENGTH,
    LAYOUT_LENGTH,
    TURNS,
    UPRIGHT,
    Array,
    Turn,
    contrast,
    describe_grey,
    describe_layout,
    equalise,
    reduce_image,
    turn_equalised,
)

_IMAGE_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says of one image. Admitted, or refused with code and detail, or to be turned and asked again."""

    admitted: bool
    #: None when admitted.
    code: RefusalCode | None = None
    #: The measured value and its limit; empty when admitted.
    detail: str = ""
    #: How to put a chest right that is stored turned or inverted; None when there is nothing to put right.
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class GateParameters:
    """What gate_fit.py learned; every field is one array of the parameters file."""

    #: Layouts of chests: mean (L,), directions (L, K), deviations (K,); mean and deviation of the residual.
    chest_mean: Array
    chest_basis: Array
    chest_scale: Array
    residual_scale: Array
    #: Layouts of chests, turned chests and other images together: mean (L,), directions (L, M), deviations (M,).
    mixed_mean: Array
    mixed_basis: Array
    mixed_scale: Array
    #: An ensemble of E networks with one hidden layer of H: (E, M + 2, H), (E, H), (E, H), (E,).
    hidden_weights: Array
    hidden_biases: Array
    output_weights: Array
    output_biases: Array
    #: Mean and whitening matrix of grey-level descriptions and of penultimate features.
    grey_mean: Array
    grey_whitening: Array
    feature_mean: Array
    feature_whitening: Array
    #: Least chest likeness, least likeness after a turn, largest layout, grey-level and feature distance: (5,).
    limits: Array


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that the gate measures on the pixels of one image."""

    #: 1st to 99th percentile.
    contrast: float
    #: Chest likeness (log-odds) and layout distance in each of TURNS.
    likeness: Array
    layout_distance: Array
    #: Of the image as it stands.
    grey_distance: float


@dataclass(frozen=True, slots=True)
class InputGate:
    """The pixel test, fitted for one version of the network. Safe to share between threads."""

    parameters: GateParameters

    @classmethod
    def from_bytes(cls, content: bytes) -> "InputGate":
        """Read a parameters file; ConfigurationInvalid when it is none, or its arrays do not fit each other."""
        names = [field.name for field in fields(GateParameters)]
        try:
            with np.load(BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: np.asarray(stored[name], np.float32) for name in names}
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ConfigurationInvalid(f"no input gate can be read ({type(error).__name__})") from error
        parameters = GateParameters(**arrays)
        _check_shapes(parameters)
        return cls(parameters)

    def to_bytes(self) -> bytes:
        """Give the parameters file (.npz, below 1 MB: bases as float16); the same gate gives the same bytes."""
        arrays = {field.name: getattr(self.parameters, field.name) for field in fields(GateParameters)}
        halved = {
            name: array.astype(np.float16) if name.endswith("_basis") else array for name, array in arrays.items()
        }
        content = BytesIO()
        np.savez_compressed(content, **halved)
        return content.getvalue()

    def judge(self, image: Array, features: Array) -> GateVerdict:
        """Say whether an image may be scored as it stands.

        `image` is the display image (H, W) float32 in [0, 1] of any size; `features` the network's penultimate
        features of that same image, (units,). ValueError when they are not. A verdict with `turn` asks for the image
        to be turned, for features of the turned image, and for a second judgement (`settle` does all three).
        """
        units = self.parameters.feature_mean.shape
        if image.ndim != _IMAGE_DIMENSIONS or not image.size or features.shape != units:
            raise ValueError(f"the gate takes (H, W) and {units}, not {image.shape} and {features.shape}")
        return self._verdict(self.measure(image), self.feature_distance(features))

    def measure(self, image: Array) -> Measured:
        """Measure the pixels of an image (H, W) in [0, 1]."""
        reduced = reduce_image(image)
        equalised = equalise(reduced)
        layouts = np.stack([describe_layout(turn_equalised(equalised, turn)) for turn in TURNS])
        likeness, distance = self.measure_layouts(layouts)
        return Measured(contrast(reduced), likeness, distance, self.grey_distance(describe_grey(reduced)))

    def measure_layouts(self, layouts: Array) -> tuple[Array, Array]:
        """Give chest likeness (log-odds) and layout distance of layouts (N, 1536): two arrays (N,)."""
        p = self.parameters
        inputs, distance = describe_positions(p, layouts)
        hidden = np.maximum(np.einsum("ni,eih->neh", inputs, p.hidden_weights) + p.hidden_biases, 0)
        votes = np.einsum("neh,eh->ne", hidden, p.output_weights) + p.output_biases
        return votes.mean(axis=1), distance

    def grey_distance(self, description: Array) -> float:
        """Give the Mahalanobis distance of a grey-level description (28,), per dimension."""
        return _mahalanobis(description, self.parameters.grey_mean, self.parameters.grey_whitening)

    def feature_distance(self, features: Array) -> float:
        """Give the Mahalanobis distance of penultimate features (units,), per dimension."""
        return _mahalanobis(features, self.parameters.feature_mean, self.parameters.feature_whitening)

    def _verdict(self, measured: Measured, feature_distance: float) -> GateVerdict:
        if not measured.contrast >= MINIMUM_CONTRAST:
            return _refused(RefusalCode.FLAT_IMAGE, f"contrast {measured.contrast:.3f}, at least {MINIMUM_CONTRAST}")
        least, least_turned, layout, grey, feature = (float(limit) for limit in self.parameters.limits)
        best = int(np.argmax(measured.likeness))
        turned, upright, likeness = TURNS[best], float(measured.likeness[0]), float(measured.likeness[best])
        if turned != UPRIGHT and likeness >= least_turned and measured.layout_distance[best] <= layout:
            stored = f"looks like a chest stored with {_undone(turned)}"
            detail = f"{stored}: likeness {likeness:.1f}, at least {least_turned:.1f}"
            return GateVerdict(False, RefusalCode.NOT_FRONTAL, detail, turned)
        if not upright >= least:
            return _refused(RefusalCode.NOT_CHEST, f"chest likeness {upright:.1f}, at least {least:.1f} needed")
        if turned != UPRIGHT:
            detail = f"chest likeness {upright:.1f} upright, {likeness:.1f} if stored with {_undone(turned)}"
            return _refused(RefusalCode.NOT_FRONTAL, detail)
        distances = (
            ("layout", float(measured.layout_distance[0]), layout),
            ("grey levels", measured.grey_distance, grey),
            ("network features", feature_distance, feature),
        )
        for name, distance, limit in distances:
            if not distance <= limit:  # NaN is refused too
                return _refused(RefusalCode.NOT_CHEST, f"distance of {name} {distance:.2f}, at most {limit:.2f}")
        return GateVerdict(True)


def settle(gate: InputGate, image: Array, features_of: Callable[[Array], Array]) -> tuple[GateVerdict, Turn, Array]:
    """Judge an image, put it right once if the gate asks for it, and judge again.

    `features_of` gives the features of an image (H, W). Returns the last verdict, the turn that was made (UPRIGHT
    for none) and the image that the verdict is about. A second wish to turn is a refusal.
    """
    verdict = gate.judge(image, features_of(image))
    if verdict.turn is None:
        return verdict, UPRIGHT, image
    turn, right = verdict.turn, verdict.turn.apply(image)
    second = gate.judge(right, features_of(right))
    if second.admitted:
        return second, turn, right
    return GateVerdict(False, verdict.code, f"{verdict.detail}; put right: {second.detail}"), UPRIGHT, image


def describe_positions(parameters: GateParameters, layouts: Array) -> tuple[Array, Array]:
    """Give what the ensemble reads, (N, M + 2), and the layout distance (N,), of layouts (N, 1536).

    The distance is that from the chests' principal subspace and, within it, from their mean, whichever is larger, both
    in deviations.
    """
    p = parameters
    centred = layouts - p.chest_mean
    inside = centred @ p.chest_basis
    outside = np.sqrt(np.maximum((centred**2).sum(axis=1) - (inside**2).sum(axis=1), 0))
    residual = (outside - p.residual_scale[0]) / p.residual_scale[1]
    within = np.sqrt(((inside / p.chest_scale) ** 2).mean(axis=1))
    mixed = ((layouts - p.mixed_mean) @ p.mixed_basis) / p.mixed_scale
    inputs = np.concatenate([mixed, residual[:, np.newaxis], within[:, np.newaxis]], axis=1).astype(np.float32)
    return inputs, np.maximum(residual, (within - 1) * np.sqrt(2.0 * inside.shape[1])).astype(np.float32)


def _mahalanobis(values: Array, mean: Array, whitening: Array) -> float:
    return float(np.sqrt((((values - mean) @ whitening) ** 2).mean()))


def _refused(code: RefusalCode, detail: str) -> GateVerdict:
    return GateVerdict(False, code, detail)


def _undone(turn: Turn) -> str:
    """Say how the image is stored, given how to put it right."""
    return str(Turn((-turn.quarter_turns) % 4, turn.invert))


def _check_shapes(p: GateParameters) -> None:
    inputs = p.mixed_basis.shape[-1] + 2
    ensemble, hidden = p.hidden_biases.shape if p.hidden_biases.ndim == _IMAGE_DIMENSIONS else (0, 0)
    expected: dict[str, tuple[int, ...]] = {
        "chest_mean": (LAYOUT_LENGTH,),
        "chest_basis": (LAYOUT_LENGTH, p.chest_scale.size),
        "residual_scale": (2,),
        "mixed_mean": (LAYOUT_LENGTH,),
        "mixed_basis": (LAYOUT_LENGTH, p.mixed_scale.size),
        "hidden_weights": (ensemble, inputs, hidden),
        "output_weights": (ensemble, hidden),
        "output_biases": (ensemble,),
        "grey_whitening": (GREY_LENGTH, GREY_LENGTH),
        "feature_mean": (p.feature_mean.size,),
        "feature_whitening": (p.feature_mean.size, p.feature_mean.size),
        "limits": (5,),
    }
    for field, shape in expected.items():
        actual: npt.NDArray[np.float32] = getattr(p, field)
        if actual.shape != shape or not np.isfinite(actual).all():
            raise ConfigurationInvalid(f"input gate: {field} is {actual.shape}, not {shape} finite numbers")
