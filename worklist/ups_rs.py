"""UPS-RS (PS3.18 section 11): the workitems of the UPS SCP, for worklists that poll by HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from db import workitems
from db.reading_worklist import ReadingWorklist
from db.session import Engine
from dicom_gateway import ups_rs
from dicom_gateway.ups_rs import DICOM_JSON
from domain.workitem import Verdict
from worklist.api_access import Caller, WhoCalls, note_view
from worklist.api_problems import documented

router = APIRouter(prefix="/workitems", tags=["UPS-RS"], responses=documented(400, 401, 403, 422, 429, 503))
_BAD, _NOT_FOUND, _CONFLICT, _NOTHING = 400, 404, 409, 204
#: PS3.18 11.7.3 and 11.8.3: granted, with a warning.
_WARNINGS = {Verdict.ALREADY_COMPLETED, Verdict.ALREADY_CANCELED}
_UNASKED = {Verdict.WRONG_TRANSACTION_UID, Verdict.SCHEDULED_ONLY_BY_CREATION}
#: What the column of a performer holds.
_LONGEST_PERFORMER = 16
WorkitemUid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
#: One data set in the DICOM JSON Model, alone or in a list.
DataSet = Annotated[Any, Body(media_type=DICOM_JSON)]


class DicomJson(JSONResponse):
    """An answer in the DICOM JSON Model."""

    media_type = DICOM_JSON


def _list(request: Request) -> ReadingWorklist:
    return ReadingWorklist(request.app.state.engine)


@router.get("", response_class=DicomJson, responses={204: {"description": "No workitem matches."}})
def search_workitems(
    request: Request,
    caller: WhoCalls,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Search, in reading order; every other parameter is a key, e.g. ProcedureStepState=SCHEDULED.

    Keys that identify patients are refused: addresses end up in logs.
    """
    del caller
    try:
        found = ups_rs.search(_list(request), request.query_params.multi_items(), offset, limit)
    except ups_rs.RequestInvalid as error:
        raise HTTPException(_BAD, str(error)) from error
    if not found.workitems:
        return Response(status_code=_NOTHING)
    more = {"Warning": '299 cxr-triage "There are additional results that can be requested"'}
    return DicomJson(found.workitems, headers=more if found.has_more else None)


@router.get("/{sop_instance_uid}", response_class=DicomJson, responses=documented(404))
def retrieve_workitem(request: Request, caller: WhoCalls, sop_instance_uid: WorkitemUid) -> Response:
    """Give one workitem; never its Transaction UID."""
    found = ups_rs.retrieve(_list(request), sop_instance_uid)
    if found is None:
        raise HTTPException(_NOT_FOUND, "There is no such workitem.")
    _note(request, caller, sop_instance_uid)
    return DicomJson([found])


@router.post("/{sop_instance_uid}", response_class=Response, responses=documented(404, 409))
def update_workitem(request: Request, caller: WhoCalls, sop_instance_uid: WorkitemUid, changes: DataSet) -> Response:
    """Say what was performed, by who claimed it: the Transaction UID (0008,1195) is in the body."""
    try:
        verdict, is_whole = ups_rs.update(_list(request), sop_instance_uid, changes)
    except ups_rs.RequestInvalid as error:
        raise HTTPException(_BAD, str(error)) from error
    if verdict is Verdict.GRANTED:
        _note(request, caller, sop_instance_uid)
    return _answer(verdict, "" if is_whole else "attributes that are not supported were left out")


@router.put("/{sop_instance_uid}/state", response_class=Response, responses=documented(404, 409))
def change_state(request: Request, caller: WhoCalls, sop_instance_uid: WorkitemUid, state: DataSet) -> Response:
    """Claim (IN PROGRESS), complete or cancel: Procedure Step State (0074,1000) and Transaction UID (0008,1195)."""
    try:
        verdict = ups_rs.change_state(_list(request), sop_instance_uid, state, caller.account.name[:_LONGEST_PERFORMER])
    except ups_rs.RequestInvalid as error:
        raise HTTPException(_BAD, str(error)) from error
    return _answer(verdict)


@router.post(
    "/{sop_instance_uid}/cancelrequest", status_code=202, response_class=Response, responses=documented(404, 409)
)
def request_cancellation(request: Request, caller: WhoCalls, sop_instance_uid: WorkitemUid) -> Response:
    """Cancel a workitem that nobody has claimed."""
    del caller
    return _answer(ups_rs.request_cancellation(_list(request), sop_instance_uid), granted=202)


def _note(request: Request, caller: Caller, sop_instance_uid: str) -> None:
    engine: Engine = request.app.state.engine
    study_id = workitems.study_of(engine, sop_instance_uid)
    if study_id is not None:
        note_view(request, caller, study_id, "workitem")


def _answer(verdict: Verdict, warning: str = "", granted: int = 200) -> Response:
    if verdict is Verdict.UNKNOWN:
        raise HTTPException(_NOT_FOUND, "There is no such workitem.")
    if verdict is not Verdict.GRANTED and verdict not in _WARNINGS:
        raise HTTPException(_BAD if verdict in _UNASKED else _CONFLICT, verdict.value)
    words = warning or (verdict.value if verdict in _WARNINGS else "")
    return Response(status_code=granted, headers={"Warning": f'299 cxr-triage "{words}"'} if words else None)
