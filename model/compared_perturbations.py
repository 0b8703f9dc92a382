"""What changed images do to each method of a comparison: the perturbations that a version is measured by."""

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model.baselines import Scores, Tensors
from model.dataset import LabelledImage
from model.image_file import read_image
from model.measure import Probabilities
from model.perturb import GreyImage, measure_perturbations
from model.preprocess import preprocess

_EVEN_THRESHOLD = 0.5


class Perturbed(BaseModel):
    """What one change of the images does, at 0.5."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    accuracy: float = Field(ge=0.0, le=1.0)
    #: Points of accuracy lost; negative when it rose.
    accuracy_lost: float = Field(ge=-1.0, le=1.0)
    #: Mean |change of probability|.
    mean_change: float = Field(ge=0.0, le=1.0)


def perturb_all(
    images: Sequence[LabelledImage], probabilities_of: Callable[[Tensors], Scores], preprocess_version: str
) -> tuple[Perturbed, ...]:
    """Measure every perturbation on image files; `probabilities_of` takes tensors (N, 150, 150, 1)."""

    def predict(changed: Sequence[GreyImage]) -> Probabilities:
        return probabilities_of(np.stack([preprocess(image, preprocess_version) for image in changed]))

    labels = np.array([image.label for image in images], np.int64)
    rows = measure_perturbations(
        [read_image(image.path) for image in images], labels, predict, threshold=_EVEN_THRESHOLD
    )
    return tuple(
        Perturbed(
            name=row.name,
            accuracy=row.rates.accuracy,
            accuracy_lost=row.accuracy_lost,
            mean_change=row.mean_change,
        )
        for row in rows[1:]
    )
