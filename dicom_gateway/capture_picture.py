"""The picture of a capture: a painted image between two bands of words, so that nothing of the image is covered.

Everything is said in the pixels, because viewers show those and little else. No word names a patient.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dicom_gateway.report_words import BANNER

#: Longer side of the image: enough for a map of ten cells, and small enough to be kept in a database.
IMAGE_SIDE = 768
#: Least width: narrow images stand on a wider ground, so that the words stay legible.
_LEAST_WIDTH = 560
_MARGIN = 14
_BANNER_SIZE, _TEXT_SIZE, _SMALL_SIZE = 30, 21, 16
_LEAST_SIZE = 9
_LINE_SPACING = 1.4
_GROUND, _AMBER, _WHITE, _GREY = (0, 0, 0), (255, 176, 0), (255, 255, 255), (180, 180, 180)
_SCALE_HEIGHT = 12

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: int
    colour: tuple[int, int, int]


def framed(painted: Picture, colour_scale: Picture, headline: str, notes: tuple[str, ...]) -> Picture:
    """Put a painted image (H, W, 3) between its words: RGB (rows, columns, 3) uint8.

    The banner is at the top and at the bottom. `colour_scale` is (N, 3), from least to most heat; `headline` is what
    was found, `notes` what else must be known to understand the picture.
    """
    image = _fitted(painted)
    width = max(image.width, _LEAST_WIDTH)
    banner = _Line(BANNER, _BANNER_SIZE, _AMBER)
    above = _band(width, [banner, _Line(headline, _TEXT_SIZE, _WHITE)])
    below = _band(width, [*(_Line(note, _SMALL_SIZE, _GREY) for note in notes), banner])
    parts = [above, image, _legend(width, colour_scale), below]
    whole = Image.new("RGB", (width, sum(part.height for part in parts)), _GROUND)
    top = 0
    for part in parts:
        whole.paste(part, ((width - part.width) // 2, top))
        top += part.height
    return np.asarray(whole)


def _fitted(painted: Picture) -> Image.Image:
    image = Image.fromarray(painted)
    share = IMAGE_SIDE / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.BOX if share < 1 else Image.Resampling.BICUBIC)


def _band(width: int, lines: list[_Line]) -> Image.Image:
    heights = [round(line.size * _LINE_SPACING) for line in lines]
    band = Image.new("RGB", (width, sum(heights) + _MARGIN), _GROUND)
    top = _MARGIN // 2
    for line, height in zip(lines, heights, strict=True):
        _write(band, line.text, line.size, line.colour, (width // 2, top + height // 2), "mm")
        top += height
    return band


def _legend(width: int, colour_scale: Picture) -> Image.Image:
    """Draw the colours with what their ends mean."""
    legend = Image.new("RGB", (width, _SMALL_SIZE + _MARGIN), _GROUND)
    bar_width = width // 3
    bar = Image.fromarray(colour_scale[np.newaxis]).resize((bar_width, _SCALE_HEIGHT), Image.Resampling.BILINEAR)
    middle = legend.height // 2
    legend.paste(bar, ((width - bar_width) // 2, middle - _SCALE_HEIGHT // 2))
    left, right = (width - bar_width) // 2 - _MARGIN, (width + bar_width) // 2 + _MARGIN
    _write(legend, "least weight", _SMALL_SIZE, _GREY, (left, middle), "rm")
    _write(legend, "most weight in this image", _SMALL_SIZE, _GREY, (right, middle), "lm")
    return legend


def _write(
    band: Image.Image, text: str, size: int, colour: tuple[int, int, int], at: tuple[int, int], anchor: str
) -> None:
    """Write one line, smaller where it would not fit."""
    draw = ImageDraw.Draw(band)
    room = band.width - 2 * _MARGIN if anchor == "mm" else (band.width - band.width // 3) // 2 - 2 * _MARGIN
    font = ImageFont.load_default(size)
    while draw.textlength(text, font) > room and size > _LEAST_SIZE:
        size -= 1
        font = ImageFont.load_default(size)
    draw.text(at, text, fill=colour, font=font, anchor=anchor)
