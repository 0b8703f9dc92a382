import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model.classifier import Classifier, packaged_weights
from model.dataset import LabelledImage
from model.gated_classifier import GatedClassifier
from model.image_file import read_image
from model.input_gate import InputGate
from model.preprocess import preprocess

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SHIPPED = "robust-1"


@pytest.fixture(scope="session")
def serving() -> GatedClassifier:
    """Load the shipped version once, with its gate."""
    return GatedClassifier.load(packaged_weights(), SHIPPED)


@pytest.fixture(scope="session")
def classifier(serving: GatedClassifier) -> Classifier:
    """Give the shipped version without its gate."""
    return serving.classifier


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


@pytest.fixture
def open_gate(serving: GatedClassifier, monkeypatch: pytest.MonkeyPatch) -> InputGate:
    """Export versions with a gate that admits everything: fitting one takes minutes, and tiny images are no chests."""
    parameters = serving.gate.parameters
    opened = replace(
        parameters,
        output_weights=np.zeros_like(parameters.output_weights),
        limits=np.array([-1e9, 1e9, 1e9, 1e9, 1e9], np.float32),
    )
    monkeypatch.setattr("model.version_folder.fit_for_version", lambda *_: InputGate(opened))
    return InputGate(opened)
