"""Numbers of received headers: whatever the sender wrote, without raising.

Modalities send decimal commas, text where PS3.6 wants a binary number, several values where one belongs, and empty
elements. What cannot be read as a finite number counts as missing.
"""

import math
import warnings

from pydicom.dataset import Dataset

from dicom_gateway.source_items import UNREADABLE
from dicom_gateway.source_text import PADDING, SourceText


def read_numbers(ds: Dataset, keyword: str) -> tuple[float, ...]:
    """Give every finite value of an element, in order; () when it is missing, empty or no number."""
    return tuple(number for value in _values(ds, keyword) if (number := _finite(value)) is not None)


def read_number(ds: Dataset, keyword: str) -> float | None:
    """Give the first value of an element, or None when it is missing or not a finite number."""
    values = _values(ds, keyword)
    return _finite(values[0]) if values else None


def read_integer(ds: Dataset, keyword: str) -> int | None:
    """Give the first value of an element without its fraction, or None as `read_number` does."""
    number = read_number(ds, keyword)
    return None if number is None else int(number)


def _values(ds: Dataset, keyword: str) -> list[object]:
    try:
        with warnings.catch_warnings():
            # pydicom's warnings quote the value, and each oddity is dealt with here.
            warnings.simplefilter("ignore")
            value = ds.get(keyword)
    except UNREADABLE:
        value = None
    if value is None or isinstance(value, str | bytes):
        return list(SourceText(ds).read(keyword)[0].split("\\"))
    if isinstance(value, list | tuple) or hasattr(value, "__iter__"):
        return list(value)
    return [value]


def _finite(value: object) -> float | None:
    try:
        number = float(value.strip(PADDING).replace(",", ".")) if isinstance(value, str) else float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
