"""Text of received headers: from bytes in any character set, also a wrongly declared one, to str.

Attribute Specific Character Set (0008,0005): PS3.3 C.12.1.1.2; code extensions: PS3.5 6.1.2.4 and 6.1.2.5.
Nothing here raises on bad input: what a modality sends is decoded as well as can be, and the caller learns
whether that took a guess. No warning or error quotes the text.
"""

import re
from typing import Literal

from pydicom.charset import CODES_TO_ENCODINGS, decode_bytes, python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as ItemSequence
from pydicom.valuerep import PersonName

_ASCII = "ascii"
_UTF_8 = "utf-8"
_LATIN_1 = "latin-1"
#: What a decoder writes for bytes that mean nothing to it.
_REPLACEMENT = "\ufffd"
_ESCAPE = b"\x1b"
#: PS3.5 6.1.2.5.3: after each of these the first character set is active again.
_DELIMITERS = set(b"^=\\\r\n\f\t")
#: As the standard writes the defined terms, and as they are misspelt: "ISO-IR 100", "ISO_IR_100", "ISO2022IR87".
_ISO_TERM = re.compile(r"ISO[ _-]*(?:2022)?[ _-]*IR[ _-]*(\d+)")
_UTF_8_TERMS = frozenset({"UTF-8", "UTF8", "UTF_8"})
#: Registered by PS3.3 Table C.12-2 after the dictionary in use was made.
_ADDED = {"203": "iso8859_15"}
_DEFAULT_REPERTOIRE = "6"
#: Escape sequences that the Python codec for GB 2312 leaves in the text.
_LEFT_ESCAPE = re.compile(r"\x1b[\x20-\x2f]+[\x30-\x7e]")
#: C0 and C1 controls: no character of a name, an identifier or a description.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: PS3.5 6.2: spaces, and wrongly NUL, fill a value up to an even length.
PADDING = " \0"


class SourceText:
    """Reads text elements of one data set, which best is as read from its file.

    What pydicom converted before is taken as it is: bytes that it could not decode are lost by then.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        terms = _as_text(_value(dataset, "SpecificCharacterSet"), _ASCII)[0].split("\\")
        self._encoding = _python_encoding(terms[0])
        #: False when the first character set is unknown: its text is then taken for UTF-8, or Latin-1.
        self.character_set_known = self._encoding is not None

    def has(self, keyword: str) -> bool:
        """Say whether the data set has this element, be it empty."""
        return keyword in self._dataset

    def read(self, keyword: str) -> tuple[str, bool]:
        """Give an element's text without padding ("" when missing), and whether decoding took a guess.

        Values of a multi-valued element stay joined by backslashes.
        """
        text, guessed = _as_text(_value(self._dataset, keyword), self._encoding)
        return text.strip(PADDING), guessed

    def read_unsigned(self, keyword: str) -> int | None:
        """Give the value of a US element, or None when it is missing or not one 16 bit number."""
        element = _element(self._dataset, keyword)
        value = _value(self._dataset, keyword)
        if isinstance(element, RawDataElement) and isinstance(value, bytes):
            order: Literal["little", "big"] = "little" if element.is_little_endian else "big"
            return int.from_bytes(value, order) if len(value) == 2 else None  # noqa: PLR2004 - US: 2 bytes, PS3.5 6.2
        return value if isinstance(value, int) else None


def printable(text: str) -> str:
    """Give the text with each control character replaced by a space, without space at its ends."""
    return _CONTROL.sub(" ", text).strip()


def _value(dataset: Dataset, keyword: str) -> object:
    """Give the value as received: bytes where nothing has converted it yet, None for what holds no text."""
    element = _element(dataset, keyword)
    if element is None or element.VR == "SQ" or isinstance(element.value, ItemSequence):
        return None
    return element.value


def _element(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    """Give the element as received; None also where it has a VR that no standard defines, and pydicom converts it."""
    try:
        return dataset.get_item(keyword)
    except NotImplementedError:
        return None


def _as_text(value: object, encoding: str | None) -> tuple[str, bool]:
    if value is None:
        return "", False
    if isinstance(value, PersonName) and value.original_string:
        value = value.original_string
    if isinstance(value, bytes):
        return _decoded(value, encoding)
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(each) for each in value), False
    return str(value), False


def _decoded(value: bytes, encoding: str | None) -> tuple[str, bool]:
    if _ESCAPE in value:
        return _decoded_with_escapes(value, encoding)
    for candidate in (encoding or _UTF_8, _UTF_8):
        try:
            text = value.decode(candidate)
        except UnicodeDecodeError:
            continue
        return text, candidate != encoding and not text.isascii()
    # Every byte is a character of Latin-1, so this cannot fail.
    return value.decode(_LATIN_1), True


def _decoded_with_escapes(value: bytes, encoding: str | None) -> tuple[str, bool]:
    """Follow every known escape sequence, whether or not the header declares its character set."""
    first = _LATIN_1 if encoding in (None, _ASCII) else encoding
    text = decode_bytes(value, [str(first), *CODES_TO_ENCODINGS.values()], _DELIMITERS)
    return _LEFT_ESCAPE.sub("", text), _REPLACEMENT in text


def _python_encoding(term: str) -> str | None:
    """Give Python's name of the first character set, or None for a term that no standard defines."""
    term = term.strip(PADDING).upper()
    if term in _UTF_8_TERMS:
        return _UTF_8
    iso = _ISO_TERM.fullmatch(term)
    if iso is None:
        # The default repertoire is ASCII; pydicom would take it for Latin-1.
        return python_encoding.get(term) if term else _ASCII
    number = iso.group(1)
    if number == _DEFAULT_REPERTOIRE:
        return _ASCII
    return _ADDED.get(number) or python_encoding.get(f"ISO_IR {number}") or python_encoding.get(f"ISO 2022 IR {number}")
