"""A received header made fit to be quoted: what reports and captures repeat of their source.

Real modalities leave out elements that must exist, and fill others with what their VR forbids (PatientSex
"Male", dates with dots). A report that repeats this is refused somewhere. So a header is never copied:
the few elements that are needed are read, checked one by one, and written anew.

What identifies is never altered: UIDs stay as they are, and names, patient ID and accession number keep
every character, even beyond the length that their VR allows. A shortened identifier is a wrong one.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from dicom_gateway.source_text import SourceText, printable
from domain.errors import InstanceInvalid

UNICODE = "ISO_IR 192"
_LONG_STRING_LENGTH = 64
_SEXES = {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O"}
#: ACR-NEMA wrote dots between the parts of a date (PS3.5 6.2, DA); some systems write hyphens.
_DATE = re.compile(r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})")
#: ACR-NEMA wrote colons between the parts of a time (PS3.5 6.2, TM). Second 60 is a leap second.
_TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d{1,6})?)?)?")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
#: PS3.3 C.12.1.1.8: between -12:00 and +14:00, and "-0000" is not a zone.
_OFFSET = re.compile(r"(?!-0000)(?:[+-](?:0\d|1[01])[0-5]\d|[+-]1200|\+1[23][0-5]\d|\+1400)")
#: PS3.5 6.2, DS.
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_NUMBER_LENGTH = 16
_ORIENTATION = re.compile(r"[APRLHF]{1,3}\\[APRLHF]{1,3}")
_YES_OR_NO = re.compile("YES|NO")


@dataclass(frozen=True, slots=True)
class MendedHeader:
    """A normalised header, and which of its elements differ from what was received."""

    header: Dataset
    #: Keywords in the order of the rules; never values, so that they may be logged.
    mended: tuple[str, ...]


def normalised_header(ds: Dataset) -> Dataset:
    """Give `mended_header(ds).header`, for who need not know what was mended."""
    return mended_header(ds).header


def mended_header(ds: Dataset) -> MendedHeader:
    """Give a new data set with what a report or a capture repeats of this instance, each value valid.

    It holds no pixels, no private element and no sequence. Elements of type 2 in the Patient, General Study
    and General Image modules exist, empty when unknown; all others exist only when known. Text is Unicode,
    and Specific Character Set is ISO_IR 192 or, when ASCII will do, absent. `ds` is not changed.

    Raises InstanceInvalid when one of the four UIDs is missing.
    """
    source = SourceText(ds)
    header = Dataset()
    mended = [] if source.character_set_known else ["SpecificCharacterSet"]
    for keyword in _UIDS:
        _put(header, keyword, _uid(source, keyword))
    for keyword, rule in (*_TYPE_2.items(), *_OPTIONAL.items()):
        received, guessed = source.read(keyword)
        value = rule(received)
        if guessed or value != received or (keyword in _TYPE_2 and not source.has(keyword)):
            mended.append(keyword)
        if value or keyword in _TYPE_2:
            _put(header, keyword, value)
    _settle_deidentification(header)
    _copy_matrix_size(source, header)
    if not is_ascii(header):
        _put(header, "SpecificCharacterSet", UNICODE)
    return MendedHeader(header, tuple(mended))


def is_ascii(ds: Dataset) -> bool:
    """Say whether every text of a data set, in sequences too, is in the default repertoire."""
    return all(str(element.value).isascii() for element in ds.iterall() if element.VR != "SQ")


def _put(header: Dataset, keyword: str, value: str | int) -> None:
    """Write an element past pydicom's validation, whose warnings quote the value: it is checked here."""
    tag = Tag(keyword)
    header.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))


def _name(text: str) -> str:
    """Drop backslashes too: they would split the name in two, and readers of one name fail on that."""
    return printable(text.replace("\\", " "))


def _uid(source: SourceText, keyword: str) -> str:
    uid, _ = source.read(keyword)
    if not uid:
        raise InstanceInvalid(f"the header lacks {keyword}")
    return uid


def _description(text: str) -> str:
    return printable(text.replace("\\", " "))[:_LONG_STRING_LENGTH].rstrip()


def _code(text: str) -> str:
    code = text.upper()
    return code if re.fullmatch(r"[A-Z0-9_ ]{1,16}", code) else ""


def _sex(text: str) -> str:
    return _SEXES.get(text.upper(), "")


def _date(text: str) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        return ""
    year, _, month, day = found.groups()
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return ""
    return f"{year}{month}{day}"


def _time(text: str) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        return ""
    hour, minute, second, fraction = found.groups(default="")
    return f"{hour}{minute}{min(second, '59')}{fraction}"


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text if pattern.fullmatch(text) else ""


def _age(text: str) -> str:
    found = _AGE.fullmatch(text)
    return f"{int(found.group(1)):03}{found.group(2)}" if found else ""


def _spacing(text: str) -> str:
    """Two positive lengths in mm, row spacing first."""
    parts = [part.strip() for part in text.split("\\")]
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):  # noqa: PLR2004 - a pair, PS3.3 10.7.1.3
        return ""
    if not all(0 < float(part) < math.inf for part in parts):
        return ""
    return "\\".join(part if len(part) <= _NUMBER_LENGTH else format_number_as_ds(float(part)) for part in parts)


def _settle_deidentification(header: Dataset) -> None:
    """Drop a claim of de-identification that does not say how (PS3.3 C.7.1.1: the method is type 1C)."""
    if header.get("PatientIdentityRemoved") == "YES" and "DeidentificationMethod" not in header:
        del header.PatientIdentityRemoved


def _copy_matrix_size(source: SourceText, header: Dataset) -> None:
    for keyword in ("Rows", "Columns"):
        number = source.read_unsigned(keyword)
        if number:
            _put(header, keyword, number)


_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
#: Each rule takes the text as received and gives a valid one, or "" when nothing valid can be made of it.
_TYPE_2: dict[str, Callable[[str], str]] = {
    "PatientName": _name,
    "PatientID": printable,
    "PatientBirthDate": _date,
    "PatientSex": _sex,
    "StudyDate": _date,
    "StudyTime": _time,
    "ReferringPhysicianName": _name,
    "StudyID": printable,
    "AccessionNumber": printable,
    "PatientOrientation": _matching(_ORIENTATION),
}
_OPTIONAL: dict[str, Callable[[str], str]] = {
    "IssuerOfPatientID": printable,
    "PatientIdentityRemoved": _matching(_YES_OR_NO),
    "DeidentificationMethod": printable,
    "PatientAge": _age,
    "StudyDescription": _description,
    "Modality": _code,
    "ImagerPixelSpacing": _spacing,
    "TimezoneOffsetFromUTC": _matching(_OFFSET),
}
