"""Square pixels, and no collimator blades: the two steps that change the shape of an image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from dicom_gateway.source_numbers import read_numbers
from domain.study import MAXIMUM_PIXELS, MAXIMUM_SIDE

Pixels = NDArray[np.float32]

#: Spacings, most trusted first: at the detector, at the patient, of a scanned film.
_SPACINGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
#: Pixels this near to square are left alone.
_SQUARE_TOLERANCE = 0.01
#: Beyond this the header is wrong, not the detector.
_MOST_ELONGATED = 4.0
#: A border is this near to black, or to white, ...
_BORDER_DEPTH = 0.02
#: ... in all but this fraction of each of its rows or columns, ...
_BORDER_EXCEPTIONS = 0.002
#: ... takes at least this fraction of the rows or columns (air beside a narrow body takes less: 6 % at most in
#: 80 radiographs), ...
_LEAST_BORDER = 1 / 16
#: ... and leaves at least this fraction of the rows and of the columns.
_LEAST_LEFT = 0.5


def pixel_aspect(ds: Dataset) -> float:
    """Give height divided by width of one pixel: 1.0 when square, unknown or absurd.

    From a spacing (row spacing first, PS3.3 10.7.1.3), else Pixel Aspect Ratio (vertical first, C.7.6.3.1.7).
    """
    for keyword in (*_SPACINGS, "PixelAspectRatio"):
        numbers = read_numbers(ds, keyword)
        if len(numbers) == len(("vertical", "horizontal")) and min(numbers) > 0:
            aspect = numbers[0] / numbers[1]
            is_usable = 1 / _MOST_ELONGATED <= aspect <= _MOST_ELONGATED
            return aspect if is_usable and abs(aspect - 1) > _SQUARE_TOLERANCE else 1.0
    return 1.0


def with_square_pixels(pixels: Pixels, aspect: float) -> Pixels:
    """Stretch (H, W) along the longer side of its pixels, bilinearly, so that they become square.

    Nothing is shrunk, unless the image would pass MAXIMUM_SIDE or MAXIMUM_PIXELS.
    """
    if aspect == 1:
        return pixels
    height, width = pixels.shape
    scale = (aspect, 1.0) if aspect > 1 else (1.0, 1 / aspect)
    tall, wide = height * scale[0], width * scale[1]
    limit = min(1.0, MAXIMUM_SIDE / max(tall, wide), (MAXIMUM_PIXELS / (tall * wide)) ** 0.5)
    size = (max(1, round(wide * limit)), max(1, round(tall * limit)))
    stretched = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(stretched, dtype=np.float32)


def field_box(pixels: Pixels) -> tuple[slice, slice]:
    """Give the rows and columns inside uniformly black or white borders of (H, W) pixels in [0, 1].

    Only straight borders along the edges count; when they would take too much, the whole image is kept, because an
    image that is mostly border was misunderstood.
    """
    whole = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
    if not any(_is_border(edge) for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])):
        return whole
    rows, columns = whole
    for extreme in (pixels <= _BORDER_DEPTH, pixels >= 1 - _BORDER_DEPTH):
        rows = _both(rows, _between_borders(extreme.mean(axis=1)))
        columns = _both(columns, _between_borders(extreme.mean(axis=0)))
    is_too_much = rows.stop - rows.start < _LEAST_LEFT * pixels.shape[0] or (
        columns.stop - columns.start < _LEAST_LEFT * pixels.shape[1]
    )
    return whole if is_too_much else (rows, columns)


def _is_border(line: Pixels) -> bool:
    """Say whether one row or column is all black or all white: the quick look that spares most images the long one."""
    return any(
        extreme.mean() >= 1 - _BORDER_EXCEPTIONS for extreme in (line <= _BORDER_DEPTH, line >= 1 - _BORDER_DEPTH)
    )


def _both(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _between_borders(fractions: NDArray[np.float64]) -> slice:
    """Give the lines from the first to the last that is not border; all of them when every line is."""
    lines = len(fractions)
    inner = np.flatnonzero(fractions < 1 - _BORDER_EXCEPTIONS)
    if not len(inner):
        return slice(0, lines)
    first, behind = int(inner[0]), int(inner[-1]) + 1
    least = _LEAST_BORDER * lines
    return slice(first if first >= least else 0, behind if lines - behind >= least else lines)
