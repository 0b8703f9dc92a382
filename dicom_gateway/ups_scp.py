"""UPS SCP: answers queries, claims, progress and completion over a list of workitems, PS3.4 Annex CC.

Used by the listener for our own reading worklist, and by the simulated PACS, which also takes new workitems.
Subscriptions (UPS Watch and Event) are not offered: who wants to know asks again.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.presentation import build_context

from dicom_gateway.attribute_matching import matches, requested
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.source_items import UNREADABLE
from dicom_gateway.ups_attributes import as_json, shown, states_asked_for
from dicom_gateway.ups_changes import cancel, changed_state, transaction_uid_of, updated
from dicom_gateway.ups_push import REQUEST_CANCEL
from dicom_gateway.ups_status import STATUS_OF, UpsStatus
from dicom_gateway.ups_workitem import UPS_PULL, UPS_PUSH, UPS_QUERY
from domain.errors import StoreUnavailable
from domain.workitem import Lock, StoredWorkitem, Verdict, Workitems, WorkitemState

_log = structlog.get_logger()
#: Push for cancel requests and N-GET, Pull for performers, Query for who only looks.
UPS_SOP_CLASSES = (UPS_PUSH, UPS_PULL, UPS_QUERY)
#: Action Type ID, PS3.4 Tables CC.2.1-1 and CC.2.2-1.
CHANGE_STATE = 1
#: Subscribe, unsubscribe, suspend a global subscription, PS3.4 Table CC.2.3-1.
_SUBSCRIPTIONS = frozenset({3, 4, 5})
_NEVER_SHOWN = frozenset({Tag("TransactionUID")})
#: Of type 1 at N-CREATE in Table CC.2.5-3.
_TYPE_1 = (
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
    "ProcedureStepState",
)
_Answer = tuple[int, Dataset | None]


class UpsScp:
    """The handlers of one list of workitems. Called from many threads at once."""

    def __init__(self, workitems: Workitems, on_new: Callable[[StoredWorkitem], bool] | None = None) -> None:
        """`on_new` keeps what others create, and says whether its UID is new; None: nobody else may create any."""
        self._workitems = workitems
        self._on_new = on_new

    def service(self, calling_ae_titles: tuple[str, ...] = ()) -> OfferedService:
        """Give what the listener offers, to these calling AE titles; empty: to all."""
        syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        contexts = [build_context(uid, syntaxes) for uid in UPS_SOP_CLASSES]
        return OfferedService(contexts, self.handlers(), calling_ae_titles)

    def handlers(self) -> list[tuple[Any, Callable[..., Any]]]:
        """Give what to bind to an association."""
        return [
            (evt.EVT_C_FIND, self.find),
            (evt.EVT_N_GET, self.get),
            (evt.EVT_N_SET, self.set),
            (evt.EVT_N_ACTION, self.act),
            (evt.EVT_N_CREATE, self.create),
        ]

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer C-FIND in reading order, PS3.4 CC.2.8."""
        try:
            keys = event.identifier
            states, wanted = states_asked_for(keys), {int(tag) for tag in keys.keys()}  # noqa: SIM118 - iterating gives elements
            for workitem in self._workitems.listed(states):
                if event.is_cancelled:
                    yield UpsStatus.CANCEL, None
                    return
                attributes = shown(workitem, wanted)
                if matches(keys, attributes):
                    yield UpsStatus.PENDING, _match(keys, attributes)
        except StoreUnavailable as error:
            _log.warning("workitem_query_failed", error=str(error))
            yield UpsStatus.OUT_OF_RESOURCES, None
        except UNREADABLE:
            yield UpsStatus.IDENTIFIER_DOES_NOT_MATCH, None

    def get(self, event: evt.Event) -> _Answer:
        """Answer N-GET with the attributes that are asked for, or all; never the Transaction UID (PS3.4 CC.2.7)."""
        return _guarded(lambda: self._get(event))

    def set(self, event: evt.Event) -> _Answer:
        """Answer N-SET: progress and what was performed, by who claimed it (PS3.4 CC.2.6)."""
        return _guarded(lambda: self._set(event))

    def act(self, event: evt.Event) -> _Answer:
        """Answer N-ACTION: change the state, or request its cancellation (PS3.4 CC.2.1 and CC.2.2)."""
        return _guarded(lambda: self._act(event))

    def create(self, event: evt.Event) -> _Answer:
        """Answer N-CREATE, PS3.4 CC.2.5."""
        on_new = self._on_new
        if on_new is None:
            return UpsStatus.NOT_AUTHORISED, None
        return _guarded(lambda: _created(event, on_new))

    def _get(self, event: evt.Event) -> _Answer:
        workitem = self._workitems.get(str(event.request.RequestedSOPInstanceUID))
        if workitem is None:
            return UpsStatus.UNKNOWN, None
        attributes = shown(workitem)
        wanted: Sequence[Any] = event.attribute_identifiers
        answer = Dataset()
        for element in attributes:
            if element.tag not in _NEVER_SHOWN and (not wanted or element.tag in wanted):
                answer.add(element)
        return UpsStatus.SUCCESS, _with_character_set(answer, attributes)

    def _set(self, event: evt.Event) -> _Answer:
        changes = event.modification_list
        uid = str(event.request.RequestedSOPInstanceUID)
        verdict, is_whole = updated(self._workitems, uid, changes, transaction_uid_of(changes))
        _log.info("workitem_set", sop_instance_uid=uid, verdict=verdict.value)
        ignored = verdict is Verdict.GRANTED and not is_whole
        return (UpsStatus.ATTRIBUTES_NOT_SUPPORTED if ignored else STATUS_OF[verdict]), None

    def _act(self, event: evt.Event) -> _Answer:
        uid = str(event.request.RequestedSOPInstanceUID)
        if event.action_type == CHANGE_STATE:
            performer = str(event.assoc.requestor.ae_title)
            verdict = changed_state(self._workitems, uid, event.action_information, performer)
        elif event.action_type == REQUEST_CANCEL:
            verdict = self._workitems.update(uid, cancel)
        else:
            is_subscription = event.action_type in _SUBSCRIPTIONS
            return (UpsStatus.NO_EVENT_REPORTS if is_subscription else UpsStatus.NO_SUCH_ACTION), None
        _log.info("workitem_action", sop_instance_uid=uid, action=event.action_type, verdict=verdict.value)
        return STATUS_OF[verdict], None


