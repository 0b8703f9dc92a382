"""The deletion test: whether the network loses its suspicion where its heat map is hot.

After Petsiuk et al. 2018, arXiv:1806.07421. Masked pixels take their image's mean grey level. What "random" means
decides the outcome, so four kinds are measured:

- a region of the same shape elsewhere: the hot region, shifted at random, wrapping round the edges. The fair one: as
  many pixels, as long a border;
- the hot region of another image: tells whether the map is about this image, or about where lungs usually are;
- cells of 15 x 15 pixels, drawn at random;
- single pixels, drawn at random: grain over the whole image, so sharpness changes everywhere, not only what is hidden.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid, NotAnalysable
from domain.finding import Assessment
from model.area import SIDE
from model.classifier import Classifier, NetworkReading
from model.dataset import LabelledImage
from model.image_file import read_image
from model.preprocess import preprocess

Tensors = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]
Logits = npt.NDArray[np.float64]

#: Of the pixels, masked.
SHARE = 0.2
_CELL = 15
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Deletion:
    """Mean drops of the logit over n images, by what was masked."""

    n: int
    #: Of the pixels.
    share: float
    hottest_drop: float
    #: The same shape at a random place.
    random_drop: float
    #: Of the n images, the share whose logit falls more by the hottest than by the random region.
    hottest_wins: float
    #: The hot region of another of the images.
    other_image_drop: float
    random_cells_drop: float
    random_pixels_drop: float


def deletion_test(
    classifier: Classifier, images: Sequence[LabelledImage], *, seed: int = 0, share: float = SHARE
) -> Deletion:
    """Run the deletion test on the true positives among the images, at the default operating point.

    ConfigurationInvalid when there are fewer than two.
    """
    tensors, heat_maps = _true_positives(classifier, images)
    return deletion(classifier.network.logits, tensors, heat_maps, np.random.default_rng(seed), share=share)


def deletion(
    logits_of: Callable[[Tensors], Logits],
    tensors: Tensors,
    heat_maps: npt.NDArray[np.float32],
    rng: np.random.Generator,
    *,
    share: float = SHARE,
) -> Deletion:
    """Measure how far masking lowers the logits of tensors (N, 150, 150, 1) with heat maps (N, 150, 150), N > 1."""
    count = len(tensors)
    hot = hottest(heat_maps, share)
    order, others = rng.permutation(count), np.empty_like(hot)
    others[order] = hot[np.roll(order, 1)]  # never one's own
    before = _in_batches(logits_of, tensors)

    def drops(masks: Masks) -> Logits:
        return before - _in_batches(logits_of, masked(tensors, masks))

    by_heat, by_chance = drops(hot), drops(_shifted(hot, rng))
    return Deletion(
        n=count,
        share=share,
        hottest_drop=float(by_heat.mean()),
        random_drop=float(by_chance.mean()),
        hottest_wins=float((by_heat > by_chance).mean()),
        other_image_drop=float(drops(others).mean()),
        random_cells_drop=float(drops(_random_cells(count, rng, share)).mean()),
        random_pixels_drop=float(drops(hottest(rng.random(hot.shape), share)).mean()),
    )


def hottest(heat_maps: npt.NDArray[np.floating], share: float) -> Masks:
    """Mark the hottest share of the pixels of each map (N, H, W); among equals, the first in reading order."""
    flat = heat_maps.reshape(len(heat_maps), -1)
    chosen = np.argsort(-flat, axis=1, kind="stable")[:, : round(share * flat.shape[1])]
    masks = np.zeros(flat.shape, np.bool_)
    np.put_along_axis(masks, chosen, values=True, axis=1)
    return masks.reshape(heat_maps.shape)


def masked(tensors: Tensors, masks: Masks) -> Tensors:
    """Give tensors (N, 150, 150, 1) with each masked pixel (N, 150, 150) at its image's mean."""
    return np.where(masks[..., np.newaxis], tensors.mean(axis=(1, 2), keepdims=True), tensors)


def _shifted(masks: Masks, rng: np.random.Generator) -> Masks:
    shifts = rng.integers(0, masks.shape[1:], (len(masks), 2))
    return np.stack([np.roll(mask, tuple(shift), axis=(0, 1)) for mask, shift in zip(masks, shifts, strict=True)])


def _random_cells(count: int, rng: np.random.Generator, share: float) -> Masks:
    cells = hottest(rng.random((count, SIDE // _CELL, SIDE // _CELL)), share)
    return cells.repeat(_CELL, axis=1).repeat(_CELL, axis=2)


def _in_batches(logits_of: Callable[[Tensors], Logits], tensors: Tensors) -> Logits:
    return np.concatenate([logits_of(tensors[at : at + _BATCH]) for at in range(0, len(tensors), _BATCH)])


def _true_positives(classifier: Classifier, images: Sequence[LabelledImage]) -> tuple[Tensors, npt.NDArray[np.float32]]:
    point = classifier.card.operating_point()
    found: list[tuple[Tensors, NetworkReading]] = []
    for image in images:
        if not image.label:
            continue
        try:
            tensor = preprocess(read_image(image.path), classifier.card.preprocess_version)[np.newaxis]
        except NotAnalysable:
            continue  # what is never scored explains nothing
        reading = classifier.read(tensor)
        if point.assess(float(reading.probabilities[0])) is Assessment.SUSPECTED:
            found.append((tensor, reading))
    if len(found) < 2:  # noqa: PLR2004 - one image has no other image
        raise ConfigurationInvalid(f"the deletion test needs two true positives, here are {len(found)}")
    return np.concatenate([tensor for tensor, _ in found]), np.concatenate([reading.heat_maps for _, reading in found])
