"""Attribute matching of queries, PS3.4 C.2.2.2: single value, list of UID, universal, wildcard, range, sequence."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

#: Not keys: they say how the others are to be read.
_NOT_KEYS = frozenset({Tag("SpecificCharacterSet"), Tag("TimezoneOffsetFromUTC")})
#: PS3.4 C.2.2.2.4: wildcards mean nothing in other VRs.
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
#: PS3.5 6.2. A DT may be cut after any component; its zone is optional.
_MOMENT = r"\d{4}(?:\d\d){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})?"
_MOMENTS = re.compile(f"({_MOMENT})?-({_MOMENT})?")
_PARTS = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.(\d{1,6}))?([+-]\d{4})?")


def matches(keys: Dataset, attributes: Dataset) -> bool:
    """Say whether a data set has the values that every key asks for. An empty key asks for nothing."""
    return all(_matches_key(key, attributes) for key in keys if key.tag not in _NOT_KEYS)


def requested(keys: Dataset, attributes: Dataset) -> Dataset:
    """Give the attributes that the keys name; empty what the data set lacks. An empty sequence key asks for all."""
    answer = Dataset()
    for key in keys:
        if key.tag in _NOT_KEYS:
            continue
        found = attributes.get(key.tag)
        if key.VR == "SQ":
            item_keys = next(iter(key.value or ()), None)
            items = list(found.value) if found is not None else []
            shown = [requested(item_keys, item) for item in items] if item_keys else items
            answer.add(DataElement(key.tag, "SQ", shown))
        else:
            answer.add(DataElement(key.tag, key.VR, None if found is None else found.value))
    return answer


def _matches_key(key: DataElement, attributes: Dataset) -> bool:
    found = attributes.get(key.tag)
    if key.VR == "SQ":
        return _matches_sequence(key, found)
    wanted = _texts(key)
    if not wanted:
        return True
    values = _texts(found) if found is not None else []
    matches_one = _matcher(key.VR)
    return any(matches_one(want, value) for want in wanted for value in values)


def _matches_sequence(key: DataElement, found: DataElement | None) -> bool:
    """PS3.4 C.2.2.2.6: one item of the data set must match the one item of the key."""
    item_keys = next(iter(key.value or ()), None)
    if not item_keys or matches(item_keys, Dataset()):
        return True
    return found is not None and any(matches(item_keys, item) for item in found.value)


def _texts(element: DataElement) -> list[str]:
    """Give the values as text, without empty ones and without padding."""
    value = element.value
    values: Iterable[object] = value if isinstance(value, list | tuple) or element.VM > 1 else (value,)
    return [text for each in values if each is not None and (text := str(each).strip(" \0"))]


def _matcher(vr: str) -> Callable[[str, str], bool]:
    if vr in {"DA", "TM", "DT"}:
        return _in_time if vr == "DT" else _in_range
    if vr == "PN":
        return _matches_name
    return _matches_wildcard if vr in _WILDCARD_VRS else str.__eq__


def _matches_wildcard(want: str, value: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in want)
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def _matches_name(want: str, value: str) -> bool:
    """Match the whole name or one of its component groups, without regard to case (PS3.4 C.2.2.2.1)."""
    want = want.casefold().rstrip("^=")
    names = [value, *value.split("=")]
    return any(_matches_wildcard(want, name.casefold().rstrip("^=")) for name in names)


def _in_range(want: str, value: str) -> bool:
    """Match a date or a time of day: as text, for both are written from the greatest part to the smallest."""
    first, is_range, last = want.partition("-")
    if not is_range:
        return value.startswith(want) or want.startswith(value)
    # A last time "12" holds all of the hour that it names.
    return first <= value and (not last or value[: len(last)] <= last)


def _in_time(want: str, value: str) -> bool:
    """Match a date and time, in its zone; without one both are taken for UTC."""
    moment = _bounds(value)
    if moment is None:
        return False
    single = _bounds(want)
    if single is not None:
        return single[0] <= moment[0] < single[1]
    parts = _MOMENTS.fullmatch(want)
    if parts is None:
        return False
    first, last = (_bounds(part) if part else None for part in parts.groups())
    return (first is None or first[0] <= moment[0]) and (last is None or moment[0] < last[1])


def _bounds(text: str) -> tuple[datetime, datetime] | None:
    """Give when a DT begins and ends: one cut after the day means all of that day. None when it is no DT."""
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    *whole, fraction, offset = found.groups()
    values = [int(part) for part in whole if part is not None]
    defaults = [1, 1, 1, 0, 0, 0]
    micro = int((fraction or "").ljust(6, "0") or 0)
    try:
        first = datetime(*(values + defaults[len(values) :]), micro, tzinfo=_zone(offset))  # type: ignore[misc,arg-type]
        return first, _after(first, len(values), fraction)
    except (ValueError, OverflowError):
        return None


def _after(first: datetime, parts: int, fraction: str | None) -> datetime:
    if fraction:
        return first + timedelta(microseconds=10 ** (6 - len(fraction)))
    if parts == 1:
        return first.replace(year=first.year + 1)
    if parts == 2:  # noqa: PLR2004 - year and month
        return (first + timedelta(days=32)).replace(day=1)
    return first + (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))[parts - 3]


def _zone(offset: str | None) -> timezone:
    if offset is None:
        return UTC
    sign = -1 if offset.startswith("-") else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:])))
