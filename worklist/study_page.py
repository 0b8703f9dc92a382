"""One study: image, result and its history, report, timeline, and what readers say."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from config.worklist import WorklistSettings
from db import feedback, instances, reading, reports, results, worklist
from db.events import EventKind
from db.session import Engine
from db.tables import Report, Result
from db.worklist import Row
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.report_rendering import content_lines
from domain.clock import utc_now
from domain.errors import InstanceInvalid
from domain.reading import Outcome, Verdict
from worklist.access import WhoAsks
from worklist.desk import Desk
from worklist.pages import render
from worklist.story import story_of

router = APIRouter(prefix="/study/{token}")
_SEE_OTHER, _NOT_FOUND, _CONFLICT = 303, 404, 409
Token = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
#: What a reader may name with one key; the first is what the network looks for.
FINDINGS = ("pneumonia", "other opacity", "effusion", "pneumothorax", "device or artefact", "normal")


def row_of(request: Request, token: str) -> Row:
    """Give the study that a URL names; 404 when there is none."""
    row = worklist.by_token(request.app.state.engine, token)
    if row is None:
        raise HTTPException(_NOT_FOUND, "There is no such study.")
    return row


@router.get("")
def study_page(request: Request, visitor: WhoAsks, token: Token) -> Response:
    """Show a study, and note that it was looked at."""
    engine: Engine = request.app.state.engine
    row = row_of(request, token)
    if "HX-Request" not in request.headers:  # a part of the page that renews itself is no second look
        worklist.view(engine, row.study.id, EventKind.STUDY_VIEWED, visitor.account.name, utc_now())
    return _page(request, visitor, row)


def _page(request: Request, visitor: WhoAsks, row: Row, problem: str = "", status: int = 200) -> Response:
    engine: Engine = request.app.state.engine
    settings: WorklistSettings = request.app.state.settings
    desk: Desk = request.app.state.desk
    max_wait = timedelta(minutes=settings.max_wait_minutes)
    history = results.of_study(engine, row.study.id)
    return render(
        request,
        "study.html",
        visitor,
        status,
        row=row,
        images=instances.newest_of_study(engine, row.study.id),
        history=list(reversed(history)),
        opinions=feedback.of_study(engine, row.study.id),
        reports=reports.of_study(engine, row.study.id, SECONDARY_CAPTURE),
        story=story_of(engine, row.study, desk.settings, utc_now()),
        viewer=request.app.state.viewer_link(row),
        following=worklist.neighbour(engine, row, max_wait),
        findings=FINDINGS,
        verdicts=list(Verdict),
        now=utc_now(),
        max_wait=max_wait,
        problem=problem,
    )


def sent_reports(engine: Engine, result: Result | None) -> list[Report]:
    """List the kept reports of a result, without the picture of its heat map."""
    kept = reports.reports_of(engine, result.id) if result is not None else []
    return [report for report in kept if report.sop_class_uid != SECONDARY_CAPTURE]


@router.get("/report/{report_id}")
def report_page(request: Request, visitor: WhoAsks, token: Token, report_id: int) -> Response:
    """Show a report as it was sent: its content tree."""
    row, report = kept_report(request, token, report_id)
    try:
        lines = content_lines(report.content)
    except InstanceInvalid as error:
        raise HTTPException(_NOT_FOUND, str(error)) from error
    engine: Engine = request.app.state.engine
    worklist.view(engine, row.study.id, EventKind.STUDY_VIEWED, visitor.account.name, utc_now(), part="report")
    return render(request, "report.html", visitor, row=row, report=report, lines=lines)


@router.get("/report/{report_id}/file")
def report_file(request: Request, visitor: WhoAsks, token: Token, report_id: int) -> Response:
    """Give a report's bytes, as the PACS got them."""
    row, report = kept_report(request, token, report_id)
    detail = {"sop_instance_uid": report.sop_instance_uid}
    engine: Engine = request.app.state.engine
    worklist.view(engine, row.study.id, EventKind.REPORT_DOWNLOADED, visitor.account.name, utc_now(), **detail)
    headers = {"Content-Disposition": f'attachment; filename="{report.sop_instance_uid}.dcm"'}
    return Response(report.content, media_type="application/dicom", headers=headers)


def kept_report(request: Request, token: str, report_id: int) -> tuple[Row, Report]:
    """Give one of the reports of a study; 404 when it has no such."""
    row = row_of(request, token)
    for report, _ in reports.of_study(request.app.state.engine, row.study.id, SECONDARY_CAPTURE):
        if report.id == report_id:
            return row, report
    raise HTTPException(_NOT_FOUND, "There is no such report.")


@router.post("/take")
def take(request: Request, visitor: WhoAsks, token: Token) -> Response:
    """Begin to read."""
    row = row_of(request, token)
    return _after(
        request, visitor, row, reading.take(request.app.state.engine, row.study.id, visitor.account, utc_now())
    )


@router.post("/read")
def read(
    request: Request, visitor: WhoAsks, token: Token, then: Annotated[str, Form(pattern="^(next|stay)?$")] = ""
) -> Response:
    """Note that it was read; on wish go on with the next study."""
    engine: Engine = request.app.state.engine
    row = row_of(request, token)
    outcome = reading.finish(engine, row.study.id, visitor.account, utc_now())
    if outcome is Outcome.DONE and then == "next":
        max_wait = timedelta(minutes=request.app.state.settings.max_wait_minutes)
        following = worklist.neighbour(engine, row, max_wait)
        return RedirectResponse(f"/study/{following}" if following else "/", _SEE_OTHER)
    return _after(request, visitor, row, outcome)


@router.post("/give-back")
def give_back(request: Request, visitor: WhoAsks, token: Token) -> Response:
    """Open it again for everybody."""
    row = row_of(request, token)
    outcome = reading.give_back(request.app.state.engine, row.study.id, visitor.account, utc_now())
    return _after(request, visitor, row, outcome)


def _after(request: Request, visitor: WhoAsks, row: Row, outcome: Outcome) -> Response:
    if outcome is Outcome.DONE:
        return RedirectResponse(f"/study/{row.entry.token}", _SEE_OTHER)
    now = row_of(request, row.entry.token)
    held = f"{now.entry.reader} is reading this study." if outcome is Outcome.HELD else "That cannot be done now."
    return _page(request, visitor, now, held, _CONFLICT)


@router.post("/feedback")
def give_feedback(
    request: Request,
    visitor: WhoAsks,
    token: Token,
    result_id: Annotated[int, Form()],
    verdict: Annotated[Verdict, Form()],
    finding: Annotated[str, Form(max_length=64)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Keep what a reader says of the result that they saw, also when a newer one has come meanwhile."""
    engine: Engine = request.app.state.engine
    row = row_of(request, token)
    if result_id not in {result.id for result in results.of_study(engine, row.study.id)}:
        raise HTTPException(_NOT_FOUND, "There is no such result of this study.")
    feedback.give(engine, result_id, visitor.account, verdict, finding, note, utc_now())
    return RedirectResponse(f"/study/{row.entry.token}#feedback", _SEE_OTHER)
