"""Fit the input gate for one version of the network: layouts, an ensemble, distances, limits. Training only.

Fitted on chests of training patients, perturbed, upright and turned, and on negatives of many kinds; the limits are
set on chests of other patients, of which a stated share is refused.
"""

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from model.gate_canvas import Array
from model.gate_chests import NAMED, perturb
from model.gate_negatives import KINDS, draw
from model.gate_statistics import (
    TURNS,
    describe_grey,
    describe_layout,
    equalise,
    reduce_image,
    turn_equalised,
)
from model.input_gate import GateParameters, InputGate, describe_positions

#: Gives the penultimate features (units,) of an image (H, W).
FeaturesOf = Callable[[Array], Array]

#: How much is drawn for one fit.
DRAWS_A_CHEST, NEGATIVES_A_KIND = 3, 500
#: No two fits share the seed of a negative.
_SEEDS_A_FIT = 1_000_000
_CHEST_DIRECTIONS, _MIXED_DIRECTIONS = 64, 64
_ENSEMBLE, _HIDDEN, _EPOCHS, _SHRINKAGE = 3, 48, 25, 1e-2
#: Relative to the mean variance of a description.
_LEAST_VARIANCE = 1e-3
#: Shares of calibration chests that each test may refuse by itself: likeness, layout, grey levels, features.
_REFUSED_SHARES = (0.002, 0.001, 0.001, 0.001)
#: Log-odds below which nothing is admitted, whatever the calibration chests say.
_LEAST_LIKENESS = 0.5
#: Share of chests turned on purpose that may be refused rather than put right.
_NOT_TURNED_SHARE = 0.02
#: Perturbations of the calibration chests on which the limits are set.
_CALIBRATED_ON = (
    "as it is",
    "gamma 0.7",
    "width x 0.8",
    "width x 1.25",
    "black borders",
    "white borders",
    "10 degrees",
)
#: Room beyond the farthest calibration chests for chests of other rooms and ages: likeness decides, distances catch
#: what lies far outside.
_ROOM = 1.3


@dataclass(frozen=True, slots=True)
class Described:
    """Training images as the gate sees them."""

    #: Perturbed chests, upright and in one other turn each: (N, 1536).
    chests: Array
    turned: Array
    #: Kind -> layouts of its negatives, as drawn and in one random turn each: (2 n, 1536).
    negatives: Mapping[str, Array]
    #: (N, 28) and (N, units).
    greys: Array
    features: Array


def fit_gate(
    chests: Sequence[Array],
    calibration: Sequence[Array],
    features_of: FeaturesOf,
    *,
    pictures: Sequence[Array] = (),
    negatives_a_kind: int = NEGATIVES_A_KIND,
    draws_a_chest: int = DRAWS_A_CHEST,
    seed: int = 1,
) -> InputGate:
    """Fit the gate on upright frontal chests (square, equal size, [0, 1]); set its limits on other patients'.

    `features_of` belongs to the version of the network that the gate will serve. `pictures` are photographs in grey;
    without them that kind of negative is left out. The same arguments give the same gate.
    """
    described = describe(
        chests,
        features_of,
        pictures=pictures,
        negatives_a_kind=negatives_a_kind,
        draws_a_chest=draws_a_chest,
        seed=seed,
    )
    return calibrate(fit_described(described, seed=seed), calibration, features_of)


def describe(
    chests: Sequence[Array],
    features_of: FeaturesOf,
    *,
    pictures: Sequence[Array] = (),
    negatives_a_kind: int = NEGATIVES_A_KIND,
    draws_a_chest: int = DRAWS_A_CHEST,
    seed: int = 1,
) -> Described:
    """Perturb, draw and describe everything that fitting needs, once for any number of fits."""
    kinds = KINDS if pictures else [kind for kind in KINDS if kind != "photograph"]
    numbers = range(seed * _SEEDS_A_FIT, seed * _SEEDS_A_FIT + negatives_a_kind)
    negatives = {
        kind: _describe_negatives([draw(kind, number, chests=chests, pictures=pictures) for number in numbers], seed)
        for kind in kinds
    }
    upright, turned, greys, features = [], [], [], []
    for position, chest in enumerate(chests):
        rng = np.random.default_rng([seed, position])
        images = [perturb(rng, chest) for _ in range(draws_a_chest)]
        for image in images:
            reduced = reduce_image(image)
            equalised = equalise(reduced)
            upright.append(describe_layout(equalised))
            turned.append(_describe_turned(rng, equalised))
            greys.append(describe_grey(reduced))
        features.append(features_of(images[-1] if position % 2 else chest))
    return Described(np.stack(upright), np.stack(turned), negatives, np.stack(greys), np.stack(features))


