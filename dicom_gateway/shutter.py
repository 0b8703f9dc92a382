"""The Display Shutter (PS3.3 C.7.6.11): which pixels the maker wants shown.

Rows and columns count from 1. Several shapes leave what all of them leave. A bitmap shutter (C.7.6.15) belongs to
presentation states and is not read.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from dicom_gateway.geometry import pixel_aspect
from dicom_gateway.source_items import read_texts
from dicom_gateway.source_numbers import read_numbers
from domain.study import MAXIMUM_SIDE, MINIMUM_SIDE

Mask = NDArray[np.bool_]
_Shape = tuple[int, int]

_EDGES = (
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
)
_LEAST_VERTICES = 3
#: A vertex further out than this is no position.
_FURTHEST = 4 * MAXIMUM_SIDE


@dataclass(frozen=True, slots=True)
class Shutter:
    """What is left of (H, W) pixels."""

    #: The box around all that is visible.
    rows: slice
    columns: slice
    #: Inside that box, what is hidden all the same; None when nothing is.
    hidden: Mask | None = None
    #: What was decided: "shutter rectangular" and the like.
    notes: tuple[str, ...] = ()


def read_shutter(ds: Dataset, shape: _Shape) -> Shutter:
    """Give the shutter of a (H, W) image, which shows everything when the header has none.

    Never raises: a shape that cannot be read, and a shutter that leaves less than an image, are ignored with a note.
    """
    whole = Shutter(slice(0, shape[0]), slice(0, shape[1]))
    names = read_texts(ds, "ShutterShape")
    if not names:
        return whole
    visible = np.ones(shape, dtype=np.bool_)
    notes: list[str] = []
    for name in names:
        drawn = _DRAWN[name](ds, shape) if name in _DRAWN else None
        notes.append(f"shutter {name.lower()[:16]}" + ("" if drawn is not None else " unusable"))
        visible &= True if drawn is None else drawn
    rows, columns = _extent(visible, 0), _extent(visible, 1)
    if min(rows.stop - rows.start, columns.stop - columns.start) < MINIMUM_SIDE:
        return Shutter(whole.rows, whole.columns, notes=(*notes, "shutter ignored: it leaves too little"))
    hidden = ~visible[rows, columns]
    return Shutter(rows, columns, hidden if hidden.any() else None, tuple(notes))


def _extent(visible: Mask, axis: int) -> slice:
    """Give the lines along an axis from the first to the last in which anything is visible."""
    found = np.flatnonzero(np.any(visible, axis=1 - axis))
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _rectangle(ds: Dataset, shape: _Shape) -> Mask | None:
    """Draw what lies between the edges; the lines that they name are visible."""
    edges = [read_numbers(ds, keyword) for keyword in _EDGES]
    if not all(edges):
        return None
    upper, lower, left, right = (edge[0] for edge in edges)
    row, column = _positions(shape)
    return (row >= upper) & (row <= lower) & (column >= left) & (column <= right)


def _circle(ds: Dataset, shape: _Shape) -> Mask | None:
    """Draw the disc; its radius counts pixels along a row, so that on pixels that are not square it is an ellipse."""
    center, radius = read_numbers(ds, "CenterOfCircularShutter"), read_numbers(ds, "RadiusOfCircularShutter")
    if len(center) != len(shape) or not radius or radius[0] <= 0:
        return None
    row, column = _positions(shape)
    distances = ((row - center[0]) * pixel_aspect(ds)) ** 2 + (column - center[1]) ** 2
    visible: Mask = distances <= radius[0] ** 2
    return visible


def _polygon(ds: Dataset, shape: _Shape) -> Mask | None:
    """Draw the polygon, which closes itself, with its outline."""
    numbers = read_numbers(ds, "VerticesOfThePolygonalShutter")
    if len(numbers) % 2 or len(numbers) < 2 * _LEAST_VERTICES or max(map(abs, numbers)) > _FURTHEST:
        return None
    vertices = [(column - 1, row - 1) for row, column in zip(numbers[::2], numbers[1::2], strict=True)]
    canvas = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(canvas).polygon(vertices, fill=1, outline=1)
    return np.asarray(canvas, dtype=np.bool_)


def _positions(shape: _Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give (H, 1) row and (1, W) column numbers, from 1."""
    return np.arange(1.0, shape[0] + 1)[:, None], np.arange(1.0, shape[1] + 1)[None, :]


_DRAWN: dict[str, Callable[[Dataset, _Shape], Mask | None]] = {
    "RECTANGULAR": _rectangle,
    "CIRCULAR": _circle,
    "POLYGONAL": _polygon,
}
