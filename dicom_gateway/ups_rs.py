"""UPS-RS: workitems in the DICOM JSON Model, PS3.18 section 11, over the same rules as the UPS SCP.

Search, retrieve, update, change of state and request for cancellation. Workitems are made by this service alone, and
nobody can subscribe: who wants to know asks again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from dicom_gateway.attribute_matching import matches
from dicom_gateway.source_items import UNREADABLE
from dicom_gateway.ups_attributes import shown, states_asked_for
from dicom_gateway.ups_changes import cancel, changed_state, transaction_uid_of, updated
from domain.errors import Rejected
from domain.workitem import Verdict, Workitems

DICOM_JSON = "application/dicom+json"
Json = dict[str, Any]
#: Parameters that are no keys (PS3.18 8.3.4). What is included always is everything, and names match without regard to
#: case anyhow.
_NOT_KEYS = frozenset({"includefield", "fuzzymatching", "limit", "offset"})
_PATIENT_GROUP = 0x0010
_PATIENT_TAGS = frozenset({Tag("AccessionNumber"), Tag("AdmissionID")})
_TAG_DIGITS = 8
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "SQ", "AT"})
_DEEPEST = 4


class RequestInvalid(Rejected):
    """A query or a body is not one of UPS-RS."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    workitems: list[Json]
    #: There are more beyond the limit.
    has_more: bool


def search(workitems: Workitems, parameters: Iterable[tuple[str, str]], offset: int, limit: int) -> Found:
    """Give the workitems that match, in reading order, PS3.18 11.9. Raises RequestInvalid, StoreUnavailable."""
    keys = _keys(parameters)
    wanted = {int(tag) for tag in keys.keys()}  # noqa: SIM118 - iterating gives elements
    try:
        found = (one for one in workitems.listed(states_asked_for(keys)) if matches(keys, shown(one, wanted)))
        page = list(islice(found, offset, offset + limit + 1))
    except UNREADABLE as error:
        raise RequestInvalid("a key has a value that is none of its VR") from error
    return Found([shown(one).to_json_dict() for one in page[:limit]], len(page) > limit)


def retrieve(workitems: Workitems, uid: str) -> Json | None:
    """Give one workitem, PS3.18 11.5; never its Transaction UID."""
    found = workitems.get(uid)
    if found is None:
        return None
    attributes = shown(found)
    attributes.pop("TransactionUID", None)
    answer: Json = attributes.to_json_dict()
    return answer


def change_state(workitems: Workitems, uid: str, body: object, performer: str) -> Verdict:
    """Claim, complete or cancel, PS3.18 11.7. Raises RequestInvalid, StoreUnavailable."""
    return changed_state(workitems, uid, _data_set(body), performer)


def update(workitems: Workitems, uid: str, body: object) -> tuple[Verdict, bool]:
    """Say what was performed, PS3.18 11.6; also says whether all was taken. Raises RequestInvalid, StoreUnavailable."""
    changes = _data_set(body)
    return updated(workitems, uid, changes, transaction_uid_of(changes))


def request_cancellation(workitems: Workitems, uid: str) -> Verdict:
    """Cancel what nobody has claimed, PS3.18 11.8. Raises StoreUnavailable."""
    return workitems.update(uid, cancel)


def _data_set(body: object) -> Dataset:
    """Read a body: one data set, alone or in a list."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise RequestInvalid("the body is not one data set in the DICOM JSON Model")
    try:
        found: Dataset = Dataset.from_json(body)
        for _ in found.iterall():  # reads what is read on first use only
            pass
        found.to_json_dict()  # what cannot be written could not be kept either
    except (*UNREADABLE, RecursionError) as error:
        raise RequestInvalid("the body is not in the DICOM JSON Model (PS3.18 Annex F)") from error
    return found


def _keys(parameters: Iterable[tuple[str, str]]) -> Dataset:
    keys = Dataset()
    for name, value in parameters:
        if name in _NOT_KEYS:
            continue
        path = [_tag(part) for part in name.split(".")]
        if len(path) > _DEEPEST or any(tag.group == _PATIENT_GROUP or tag in _PATIENT_TAGS for tag in path):
            raise RequestInvalid(
                "patient data does not belong in an address: search by state, priority, label, dates or UIDs"
            )
        _put(keys, path, value)
    return keys


def _put(keys: Dataset, path: list[BaseTag], value: str) -> None:
    for tag in path[:-1]:
        if _vr(tag) != "SQ":
            raise RequestInvalid("a path leads through what is no sequence")
        if tag not in keys:
            keys.add(DataElement(tag, "SQ", [Dataset()]))
        keys = keys[tag].value[0]
    vr = _vr(path[-1])
    if vr in _BINARY:
        raise RequestInvalid("what is no text cannot be searched for")
    try:
        # A list of UIDs, or of states, is separated by commas (PS3.18 8.3.4.1).
        content = value.replace(",", "\\") if vr in {"UI", "CS"} else value
        keys.add(DataElement(path[-1], vr, content, validation_mode=config.IGNORE))
    except UNREADABLE as error:
        raise RequestInvalid("a key has a value that is none of its VR") from error


def _tag(text: str) -> BaseTag:
    is_number = len(text) == _TAG_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in text)
    number = int(text, 16) if is_number else tag_for_keyword(text)
    if number is None:
        raise RequestInvalid("a parameter is neither a keyword nor a tag of DICOM")
    return Tag(number)


def _vr(tag: BaseTag) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError as error:
        raise RequestInvalid("a parameter is a tag that DICOM does not know") from error
