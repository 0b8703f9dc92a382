"""Show right and wrong answers: images at the network's size, each beside its heat map.

Of each of the four groups the surest and the least sure answer, so that nobody chooses what looks good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from domain.finding import OperatingPoint
from model.area import SIDE, area_average
from model.evaluate import Evaluation, Scored
from model.gated_classifier import GatedClassifier
from model.heatmap import colours, overlay
from model.image_file import read_image
from model.plot_style import DPI, FAINT, INK, SMALL, TEXT, new_figure

#: Name of a group -> what its images show, and whether they were called positive.
GROUPS = {
    "True positives": (1, True),
    "True negatives": (0, False),
    "False positives": (0, True),
    "False negatives": (1, False),
}

#: Drawn pixels: each pixel of the network's input is a square of so many, never interpolated.
_TIMES = 2
_PICTURE, _GAP, _MARGIN = SIDE * _TIMES, 10, 20
_PAIR_GAP, _ROW_HEAD, _TOP, _BOTTOM = 30, 84, 76, 96
_A_GROUP = 2
_WIDTH = 2 * _MARGIN + 2 * (2 * _PICTURE + _GAP) + _PAIR_GAP
_HEIGHT = _TOP + len(GROUPS) * (_ROW_HEAD + _PICTURE) + _BOTTOM
_BAR_HEIGHT = 18


@dataclass(frozen=True, slots=True)
class Example:
    """One scored image at the network's size."""

    #: Calibrated.
    probability: float
    #: (150, 150) in [0, 1], before any grey-level normalisation.
    image: npt.NDArray[np.float32]
    #: (150, 150), at least 0, in units of the logit.
    heat_map: npt.NDArray[np.float32]


def choose(scored: Sequence[Scored], point: OperatingPoint) -> dict[str, tuple[Scored, ...]]:
    """Give, by group, all its images, ordered from the surest answer to the least sure."""
    groups = {}
    for name, (label, called) in GROUPS.items():
        found = [s for s in scored if s.image.label == label and (s.probability >= point.threshold) == called]
        groups[name] = tuple(sorted(found, key=lambda s: s.probability, reverse=called))
    return groups


def draw_examples(version: GatedClassifier, evaluation: Evaluation) -> Figure:
    """Draw the sheet at the default operating point; a group without images says so."""
    point = version.card.operating_point()
    groups = choose(evaluation.scored, point)
    examples = {name: [_read(version, one) for one in _ends(found)] for name, found in groups.items()}
    full_heat = _full_heat(examples)
    figure = new_figure(_HEIGHT / DPI, width=_WIDTH / DPI, constrained=False)
    _write(figure, _MARGIN, _TOP - 42, "Right and wrong answers", TEXT + 1, INK, bold=True)
    words = f"{evaluation.figures.data_set}; at {point.name}: pneumonia from a probability of {point.threshold:.3f}"
    _write(figure, _MARGIN, _TOP - 8, words, SMALL, FAINT)
    for row, (name, found) in enumerate(groups.items()):
        top = _TOP + row * (_ROW_HEAD + _PICTURE)
        shows = "pneumonia" if GROUPS[name][0] else "normal"
        _write(figure, _MARGIN, top + 42, f"{name}: {len(found)} images that show {shows}", TEXT, INK)
        for column, example in enumerate(examples[name]):
            sureness = "the surest" if column == 0 else "the least sure"
            _draw_pair(figure, column, top, example, f"probability {example.probability:.3f}, {sureness}", full_heat)
    _draw_scale(figure, full_heat)
    return figure


def _ends(found: Sequence[Scored]) -> Sequence[Scored]:
    return found if len(found) <= _A_GROUP else (found[0], found[-1])


def _read(version: GatedClassifier, scored: Scored) -> Example:
    reading = version.read(read_image(scored.image.path))
    return Example(reading.probability, area_average(reading.image)[..., 0], reading.heat_map)


def _full_heat(examples: dict[str, list[Example]]) -> float:
    """Give one heat for the brightest colour, so that the sheet's maps compare: the median suspected one's hottest."""
    suspected = [one for name, (_, called) in GROUPS.items() if called for one in examples[name]]
    shown = suspected or [one for group in examples.values() for one in group]
    return float(np.median([one.heat_map.max() for one in shown]))


def _draw_pair(figure: Figure, column: int, top: int, example: Example, words: str, full_heat: float) -> None:
    left = _MARGIN + column * (2 * _PICTURE + _GAP + _PAIR_GAP)
    _write(figure, left, top + _ROW_HEAD - 10, words, SMALL, FAINT)
    grey = np.rint(np.repeat(example.image[..., np.newaxis], 3, axis=-1) * 255).astype(np.uint8)
    painted = overlay(example.image, example.heat_map, full_heat=full_heat)
    for place, picture in enumerate((grey, painted)):
        large = picture.repeat(_TIMES, axis=0).repeat(_TIMES, axis=1)
        below = _HEIGHT - (top + _ROW_HEAD + _PICTURE)
        figure.figimage(large, left + place * (_PICTURE + _GAP), below, origin="upper")


def _draw_scale(figure: Figure, full_heat: float) -> None:
    """Draw what the colours mean; without heat the image stays as it is."""
    strip = (colours()[np.newaxis, ::1] * 255).astype(np.uint8).repeat(_BAR_HEIGHT, axis=0).repeat(_TIMES, axis=1)
    top = _HEIGHT - _BOTTOM + 48
    figure.figimage(strip, _MARGIN, _HEIGHT - top - _BAR_HEIGHT, origin="upper")
    _write(figure, _MARGIN, top - 8, "heat of the last convolution, in units of the logit", SMALL, FAINT)
    words = f"0 to {full_heat:.2g} or more; heat covers the image"
    _write(figure, _MARGIN + strip.shape[1] + _GAP, top + _BAR_HEIGHT, words, SMALL, FAINT)


def _write(
    figure: Figure, left: float, bottom: float, words: str, size: float, ink: str, *, bold: bool = False
) -> None:
    """Write words whose base line starts at a place in pixels, from the left and from the top."""
    weight = "bold" if bold else "normal"
    figure.text(left / _WIDTH, 1.0 - bottom / _HEIGHT, words, fontsize=size, color=ink, fontweight=weight)
