"""Stored value to grey, as tables: every step up to polarity is a function of the stored value alone.

A table has one entry for each of the 65,536 codes that 16 bits can hold; windowing 5 million pixels is then a single
take. Modality LUT: PS3.3 C.11.1. VOI LUT and windows: PS3.3 C.11.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from dicom_gateway.source_items import read_items, read_text
from dicom_gateway.source_numbers import read_number, read_numbers

Table = NDArray[np.float64]
Counts = NDArray[np.int64]

CODES = 1 << 16
_SIGN_BIT = 1 << 15
_MOST_LUT_BITS = 16
#: Percentiles of the pixels that become black and white when the header names no usable window: robust against
#: side markers, metal and dead pixels, which minimum and maximum are not.
_BLACK_PERCENTILE, _WHITE_PERCENTILE = 0.5, 99.5
#: A usable window leaves this fraction of the pixels off the ends of the grey scale ...
_LEAST_GREY_FRACTION = 0.05
#: ... and spreads the middle 98 % of the pixels over at least this much of it.
_LEAST_SPREAD = 0.05
#: Grey counts as clipped this near to black or white (SIGMOID never quite reaches them).
_CLIPPED = 0.005


@dataclass(frozen=True, slots=True)
class LookupTable:
    """One item of a Modality or VOI LUT Sequence."""

    #: The input value that the first entry belongs to; inputs outside take the nearest entry.
    first_input: int
    #: (N,) outputs.
    entries: Table
    #: The output that means white.
    maximum: float

    def apply(self, values: Table) -> Table:
        """Map input values to outputs, of the same shape."""
        index = np.clip(np.rint(values) - self.first_input, 0, len(self.entries) - 1).astype(np.intp)
        mapped: Table = self.entries[index]
        return mapped


def stored_value_of_code(is_signed: bool) -> Table:
    """Give (65536,) the stored value that each 16 bit code stands for (Pixel Representation)."""
    codes = np.arange(CODES, dtype=np.uint16)
    return (codes.view(np.int16) if is_signed else codes).astype(np.float64)


def padding_codes(ds: Dataset, values: Table) -> NDArray[np.bool_]:
    """Say (65536,) which codes are Pixel Padding (PS3.3 C.7.5.1.1.2): a value, or a range up to its limit."""
    limits = [read_number(ds, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    stated = [_as_signed_like(limit, values) for limit in limits if limit is not None]
    if limits[0] is None:
        return np.zeros(values.shape, dtype=np.bool_)
    return (values >= min(stated)) & (values <= max(stated))


def modality_values(ds: Dataset, values: Table) -> tuple[Table, tuple[str, ...]]:
    """Give the output of the Modality LUT, or else of the rescale, for each code; and notes."""
    notes: tuple[str, ...] = ()
    for item in read_items(ds, "ModalityLUTSequence")[:1]:
        lut = read_lookup_table(item, values, _is_big_endian(ds))
        if lut is not None:
            return lut.apply(values), ("modality LUT",)
        notes = ("modality LUT unusable",)
    slope, intercept = read_number(ds, "RescaleSlope"), read_number(ds, "RescaleIntercept")
    if slope == 0:
        return values, (*notes, "rescale slope 0 ignored")
    factor, offset = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if (factor, offset) == (1, 0):
        return values, notes
    return values * factor + offset, (*notes, "rescale")


def grey_values(ds: Dataset, values: Table, counts: Counts) -> tuple[Table, tuple[str, ...]]:
    """Give grey in [0, 1] for each code, from its modality value; and notes.

    The first VOI LUT comes first, then the first window, then percentiles of the pixels, of which `counts` says how
    many have each code. A LUT or window that is broken, or clips nearly every pixel, is passed over with a note.
    """
    notes: list[str] = []
    lut, window = _voi_lut(ds, values), _window(ds, values)
    for name, grey in (("VOI LUT 1", lut), ("window 1", window)):
        if isinstance(grey, str):
            notes.append(f"{name} {grey}")
        elif grey is not None and _shows_something(grey, counts):
            return grey, (*notes, name)
        elif grey is not None:
            notes.append(f"{name} clips the image")
    black, white = percentiles(values, counts, (_BLACK_PERCENTILE, _WHITE_PERCENTILE))
    return np.clip((values - black) / max(white - black, np.finfo(np.float64).tiny), 0, 1), (*notes, "percentiles")


def percentiles(values: Table, counts: Counts, wanted: tuple[float, ...]) -> list[float]:
    """Give percentiles of the pixels, from the value of each code and how often it occurs."""
    present = np.flatnonzero(counts)
    order = present[np.argsort(values[present], kind="stable")]
    cumulative = np.cumsum(counts[order])
    ranks = [cumulative[-1] * percent / 100 for percent in wanted]
    return [float(values[order[min(int(np.searchsorted(cumulative, rank)), len(order) - 1)]]) for rank in ranks]


def _shows_something(grey: Table, counts: Counts) -> bool:
    unclipped = counts[(grey > _CLIPPED) & (grey < 1 - _CLIPPED)].sum()
    low, high = percentiles(grey, counts, (1, 99))
    return bool(unclipped >= _LEAST_GREY_FRACTION * counts.sum() and high - low >= _LEAST_SPREAD)


def _voi_lut(ds: Dataset, values: Table) -> Table | str | None:
    """Give grey, or what is wrong with the VOI LUT, or None without one."""
    for item in read_items(ds, "VOILUTSequence")[:1]:
        lut = read_lookup_table(item, values, _is_big_endian(ds))
        return "unusable" if lut is None else lut.apply(values) / lut.maximum
    return None


def _window(ds: Dataset, values: Table) -> Table | str | None:
    """Give grey, or what is wrong with the window, or None without one (PS3.3 C.11.2.1.2 and .3)."""
    if "WindowCenter" not in ds and "WindowWidth" not in ds:
        return None
    center, width = read_number(ds, "WindowCenter"), read_number(ds, "WindowWidth")
    function = read_text(ds, "VOILUTFunction") or "LINEAR"
    if center is None or width is None:
        return "empty"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        return "of unknown function"
    if width <= 0 or (function == "LINEAR" and width < 1):
        return "too narrow"
    return apply_window(values, center, width, function)


def apply_window(values: Table, center: float, width: float, function: str = "LINEAR") -> Table:
    """Give grey in [0, 1]: the formulas of PS3.3 C.11.2.1.2.1 (LINEAR), .3.1 (SIGMOID) and .3.2 (LINEAR_EXACT)."""
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - center) / width, -700, 700)
        return 1 / (1 + np.exp(exponent))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def read_lookup_table(item: Dataset, inputs: Table, is_big_endian: bool) -> LookupTable | None:
    """Read LUT Descriptor and LUT Data (PS3.3 C.11.1.1), or give None when they cannot be used.

    A table whose entries stay far below what its bits allow is scaled by the bits that it uses: several makers
    write 16 for a table of 12 bits.
    """
    descriptor = read_numbers(item, "LUTDescriptor")
    data = _lut_data(item, is_big_endian)
    if len(descriptor) != len(("entries", "first input", "bits")) or data is None:
        return None
    entries = int(descriptor[0]) % CODES or CODES
    bits = int(descriptor[2])
    if not 1 <= bits <= _MOST_LUT_BITS or not 1 < entries <= len(data):
        return None
    table = data[:entries].astype(np.float64)
    used_bits = max(int(table.max()).bit_length(), 1)
    maximum = (1 << (bits if bits == used_bits else used_bits)) - 1
    return LookupTable(int(_as_signed_like(descriptor[1], inputs)), table, maximum)


def _lut_data(item: Dataset, is_big_endian: bool) -> NDArray[np.uint16] | None:
    element = item.get_item("LUTData")
    raw = None if element is None else element.value
    if isinstance(raw, bytes):
        whole = raw[: len(raw) // 2 * 2]
        return np.frombuffer(whole, dtype=">u2" if is_big_endian else "<u2").astype(np.uint16)
    numbers = read_numbers(item, "LUTData")
    return np.array([int(number) % CODES for number in numbers], dtype=np.uint16) if numbers else None


def _as_signed_like(number: float, values: Table) -> float:
    """Read a number that was written as US among signed values as the SS that it must be."""
    return number - CODES if number >= _SIGN_BIT and values.min() < 0 else number


def _is_big_endian(ds: Dataset) -> bool:
    return ds.original_encoding[1] is False
