"""FHIR R4, read only: DiagnosticReport and Task of a study, and what else a FHIR client asks first."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from db import worklist
from db.session import Engine
from db.worklist import Row
from dicom_gateway.codes import FindingScheme
from worklist.api_access import Caller, WhoCalls, note_view
from worklist.api_problems import documented
from worklist.api_views import report_shown
from worklist.desk import Desk
from worklist.fhir_resources import diagnostic_report, task
from worklist.study_page import Token, row_of, sent_reports

FHIR_JSON = "application/fhir+json"
_RESOURCE: dict[int | str, dict[str, Any]] = {200: {"content": {FHIR_JSON: {"schema": {"type": "object"}}}}}
router = APIRouter(prefix="/fhir", tags=["FHIR"], responses={**_RESOURCE, **documented(401, 403, 404, 422, 429, 503)})
#: Of the standard that is answered by.
_VERSION, _SINCE = "4.0.1", "2026-11-27"
_Make = Callable[[Request, Row], Any]
Identifier = Annotated[
    str,
    Query(
        pattern=r"^(urn:dicom:uid\|)?urn:oid:[0-9.]{1,64}$",
        description="Study Instance UID: urn:dicom:uid|urn:oid:1.2.3",
        examples=["urn:dicom:uid|urn:oid:1.2.3"],
    ),
]


class FhirJson(Response):
    """An answer in FHIR's JSON."""

    media_type = FHIR_JSON


@router.get("/metadata", response_class=FhirJson)
def capabilities(caller: WhoCalls) -> Response:
    """Say what is offered."""
    del caller
    search = [{"name": "identifier", "type": "token"}]
    resources = [
        {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}], "searchParam": search}
        for kind in ("DiagnosticReport", "Task")
    ]
    statement = {
        "status": "active",
        "date": _SINCE,
        "kind": "instance",
        "implementation": {"description": "cxr-triage reading worklist"},
        "fhirVersion": _VERSION,
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources}],
    }
    return _answer(CapabilityStatement.model_validate(statement))


@router.get("/DiagnosticReport/{token}", response_class=FhirJson)
def read_report(request: Request, caller: WhoCalls, token: Token) -> Response:
    """Give what the network says of a study: preliminary, and no reading by a human."""
    return _read(request, caller, token, _report_of)


@router.get("/DiagnosticReport", response_class=FhirJson)
def search_reports(request: Request, caller: WhoCalls, identifier: Identifier) -> Response:
    """Find it by the Study Instance UID."""
    return _search(request, caller, identifier, _report_of)


@router.get("/Task/{token}", response_class=FhirJson)
def read_task(request: Request, caller: WhoCalls, token: Token) -> Response:
    """Give the reading that is to be done, as it stands on the worklist."""
    return _read(request, caller, token, _task_of)


@router.get("/Task", response_class=FhirJson)
def search_tasks(request: Request, caller: WhoCalls, identifier: Identifier) -> Response:
    """Find it by the Study Instance UID."""
    return _search(request, caller, identifier, _task_of)


def _read(request: Request, caller: Caller, token: str, make: _Make) -> Response:
    row = row_of(request, token)
    note_view(request, caller, row.study.id, "FHIR")
    return _answer(make(request, row))


def _search(request: Request, caller: Caller, identifier: str, make: _Make) -> Response:
    engine: Engine = request.app.state.engine
    row = worklist.by_study_uid(engine, identifier.rpartition(":")[2])
    found = []
    if row is not None:
        note_view(request, caller, row.study.id, "FHIR")
        resource = make(request, row)
        url = f"{request.base_url}fhir/{resource.get_resource_type()}/{row.entry.token}"
        found = [{"fullUrl": url, "resource": resource, "search": {"mode": "match"}}]
    return _answer(Bundle.model_validate({"type": "searchset", "total": len(found), "entry": found or None}))


def _report_of(request: Request, row: Row) -> Any:  # noqa: ANN401 - fhir.resources has no common type
    desk: Desk = request.app.state.desk
    scheme = FindingScheme(desk.settings.model.finding_scheme)
    report = next(iter(sent_reports(request.app.state.engine, row.result)), None)
    path = report_shown(row.entry.token, report).file if report is not None else ""
    return diagnostic_report(row, report, scheme, path)


def _task_of(request: Request, row: Row) -> Any:  # noqa: ANN401 - fhir.resources has no common type
    del request
    return task(row)


def _answer(resource: Any) -> Response:  # noqa: ANN401 - fhir.resources has no common type
    return FhirJson(resource.model_dump_json())
