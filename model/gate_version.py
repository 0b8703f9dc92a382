"""The input gate of one version, fitted when the version is made. Training only."""

from collections.abc import Sequence

import numpy as np

from model.classifier import OnnxNetwork
from model.dataset import LabelledImage, split_by_patient
from model.gate_canvas import Array
from model.gate_data import CHEST_SIDE, photographs, read_chests
from model.gate_fit import NEGATIVES_A_KIND, Described, FeaturesOf, calibrate, describe, fit_described
from model.gate_negatives import resize
from model.input_gate import InputGate
from model.preprocess import preprocess

#: Of the chests, whole patients: the limits are set on them.
_LIMITS_SHARE = 0.15
_SEED = 3


def features_of_network(network: OnnxNetwork, preprocess_version: str) -> FeaturesOf:
    """Give the function from an image (H, W) to the network's penultimate features (units,)."""
    return lambda image: network.features(preprocess(np.asarray(image, np.float32), preprocess_version)[np.newaxis])[0]


def describe_for_version(
    features_of: FeaturesOf, images: Sequence[LabelledImage], *, negatives_a_kind: int = NEGATIVES_A_KIND
) -> tuple[Described, list[Array]]:
    """Describe most patients' chests and the negatives, to learn from; give the others' chests, to set limits on."""
    split = split_by_patient(images, seed=_SEED, share=_LIMITS_SHARE)
    chests, limits = (_squashed(read_chests(part)) for part in (split.training, split.validation))
    described = describe(chests, features_of, pictures=photographs(), negatives_a_kind=negatives_a_kind)
    return described, limits


def fit_for_version(
    features_of: FeaturesOf, images: Sequence[LabelledImage], *, negatives_a_kind: int = NEGATIVES_A_KIND
) -> InputGate:
    """Fit the gate of a version on chests; the same images and network give the same gate.

    About two and a half minutes for 4,600 images.
    """
    described, limits = describe_for_version(features_of, images, negatives_a_kind=negatives_a_kind)
    return calibrate(fit_described(described), limits, features_of)


def _squashed(images: Sequence[Array]) -> list[Array]:
    return [resize(image, CHEST_SIDE) for image in images]
