"""A version as a live study meets it: the input gate ahead of the network's answer, in one forward pass."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid, NotAnalysable
from domain.finding import RefusalCode
from model.card import GATE_FILE, ModelCard
from model.classifier import Classifier, NetworkReading
from model.gate_statistics import Turn
from model.input_gate import InputGate, settle
from model.preprocess import preprocess

Image = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ImageReading:
    """What a version says of one image."""

    #: Calibrated, in [0, 1].
    probability: float
    #: (150, 150), at least 0, over `image`.
    heat_map: Image
    #: How the image was put right before it was read; Turn() when it stood right.
    turn: Turn
    #: The image as it was read, (H, W) in [0, 1].
    image: Image


@dataclass(frozen=True, slots=True)
class GatedClassifier:
    """A network that answers for frontal chest radiographs only. Safe to share between threads."""

    classifier: Classifier
    gate: InputGate

    @classmethod
    def load(cls, weights_root: Path, version: str, *, threads: int = 1) -> "GatedClassifier":
        """Load and check a version and its gate; ConfigurationInvalid as for `Classifier.load`, or without a gate."""
        classifier = Classifier.load(weights_root, version, threads=threads)
        if GATE_FILE not in classifier.card.files:
            raise ConfigurationInvalid(f"model {version} has no {GATE_FILE}: export it again, so that a gate is fitted")
        return cls(classifier, InputGate.from_bytes((weights_root / version / GATE_FILE).read_bytes()))

    @property
    def card(self) -> ModelCard:
        """The version's model card."""
        return self.classifier.card

    def read(self, image: Image) -> ImageReading:
        """Read a display image (H, W) in [0, 1], turned as it must be.

        Raises NotAnalysable, with what was measured, for what is no frontal chest radiograph or cannot be put right.
        """
        readings: list[NetworkReading] = []

        def features_of(asked: npt.NDArray[np.floating]) -> Image:
            readings.append(self.classifier.read(self._tensor(np.asarray(asked, np.float32))))
            features: Image = readings[-1].features[0]
            return features

        verdict, turn, right = settle(self.gate, image, features_of)
        if not verdict.admitted:
            raise NotAnalysable(verdict.code or RefusalCode.NOT_CHEST, verdict.detail)
        # The last image that the gate asked about is the one that it admitted.
        reading = readings[-1]
        return ImageReading(float(reading.probabilities[0]), reading.heat_maps[0], turn, np.asarray(right, np.float32))

    def warm_up(self) -> None:
        """Run the network once, so that the first study does not wait for its loading."""
        self.classifier.read(self._tensor(np.linspace(0.0, 1.0, 256 * 256, dtype=np.float32).reshape(256, 256)))

    def _tensor(self, image: Image) -> Image:
        return preprocess(image, self.card.preprocess_version)[np.newaxis]
