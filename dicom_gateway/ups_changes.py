"""What performers change of workitems, PS3.4 CC.2: the same by DIMSE (`ups_scp`) and by UPS-RS (`ups_rs`)."""

from dataclasses import replace

from pydicom.dataset import Dataset

from dicom_gateway.ups_attributes import as_json, final_state_met, from_json, merged_update, with_cancellation_time
from domain.workitem import (
    Decision,
    Lock,
    StoredWorkitem,
    Verdict,
    Workitems,
    WorkitemState,
    judge_cancel_request,
    judge_state_change,
    judge_update,
)


def changed_state(workitems: Workitems, uid: str, information: Dataset, performer: str) -> Verdict:
    """Change the state as asked for, PS3.4 CC.2.1. Raises StoreUnavailable."""
    try:
        state = WorkitemState(str(information.get("ProcedureStepState", "")))
    except ValueError:
        return Verdict.SCHEDULED_ONLY_BY_CREATION
    transaction_uid = transaction_uid_of(information)

    def decide(workitem: StoredWorkitem) -> Decision:
        attributes = from_json(workitem.attributes)
        if state is WorkitemState.CANCELED:
            attributes = with_cancellation_time(attributes)
        is_met = final_state_met(attributes, state)
        verdict = judge_state_change(workitem.lock, state, transaction_uid, final_state_met=is_met)
        if verdict is not Verdict.GRANTED:
            return Decision(verdict)
        lock = Lock(state, transaction_uid)
        changed = replace(workitem, lock=lock, attributes=as_json(attributes), performer_ae_title=performer)
        return Decision(verdict, changed)

    return workitems.update(uid, decide)


def updated(workitems: Workitems, uid: str, changes: Dataset, transaction_uid: str) -> tuple[Verdict, bool]:
    """Set attributes, PS3.4 CC.2.6; also says whether all that was asked for was done. Raises StoreUnavailable."""
    is_whole = True

    def decide(workitem: StoredWorkitem) -> Decision:
        nonlocal is_whole
        verdict = judge_update(workitem.lock, transaction_uid)
        if verdict is not Verdict.GRANTED:
            return Decision(verdict)
        attributes, is_whole = merged_update(from_json(workitem.attributes), changes)
        return Decision(verdict, replace(workitem, attributes=as_json(attributes)))

    return workitems.update(uid, decide), is_whole


def cancel(workitem: StoredWorkitem) -> Decision:
    """Cancel a workitem that nobody has claimed, for `Workitems.update`."""
    verdict = judge_cancel_request(workitem.lock.state)
    if verdict is not Verdict.GRANTED:
        return Decision(verdict)
    attributes = with_cancellation_time(from_json(workitem.attributes))
    changed = replace(workitem, lock=Lock(WorkitemState.CANCELED, ""), attributes=as_json(attributes))
    return Decision(verdict, changed)


def transaction_uid_of(changes: Dataset) -> str:
    """Give the Transaction UID that a request carries; "" without one."""
    return str(changes.get("TransactionUID", "") or "")