def _describe_negatives(images: Sequence[Array], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    equalised = [equalise(reduce_image(image)) for image in images]
    return np.stack([*map(describe_layout, equalised), *(_describe_turned(rng, ranks) for ranks in equalised)])


def _describe_turned(rng: np.random.Generator, equalised: Array) -> Array:
    """Describe ranks in a turn that is not upright, by chance."""
    return describe_layout(turn_equalised(equalised, TURNS[int(rng.integers(1, len(TURNS)))]))


def fit_described(described: Described, *, without: Collection[str] = (), seed: int = 1) -> InputGate:
    """Fit all but the limits, leaving some kinds of negatives out; it admits nothing before `calibrate`."""
    negatives = np.concatenate([rows for kind, rows in described.negatives.items() if kind not in without])
    chest_mean, chest_basis, chest_scale = _principal(described.chests[::2], _CHEST_DIRECTIONS)
    mixture = np.concatenate([described.chests[::4], described.turned[::2], negatives[::3]])
    mixed_mean, mixed_basis, mixed_scale = _principal(mixture, _MIXED_DIRECTIONS)
    grey_mean, grey_whitening = _whitening(described.greys)
    feature_mean, feature_whitening = _whitening(described.features)
    empty = np.zeros((1, 1), np.float32)
    parameters = GateParameters(
        chest_mean=chest_mean,
        chest_basis=chest_basis,
        chest_scale=chest_scale,
        residual_scale=np.array([0, 1], np.float32),
        mixed_mean=mixed_mean,
        mixed_basis=mixed_basis,
        mixed_scale=mixed_scale,
        hidden_weights=empty,
        hidden_biases=empty,
        output_weights=empty,
        output_biases=empty,
        grey_mean=grey_mean,
        grey_whitening=grey_whitening,
        feature_mean=feature_mean,
        feature_whitening=feature_whitening,
        limits=np.array([np.inf, np.inf, 0, 0, 0], np.float32),
    )
    return _with_ensemble(parameters, described.chests, np.concatenate([described.turned, negatives]), seed)


def _principal(layouts: Array, count: int) -> tuple[Array, Array, Array]:
    analysis = PCA(min(count, len(layouts) - 1), svd_solver="randomized", random_state=0).fit(layouts)
    # As stored, so that a saved gate measures exactly what was fitted.
    basis = analysis.components_.T.astype(np.float16).astype(np.float32)
    return analysis.mean_.astype(np.float32), basis, np.sqrt(analysis.explained_variance_).astype(np.float32)


def _whitening(values: Array) -> tuple[Array, Array]:
    """Give mean and whitening matrix; directions that hardly vary count as varying a little."""
    estimate = LedoitWolf().fit(values)
    variances, directions = np.linalg.eigh(estimate.covariance_)
    floored = np.maximum(variances, _LEAST_VARIANCE * variances.mean())
    return estimate.location_.astype(np.float32), (directions / np.sqrt(floored)).astype(np.float32)


def _with_ensemble(parameters: GateParameters, chests: Array, others: Array, seed: int) -> InputGate:
    centred = chests - parameters.chest_mean
    inside = centred @ parameters.chest_basis
    outside = np.sqrt(np.maximum((centred**2).sum(axis=1) - (inside**2).sum(axis=1), 0))
    scale = np.array([outside.mean(), outside.std()], np.float32)
    parameters = replace(parameters, residual_scale=scale)
    inputs = np.concatenate([describe_positions(parameters, layouts)[0] for layouts in (chests, others)])
    truth = np.repeat([1, 0], [len(chests), len(others)])
    networks = [_network(inputs, truth, seed + member) for member in range(_ENSEMBLE)]
    return InputGate(
        replace(
            parameters,
            hidden_weights=np.stack([n.coefs_[0] for n in networks]).astype(np.float32),
            hidden_biases=np.stack([n.intercepts_[0] for n in networks]).astype(np.float32),
            output_weights=np.stack([n.coefs_[1][:, 0] for n in networks]).astype(np.float32),
            output_biases=np.array([n.intercepts_[1][0] for n in networks], np.float32),
        )
    )


def _network(inputs: Array, truth: Array, seed: int) -> MLPClassifier:
    network = MLPClassifier(
        (_HIDDEN,), alpha=_SHRINKAGE, max_iter=_EPOCHS, batch_size=128, learning_rate_init=2e-3, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is the regularisation
        return network.fit(inputs, truth)


def calibrate(gate: InputGate, chests: Sequence[Array], features_of: FeaturesOf) -> InputGate:
    """Set the limits so that likeness refuses a stated share of these upright chests, some of them perturbed."""
    likeness, others, layouts, greys, features = [], [], [], [], []
    for position, chest in enumerate(chests):
        image = chest
        if position % 2:
            image = NAMED[_CALIBRATED_ON[position // 2 % len(_CALIBRATED_ON)]](chest)
        measured = gate.measure(image)
        likeness.append(measured.likeness[0])
        others.append(measured.likeness[1:].max())
        layouts.append(measured.layout_distance[0])
        greys.append(measured.grey_distance)
        features.append(gate.feature_distance(features_of(image)))
    least = max(float(np.quantile(likeness, _REFUSED_SHARES[0])), _LEAST_LIKENESS)
    least_turned = float(max(np.quantile(likeness, _NOT_TURNED_SHARE), np.quantile(others, 1 - _REFUSED_SHARES[0])))
    farthest = [
        _ROOM * float(np.quantile(values, 1 - share))
        for values, share in zip((layouts, greys, features), _REFUSED_SHARES[1:], strict=True)
    ]
    limits = np.array([least, max(least, least_turned), *farthest], np.float32)
    return InputGate(replace(gate.parameters, limits=limits))
