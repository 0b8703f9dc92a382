from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.gate_canvas import Array
from model.gate_fit import fit_gate
from model.gate_negatives import resize
from model.image_file import read_image
from model.input_gate import InputGate

XRAYS = Path(__file__).resolve().parents[3] / "samples" / "xrays"
_SIDE = 160
#: Units of the stand-in network: not those of the shipped one, on purpose.
FEATURES = 96
FeaturesOf = Callable[[Array], Array]


@pytest.fixture(scope="session")
def chests() -> list[Array]:
    """Give the twelve sample X-rays, squashed to one size."""
    return [resize(read_image(path), _SIDE) for path in sorted(XRAYS.glob("*.jpeg"))]


@pytest.fixture(scope="session")
def features_of() -> FeaturesOf:
    """Stand in for the network: 128 fixed projections of the image, rectified."""
    projections = np.random.default_rng(5).standard_normal((256, FEATURES)).astype(np.float32)

    def project(image: Array) -> Array:
        return np.maximum((resize(image, 16).ravel() - 0.5) @ projections, 0)

    return project


@pytest.fixture(scope="session")
def gate(chests: list[Array], features_of: FeaturesOf) -> InputGate:
    """Fit a small gate on the sample X-rays: good enough to show what it does, not how well."""
    return fit_gate(chests, chests, features_of, negatives_a_kind=12, draws_a_chest=8)
