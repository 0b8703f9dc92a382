"""Stored values to the image that a reader would see: (H, W) in [0, 1], bone bright.

In this order, each step as PS3.3 has it (docs/pixels.md): shutter, pixel padding, Modality LUT or rescale, VOI LUT or
window or percentiles, polarity, square pixels, crop of collimated borders. From padding to polarity it is one table
lookup.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from dicom_gateway import geometry
from dicom_gateway.decode import StoredValues, decode_pixels
from dicom_gateway.grey_tables import (
    CODES,
    Counts,
    Table,
    grey_values,
    modality_values,
    padding_codes,
    percentiles,
    stored_value_of_code,
)
from dicom_gateway.header import read_instance
from dicom_gateway.polarity import looks_inverted
from dicom_gateway.shutter import Mask, read_shutter
from dicom_gateway.source_items import read_text
from domain.errors import InstanceInvalid, NotAnalysable
from domain.finding import RefusalCode

#: Fewer stored values than this between these percentiles of the pixels are an image without contrast.
_MIDDLE_PERCENTILES = (1.0, 99.0)
_LEAST_LEVELS = 8
#: Pixels that the counting of stored values looks at, at least: every pixel of small images, a grid of large ones.
_COUNTED_PIXELS = 1 << 18


@dataclass(frozen=True, slots=True)
class DisplayImage:
    """What the network and the heat map are made from."""

    #: (H, W) float32 in [0, 1], 1 = white = bone. Not the stored Rows x Columns after stretching or cropping.
    pixels: NDArray[np.float32]
    #: What was decided on the way, in order: "window 1", "percentiles", "polarity inverted on pixels" and the like.
    notes: tuple[str, ...]


def image_from_file(path: Path) -> DisplayImage:
    """Read, decode and display one stored instance.

    Raises NotAnalysable with the reason in code and words, StoreUnavailable when the disk fails.
    """
    try:
        ds = read_instance(path)
    except InstanceInvalid as error:
        raise NotAnalysable(RefusalCode.UNDECODABLE, str(error)) from error
    return to_display(ds, decode_pixels(ds))


def to_display(ds: Dataset, stored: StoredValues) -> DisplayImage:
    """Give the display image of (H, W) stored values and the header that they came with.

    Odd or broken display attributes never raise: the next rule applies, with a note.
    Raises NotAnalysable (FLAT_IMAGE) when the pixels, apart from padding, have next to no contrast.
    """
    shutter = read_shutter(ds, (stored.shape[0], stored.shape[1]))
    codes = stored.view(np.uint16)[shutter.rows, shutter.columns]
    values = stored_value_of_code(stored.dtype == np.int16)
    padding = padding_codes(ds, values)
    sample, unseen = _sample(codes, shutter.hidden)
    counts = _count_codes(sample, padding, unseen)
    _refuse_flat(values, counts)
    modality, notes = modality_values(ds, values)
    grey, voi_notes = grey_values(ds, modality, counts)
    grey, polarity_notes = _with_polarity(ds, grey, padding, sample, unseen)
    if padding[sample].any():
        notes = ("pixel padding masked", *notes)
    pixels = grey.astype(np.float32).take(codes)
    if shutter.hidden is not None:
        pixels[shutter.hidden] = 0
    return _shaped(ds, pixels, (*shutter.notes, *notes, *voi_notes, *polarity_notes))


def _sample(codes: NDArray[np.uint16], hidden: Mask | None) -> tuple[NDArray[np.uint16], Mask | None]:
    """Give every n-th row and column, and which of these pixels are hidden."""
    step = max(1, int((codes.size / _COUNTED_PIXELS) ** 0.5))
    return codes[::step, ::step], None if hidden is None else hidden[::step, ::step]


def _count_codes(sample: NDArray[np.uint16], padding: NDArray[np.bool_], unseen: Mask | None) -> Counts:
    """Count (65536,) how often each code is seen."""
    counts = np.bincount(sample.ravel() if unseen is None else sample[~unseen], minlength=CODES)
    counts[padding] = 0
    return counts


def _refuse_flat(values: Table, counts: Counts) -> None:
    """Count the stored values that the middle of the pixels uses."""
    if not counts.any():
        raise NotAnalysable(RefusalCode.FLAT_IMAGE, "every pixel is padding or hidden")
    low, high = percentiles(values, counts, _MIDDLE_PERCENTILES)
    levels = int(np.count_nonzero(counts[(values >= low) & (values <= high)]))
    if levels < _LEAST_LEVELS:
        raise NotAnalysable(RefusalCode.FLAT_IMAGE, f"{levels} grey levels")


def _with_polarity(
    ds: Dataset, grey: Table, padding: NDArray[np.bool_], sample: NDArray[np.uint16], unseen: Mask | None
) -> tuple[Table, tuple[str, ...]]:
    """Turn the table to bone bright, padding black.

    MONOCHROME1 (PS3.3 C.7.6.3.1.2) and Presentation LUT Shape INVERSE (C.8.11.3.1.2) are two statements of one
    inversion. What the header says is checked on the pixels.
    """
    notes: tuple[str, ...] = ()
    is_monochrome1 = read_text(ds, "PhotometricInterpretation") == "MONOCHROME1"
    if is_monochrome1 or read_text(ds, "PresentationLUTShape") == "INVERSE":
        grey, notes = 1 - grey, ("polarity inverted",)
    grey = np.where(padding, 0, grey)
    if looks_inverted(grey[sample] if unseen is None else np.where(unseen, 0, grey[sample])):
        grey, notes = np.where(padding, 0, 1 - grey), (*notes, "polarity inverted on pixels")
    return grey, notes


def _shaped(ds: Dataset, pixels: NDArray[np.float32], notes: tuple[str, ...]) -> DisplayImage:
    aspect = geometry.pixel_aspect(ds)
    if aspect != 1:
        pixels, notes = geometry.with_square_pixels(pixels, aspect), (*notes, f"pixel aspect {aspect:.3g}")
    rows, columns = geometry.field_box(pixels)
    cropped = pixels[rows, columns]
    if cropped.shape != pixels.shape:
        notes = (*notes, f"cropped to rows {rows.start}:{rows.stop}, columns {columns.start}:{columns.stop}")
    return DisplayImage(np.ascontiguousarray(cropped), notes)
