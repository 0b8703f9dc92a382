"""Texts and sequence items of received headers, without raising: see also `source_text` and `source_numbers`."""

import warnings

from pydicom.dataset import Dataset

from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.source_text import SourceText, printable

#: What looking at one element of a hostile or broken header can raise: pydicom answers a sequence item that is cut
#: off with an OSError.
UNREADABLE = (*MALFORMED, OSError)


def read_text(ds: Dataset, keyword: str) -> str:
    """Give the first value of an element, stripped and upper-cased; "" when it is missing."""
    return next(iter(read_texts(ds, keyword)), "")


def read_texts(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Give every value that is not empty, stripped and upper-cased, in order."""
    text, _ = SourceText(ds).read(keyword)
    return tuple(value.upper() for part in text.split("\\") if (value := printable(part)))


def read_items(ds: Dataset, *keywords: str) -> list[Dataset]:
    """Give the items of these sequences, in order; none of a sequence that is missing or cannot be read."""
    items: list[Dataset] = []
    for keyword in keywords:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's warnings quote values
                value = ds.get(keyword)
                found = [item for item in value if isinstance(item, Dataset)] if value is not None else []
        except UNREADABLE:
            continue
        items.extend(found)
    return items
