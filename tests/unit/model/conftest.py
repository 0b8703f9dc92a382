import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model.classifier import Classifier, packaged_weights
from model.dataset import LabelledImage
from model.image_file import read_image
from model.preprocess import preprocess

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SHIPPED = "robust-1"


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Load the shipped version once."""
    return Classifier.load(packaged_weights(), SHIPPED)


@pytest.fixture(scope="session")
def samples() -> list[LabelledImage]:
    """List the sample X-rays with their truth."""
    entries = json.loads((SAMPLES / "samples.json").read_text())
    return [
        LabelledImage(SAMPLES / entry["file"], {"normal": 0, "pneumonia": 1}[entry["truth"]], entry["patient"])
        for entry in entries
    ]


@pytest.fixture(scope="session")
def sample_tensors(samples: list[LabelledImage], classifier: Classifier) -> npt.NDArray[np.float32]:
    """Give the sample X-rays as the live path makes them, (12, 150, 150, 1)."""
    return np.stack([preprocess(read_image(sample.path), classifier.card.preprocess_version) for sample in samples])


@pytest.fixture
def rng() -> np.random.Generator:
    """Give a generator that starts alike in each test."""
    return np.random.default_rng(7)