def _created(event: evt.Event, on_new: Callable[[StoredWorkitem], bool]) -> _Answer:
    attributes = event.attribute_list
    uid = str(event.request.AffectedSOPInstanceUID or "")
    if not uid or any(not attributes.get(keyword) for keyword in _TYPE_1):
        return UpsStatus.MISSING_ATTRIBUTE, None
    if attributes.ProcedureStepState != WorkitemState.SCHEDULED:
        return UpsStatus.NOT_SCHEDULED, None
    is_new = on_new(StoredWorkitem(uid, Lock(WorkitemState.SCHEDULED, ""), as_json(attributes)))
    return (UpsStatus.SUCCESS if is_new else UpsStatus.DUPLICATE_SOP_INSTANCE), None


def _guarded(answer: Callable[[], _Answer]) -> _Answer:
    """Answer what the peer sent wrongly, and a store that is away, with a status instead of an abort."""
    try:
        return answer()
    except StoreUnavailable as error:
        _log.warning("workitem_request_failed", error=str(error))
        return UpsStatus.PROCESSING_FAILURE, None
    except UNREADABLE:
        return UpsStatus.PROCESSING_FAILURE, None


def _match(keys: Dataset, attributes: Dataset) -> Dataset:
    """Give one match: what was asked for, and always by which UID it is claimed."""
    answer = requested(keys, attributes)
    answer.pop("TransactionUID", None)
    answer.SOPClassUID, answer.SOPInstanceUID = attributes.SOPClassUID, attributes.SOPInstanceUID
    return _with_character_set(answer, attributes)


def _with_character_set(answer: Dataset, attributes: Dataset) -> Dataset:
    if "SpecificCharacterSet" in attributes:
        answer.SpecificCharacterSet = attributes.SpecificCharacterSet
    return answer
