"""One version of the network, with the operating point that it is read at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.finding import OperatingPoint
from model.classifier import Classifier
from model.preprocess import preprocess


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads display images."""

    classifier: Classifier
    operating_point: OperatingPoint

    @property
    def version(self) -> str:
        """Name of the version."""
        return self.classifier.card.version

    def probability(self, image: npt.NDArray[np.float32]) -> float:
        """Give the calibrated probability for an image (H, W) float32 in [0, 1]. Raises NotAnalysable."""
        return float(self.classifier.predict(preprocess(image)[np.newaxis])[0])
