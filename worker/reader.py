"""One version of the network, with the operating point that it is read at."""

from dataclasses import dataclass

from domain.finding import OperatingPoint
from model.gated_classifier import GatedClassifier


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads display images."""

    model: GatedClassifier
    operating_point: OperatingPoint

    @property
    def version(self) -> str:
        """Name of the version."""
        return self.model.card.version
