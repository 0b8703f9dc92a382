"""Does the network read cues instead of disease? Acquisition differs between the classes of the Guangzhou images.

For each cue that can be measured without looking at the lungs: how well the cue alone separates the classes, whether
the logit follows it *within* a class, and what is left of the network where both classes have the same distribution of
it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from model.area import area_average
from model.classifier import Classifier
from model.dataset import LabelledImage
from model.figures import Rates
from model.image_file import read_image
from model.measure import Labels, measure_at
from model.perturb import GreyImage, widen
from model.preprocess import preprocess

Values = npt.NDArray[np.float64]

#: Bins of a matched cue, between the least and the greatest value that both classes have.
_MATCHING_BINS = 12
#: Natural logarithm of the widest stretch: a third wider or narrower.
_LARGEST_STRETCH = np.log(4 / 3)
_SEED = 20190


@dataclass(frozen=True, slots=True)
class Matched:
    """Images of both classes with the same histogram of a cue."""

    normals: int
    pneumonias: int
    #: Of the cue alone: near 0.5 when the matching worked.
    cue_auc: float
    network_auc: float
    #: At the default operating point.
    rates: Rates


@dataclass(frozen=True, slots=True)
class CueRow:
    """One cue; None where the images do not differ in it."""

    cue: str
    #: ROC AUC of the cue alone, towards pneumonia or away from it, whichever separates.
    cue_auc: float
    #: Spearman's rank correlation of logit and cue within each class.
    normals: float
    pneumonias: float
    matched: Matched | None


def sharpness(image: GreyImage) -> float:
    """Give the mean absolute difference of vertical neighbours at 150 x 150: the strongest cue of this set."""
    return float(np.abs(np.diff(area_average(image)[..., 0], axis=0)).mean(dtype=np.float64))


def contrast(image: GreyImage) -> float:
    """Give the standard deviation of the grey levels."""
    return float(image.std(dtype=np.float64))


def brightness(image: GreyImage) -> float:
    """Give the mean grey level."""
    return float(image.mean(dtype=np.float64))


def aspect_ratio(image: GreyImage) -> float:
    """Give width / height; the same for all images that were stored as squares."""
    rows, columns = image.shape
    return float(columns / rows)


CUES: dict[str, Callable[[GreyImage], float]] = {
    "sharpness": sharpness,
    "contrast": contrast,
    "brightness": brightness,
    "aspect ratio": aspect_ratio,
}


def cue_rows(classifier: Classifier, labelled: Sequence[LabelledImage]) -> tuple[CueRow, ...]:
    """Measure every cue in which the images differ, and a stretch drawn for each of them. Raises NotAnalysable."""
    images = [read_image(image.path) for image in labelled]
    labels = np.array([image.label for image in labelled], np.int64)
    logits = _logits(classifier, images)
    rows = []
    for name, measured in CUES.items():
        cue = np.array([measured(image) for image in images])
        if np.ptp(cue) > 0.0:
            rows.append(_row(name, classifier, labels, logits, cue))
    stretch = np.exp(np.random.default_rng(_SEED).uniform(-_LARGEST_STRETCH, _LARGEST_STRETCH, len(images)))
    stretched = [widen(image, factor) for image, factor in zip(images, stretch, strict=True)]
    rows.append(_row("stretch, drawn", classifier, labels, _logits(classifier, stretched), stretch, match=False))
    return tuple(rows)


def cue_matched(labels: Labels, cue: Values, *, seed: int = _SEED) -> npt.NDArray[np.int64]:
    """Choose positions, sorted, so that both classes have the same histogram of a cue; cue and labels are (N,)."""
    low = max(cue[labels == label].min() for label in (0, 1))
    high = min(cue[labels == label].max() for label in (0, 1))
    bins = np.digitize(cue, np.linspace(low, high, _MATCHING_BINS + 1))
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for number in range(1, _MATCHING_BINS + 1):
        of_class = [np.flatnonzero((bins == number) & (labels == label)) for label in (0, 1)]
        count = min(len(positions) for positions in of_class)
        for positions in of_class:
            chosen += rng.choice(positions, count, replace=False).tolist()
    return np.array(sorted(chosen), dtype=np.int64)


def _logits(classifier: Classifier, images: Sequence[GreyImage]) -> Values:
    version = classifier.card.preprocess_version
    return classifier.network.logits(np.stack([preprocess(image, version) for image in images]))


def _row(
    name: str, classifier: Classifier, labels: Labels, logits: Values, cue: Values, *, match: bool = True
) -> CueRow:
    normals, pneumonias = (
        float(spearmanr(logits[labels == label], cue[labels == label]).statistic) for label in (0, 1)
    )
    auc = float(roc_auc_score(labels, cue))
    matched = _matched(classifier, labels, logits, cue) if match else None
    return CueRow(name, max(auc, 1.0 - auc), normals, pneumonias, matched)


def _matched(classifier: Classifier, labels: Labels, logits: Values, cue: Values) -> Matched | None:
    chosen = cue_matched(labels, cue)
    if not chosen.size:
        return None
    truth, probabilities = labels[chosen], classifier.card.calibration.apply(logits[chosen])
    auc = float(roc_auc_score(truth, cue[chosen]))
    return Matched(
        normals=int((truth == 0).sum()),
        pneumonias=int((truth == 1).sum()),
        cue_auc=max(auc, 1.0 - auc),
        network_auc=float(roc_auc_score(truth, probabilities)),
        rates=measure_at(truth, probabilities, classifier.card.operating_point().threshold),
    )
