"""UPS Push SCU: asks a worklist manager to have a study read, PS3.4 CC.2.5; nothing is retried here."""

from collections.abc import Sequence

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from dicom_gateway.association_scu import Destination, NoContextAccepted, Proposal, associated
from dicom_gateway.status import Status, StatusFamily, classify
from dicom_gateway.ups_status import UpsStatus, ups_status_words
from dicom_gateway.ups_workitem import UPS_PUSH, WorkitemContent, build_workitem
from domain.errors import PeerBusy, PeerUnavailable, ReportRefused

_log = structlog.get_logger()
#: Action Type ID, PS3.4 Table CC.2.2-1.
REQUEST_CANCEL = 2
_PROPOSAL = Proposal(UPS_PUSH, (ExplicitVRLittleEndian, ImplicitVRLittleEndian))
_REASON = "Replaced: the study has changed since"
_LEFT_ALONE = (UpsStatus.SUCCESS, UpsStatus.ALREADY_CANCELED, UpsStatus.UNKNOWN)


def push_workitem(destination: Destination, content: WorkitemContent, obsolete: Sequence[str] = ()) -> int:
    """Create a workitem, then ask that the obsolete ones be cancelled; gives the status of the creation.

    A second time is harmless: its UID is derived, so 0111 (duplicate SOP instance) says that it is there. What
    the peer answers to a cancel request is logged and changes nothing: it may have begun, or never existed.
    Raises ReportRefused for good (0122 when the peer takes no UPS Push), PeerBusy and PeerUnavailable for now.
    """
    try:
        with associated(destination, [_PROPOSAL]) as assoc:
            status = _create(destination, assoc, content.sop_instance_uid, build_workitem(content))
            for number, uid in enumerate(obsolete, start=2):
                _request_cancel(destination, assoc, uid, number)
    except NoContextAccepted as error:
        raise ReportRefused(Status.SOP_CLASS_NOT_SUPPORTED, "UPS Push not accepted") from error
    return status


def check_takes_push(destination: Destination) -> None:
    """Associate for UPS Push, and create nothing. Raises NoContextAccepted, or PeerUnavailable as `associated` does."""
    with associated(destination, [_PROPOSAL]):
        pass


def _create(destination: Destination, assoc: Association, uid: str, attributes: Dataset) -> int:
    try:
        answer, _ = assoc.send_n_create(attributes, UPS_PUSH, uid, msg_id=1)
    except RuntimeError as error:
        raise PeerUnavailable(f"{destination.name}: association lost") from error
    status = _status(destination, answer)
    family = classify(status)
    if family is StatusFamily.TRANSIENT:
        raise PeerBusy(status, ups_status_words(status))
    if family is StatusFamily.REFUSED:
        raise ReportRefused(status, ups_status_words(status))
    _log.info("workitem_created", destination=destination.name, sop_instance_uid=uid, status=ups_status_words(status))
    return status


def _request_cancel(destination: Destination, assoc: Association, uid: str, message_id: int) -> None:
    """Ask as PS3.4 CC.2.2 says; raises PeerUnavailable when there is no answer, for the whole is tried again."""
    information = Dataset()
    information.ReasonForCancellation = _REASON
    try:
        answer, _ = assoc.send_n_action(information, REQUEST_CANCEL, UPS_PUSH, uid, msg_id=message_id)
    except RuntimeError as error:
        raise PeerUnavailable(f"{destination.name}: association lost") from error
    status = _status(destination, answer)
    log = _log.info if status in _LEFT_ALONE else _log.warning
    log(
        "workitem_cancel_requested", destination=destination.name, sop_instance_uid=uid, status=ups_status_words(status)
    )


def _status(destination: Destination, answer: Dataset) -> int:
    if "Status" not in answer:
        raise PeerUnavailable(f"{destination.name}: association lost, or no answer in time")
    return int(answer.Status)
