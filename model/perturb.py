"""How far the answer moves when an image is acquired, stored or cropped otherwise: the perturbation table."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from model.classifier import Classifier
from model.evaluate import Evaluation
from model.figures import Rates
from model.image_file import read_image
from model.measure import Labels, Probabilities, measure_at
from model.preprocess import preprocess

#: (H, W) float32 in [0, 1].
GreyImage = npt.NDArray[np.float32]
#: Images -> calibrated probabilities (N,): the live path.
Predict = Callable[[Sequence[GreyImage]], Probabilities]

_WHITE = 255.0
#: Blur and sharpening reach over this share of the rows: one row of the 150 that the network sees.
_RADIUS = 1 / 150
_CROPPED = 0.05
_BLACK_BORDER = 0.05


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One change of an image: (H, W) in [0, 1] in and out; the size may change."""

    name: str
    apply: Callable[[GreyImage], GreyImage]


@dataclass(frozen=True, slots=True)
class PerturbationRow:
    """What one perturbation does to the answers."""

    name: str
    rates: Rates
    #: Mean |change of probability| against the image as it is.
    mean_change: float
    #: Points of accuracy lost, in [-1, 1]; negative when accuracy rose.
    accuracy_lost: float


def measure_perturbations(
    images: Sequence[GreyImage], labels: Labels, predict: Predict, *, threshold: float
) -> tuple[PerturbationRow, ...]:
    """Measure every perturbation at one operating point; the first row is the images as they are."""
    plain = predict(images)
    plain_rates = measure_at(labels, plain, threshold)
    rows = [PerturbationRow("as they are", plain_rates, mean_change=0.0, accuracy_lost=0.0)]
    for perturbation in PERTURBATIONS:
        changed = predict([perturbation.apply(image) for image in images])
        rates = measure_at(labels, changed, threshold)
        rows.append(
            PerturbationRow(
                perturbation.name,
                rates,
                mean_change=float(np.abs(changed - plain).mean()),
                accuracy_lost=plain_rates.accuracy - rates.accuracy,
            )
        )
    return tuple(rows)


def perturbation_rows(classifier: Classifier, evaluation: Evaluation) -> tuple[PerturbationRow, ...]:
    """Measure every perturbation on evaluated images, by the live path, at the card's default operating point."""
    version = classifier.card.preprocess_version

    def predict(images: Sequence[GreyImage]) -> Probabilities:
        return classifier.predict(np.stack([preprocess(image, version) for image in images]))

    images = [read_image(entry.image.path) for entry in evaluation.scored]
    threshold = classifier.card.operating_point().threshold
    return measure_perturbations(images, evaluation.labels, predict, threshold=threshold)


def _recompress(image: GreyImage, quality: int) -> GreyImage:
    stored = io.BytesIO()
    Image.fromarray(np.round(image * _WHITE).astype(np.uint8)).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored), dtype=np.float32) / np.float32(_WHITE)


def _halve(image: GreyImage) -> GreyImage:
    """Throw away every other row and column, by averaging; the sides stay, so that small images stay analysable."""
    rows, columns = image.shape
    halved = Image.fromarray(image).reduce(2).resize((columns, rows), Image.Resampling.BILINEAR)
    restored: GreyImage = np.clip(np.asarray(halved, dtype=np.float32), 0.0, 1.0)
    return restored


def _blur(image: GreyImage) -> GreyImage:
    blurred: GreyImage = ndimage.gaussian_filter(image, image.shape[0] * _RADIUS, mode="nearest")
    return blurred


def _sharpen(image: GreyImage) -> GreyImage:
    sharpened: GreyImage = np.clip(2.0 * image - _blur(image), 0.0, 1.0)
    return sharpened


def _gamma(image: GreyImage, exponent: float) -> GreyImage:
    curved: GreyImage = np.power(image, np.float32(exponent))
    return curved


def _contrast(image: GreyImage, factor: float) -> GreyImage:
    mean = image.mean()
    changed: GreyImage = np.clip(mean + np.float32(factor) * (image - mean), 0.0, 1.0)
    return changed


def widen(image: GreyImage, factor: float) -> GreyImage:
    """Stretch what is seen: a wider body fills and leaves the frame, a narrower one has its edges repeated beside it.

    A change of the width in pixels alone would change nothing: preprocessing squashes every image to a square.
    """
    width = image.shape[1]
    framed = round(width / factor)
    if framed <= width:
        left = (width - framed) // 2
        return np.ascontiguousarray(image[:, left : left + framed])
    left = (framed - width) // 2
    return np.pad(image, ((0, 0), (left, framed - width - left)), mode="edge")


def _crop(image: GreyImage) -> GreyImage:
    rows, columns = (round(side * _CROPPED) for side in image.shape)
    return np.ascontiguousarray(image[rows:-rows, columns:-columns])


def _add_black_border(image: GreyImage) -> GreyImage:
    rows, columns = (round(side * _BLACK_BORDER) for side in image.shape)
    return np.pad(image, ((rows, rows), (columns, columns)))


def _rotate(image: GreyImage, degrees: float) -> GreyImage:
    rotated: GreyImage = ndimage.rotate(image, degrees, reshape=False, order=1, mode="nearest")
    return rotated


#: Those that the specification names; none may cost more than 2 points of accuracy.
PERTURBATIONS = (
    *(Perturbation(f"JPEG quality {quality}", partial(_recompress, quality=quality)) for quality in (30, 60, 90)),
    Perturbation("half resolution", _halve),
    Perturbation("blur", _blur),
    Perturbation("sharpening", _sharpen),
    *(Perturbation(f"gamma {exponent}", partial(_gamma, exponent=exponent)) for exponent in (0.7, 1.4)),
    *(Perturbation(f"contrast {factor}", partial(_contrast, factor=factor)) for factor in (0.7, 1.3)),
    *(Perturbation(f"width x {factor}", partial(widen, factor=factor)) for factor in (0.8, 1.25)),
    Perturbation("5 % of each border cropped", _crop),
    Perturbation("5 % black border added", _add_black_border),
    *(Perturbation(f"rotated by {degrees:+g} degrees", partial(_rotate, degrees=degrees)) for degrees in (5.0, -5.0)),
)
