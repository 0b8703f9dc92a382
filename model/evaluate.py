"""Evaluate a version by the way that a live image takes: file, preprocessing, ONNX Runtime, calibration."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid, NotAnalysable
from domain.finding import RefusalCode
from model.dataset import LabelledImage
from model.figures import Figures
from model.gated_classifier import GatedClassifier
from model.image_file import read_image
from model.measure import measure


@dataclass(frozen=True, slots=True)
class Scored:
    """One image that the network answered for."""

    image: LabelledImage
    #: Calibrated.
    probability: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures, and what they were made from."""

    figures: Figures
    scored: tuple[Scored, ...]
    #: Images refused before the network, by reason.
    refusals: Counter[RefusalCode]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,) of 0 (normal) and 1 (pneumonia)."""
        return np.array([entry.image.label for entry in self.scored], np.int64)

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """(N,), calibrated, in [0, 1]."""
        return np.array([entry.probability for entry in self.scored], np.float64)

    @property
    def patients(self) -> list[str]:
        """Patient of each scored image; its file's name where no patient is known."""
        return [entry.image.patient or entry.image.path.stem for entry in self.scored]


def evaluate(version: GatedClassifier, images: Sequence[LabelledImage], *, data_set: str) -> Evaluation:
    """Score every image, one by one as live studies come, and measure.

    Refused images are counted, not guessed. ConfigurationInvalid when nothing could be scored.
    """
    scored: list[Scored] = []
    refusals: Counter[RefusalCode] = Counter()
    for image in images:
        try:
            scored.append(Scored(image, version.read(read_image(image.path)).probability))
        except NotAnalysable as refusal:
            refusals[refusal.code] += 1
    if not scored:
        raise ConfigurationInvalid(f"nothing to measure on {data_set}: {len(images)} images, all refused")
    figures = measure(
        np.array([entry.image.label for entry in scored], np.int64),
        np.array([entry.probability for entry in scored], np.float64),
        data_set=data_set,
        refused=refusals.total(),
        operating_points=version.card.operating_points,
    )
    return Evaluation(figures, tuple(scored), refusals)
