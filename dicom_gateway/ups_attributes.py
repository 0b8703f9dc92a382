"""What is kept of a workitem's attributes, and what of them is shown, changed and required (PS3.4 Table CC.2.5-3)."""

import json
from collections.abc import Collection
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_gateway.source_header import UNICODE, is_ascii
from dicom_gateway.ups_workitem import UPS_PUSH, WorkitemContent, build_workitem, date_time
from domain.clock import utc_now
from domain.workitem import StoredWorkitem, WorkitemState

_PROGRESS = "ProcedureStepProgressInformationSequence"
_PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
#: What a performer may set here; the rest says what was scheduled, and stays.
_SETTABLE = (_PROGRESS, _PERFORMED)
#: Come with every N-SET and change nothing.
_CARRIED = ("TransactionUID", "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID")
#: Final State "P" of Table CC.2.5-3: valued when COMPLETED.
_COMPLETED_NEEDS = (
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedWorkitemCodeSequence",
    "PerformedProcedureStepEndDateTime",
)
#: Final State "X": valued when CANCELED; the time is filled in here.
_CANCELED_NEEDS = ("ProcedureStepCancellationDateTime", "ProcedureStepDiscontinuationReasonCodeSequence")


def as_json(attributes: Dataset) -> str:
    """Give attributes as they are kept: Unicode, without state, identity and Transaction UID."""
    # Text is decoded here, so the character set must not be dropped before.
    kept = attributes.to_json_dict()
    for keyword in ("ProcedureStepState", *_CARRIED):
        kept.pop(f"{int(Tag(keyword)):08X}", None)
    return json.dumps(kept, ensure_ascii=False)


def attributes_of(content: WorkitemContent) -> str:
    """Give the attributes of a new workitem, as they are kept."""
    return as_json(build_workitem(content))


def from_json(text: str) -> Dataset:
    """Give kept attributes back."""
    attributes: Dataset = Dataset.from_json(json.loads(text))
    return attributes


def shown(workitem: StoredWorkitem, only: Collection[int] | None = None) -> Dataset:
    """Give a workitem as a data set, with its state and identity; without its Transaction UID.

    `only`: the tags that are needed, for making elements is what a long list costs.
    """
    kept: dict[str, Any] = json.loads(workitem.attributes)
    if only is not None:
        kept = {tag: element for tag, element in kept.items() if int(tag, 16) in only}
    attributes: Dataset = Dataset.from_json(kept)
    attributes.SOPClassUID = UPS_PUSH
    attributes.SOPInstanceUID = workitem.sop_instance_uid
    attributes.ProcedureStepState = workitem.lock.state.value
    if not is_ascii(attributes):
        attributes.SpecificCharacterSet = UNICODE
    return attributes


def merged_update(attributes: Dataset, changes: Dataset) -> tuple[Dataset, bool]:
    """Give the attributes with what an N-SET changes, and whether all that it asked for was done."""
    is_whole = True
    for element in changes:
        if element.keyword in _SETTABLE:
            attributes[element.keyword] = element
        elif element.keyword not in _CARRIED:
            is_whole = False
    attributes.ScheduledProcedureStepModificationDateTime = date_time(utc_now())
    return attributes, is_whole


def with_cancellation_time(attributes: Dataset) -> Dataset:
    """Fill in when it was cancelled, unless that is said (PS3.4 CC.2.1.3)."""
    items = list(attributes.get(_PROGRESS) or ())
    if not items:
        items = [Dataset()]
        attributes.ProcedureStepProgressInformationSequence = items
    if not items[0].get("ProcedureStepCancellationDateTime"):
        items[0].ProcedureStepCancellationDateTime = date_time(utc_now())
    return attributes


def final_state_met(attributes: Dataset, state: WorkitemState) -> bool:
    """Say whether the attributes are there that a final state needs."""
    if state is WorkitemState.COMPLETED:
        return _valued(attributes, _PERFORMED, _COMPLETED_NEEDS)
    return state is not WorkitemState.CANCELED or _valued(attributes, _PROGRESS, _CANCELED_NEEDS)


def _valued(attributes: Dataset, sequence: str, keywords: tuple[str, ...]) -> bool:
    items = attributes.get(sequence) or ()
    return any(all(item.get(keyword) for keyword in keywords) for item in items)


def states_asked_for(keys: Dataset) -> list[WorkitemState] | None:
    """Give the states that a query asks for, so that the others are not even read; None for any."""
    value = keys.get("ProcedureStepState")
    texts = [value] if isinstance(value, str) else list(value or ())
    wanted = [state for state in WorkitemState if state.value in texts]
    return wanted if wanted and len(wanted) == len(texts) else None
