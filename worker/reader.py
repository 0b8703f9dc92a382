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
        return float(self.classifier.predict(self._tensor(image))[0])

    def heat_map(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give the heat map (150, 150), at least 0, of an image (H, W) float32 in [0, 1]. Raises NotAnalysable."""
        heat_map: npt.NDArray[np.float32] = self.classifier.read(self._tensor(image)).heat_maps[0]
        return heat_map

    def _tensor(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return preprocess(image, self.classifier.card.preprocess_version)[np.newaxis]
