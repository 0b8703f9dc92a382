"""The API's study: what is shown and done on a study's page. Every look and every change is on record."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response

from db import feedback, instances, reading, results, worklist
from db.events import EventKind
from db.session import Engine
from db.worklist import Row
from dicom_gateway.report_rendering import content_lines
from domain.clock import utc_now
from domain.errors import InstanceInvalid
from domain.reading import Outcome
from worklist import images
from worklist.access import Visitor
from worklist.api_access import Caller, WhoCalls, note_view, settings_of
from worklist.api_models import (
    GREATEST_ID,
    ContentItem,
    FeedbackGiven,
    FeedbackShown,
    ResultShown,
    Story,
    StudyLine,
    StudyShown,
)
from worklist.api_problems import documented
from worklist.api_views import BASE, content_tree, image_shown, report_shown, result_shown, study_line
from worklist.desk import Desk
from worklist.story import story_of
from worklist.study_page import Token, kept_report, row_of, sent_reports

router = APIRouter(
    prefix=f"{BASE}/studies/{{token}}", tags=["study"], responses=documented(400, 401, 403, 404, 422, 429, 503)
)
_NOT_FOUND, _CONFLICT, _CREATED = 404, 409, 201
PathId = Annotated[int, Path(ge=1, le=GREATEST_ID)]


def _binary(media_type: str) -> dict[int | str, dict[str, object]]:
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The bytes.", "content": {media_type: {"schema": schema}}}}


def _seen(request: Request, caller: Caller, token: str, part: str) -> Row:
    row = row_of(request, token)
    note_view(request, caller, row.study.id, part)
    return row


@router.get("")
def show_study(request: Request, caller: WhoCalls, token: Token) -> StudyShown:
    """Show a study: its line, images, reports, and which is to be read next."""
    row = _seen(request, caller, token, "study")
    engine: Engine = request.app.state.engine
    line = _line(request, row)
    kept = sent_reports(engine, row.result)
    return StudyShown(
        **line.model_dump(),
        images=[image_shown(token, one, row.result) for one in instances.newest_of_study(engine, row.study.id)],
        reports=[report_shown(token, one) for one in kept],
        following=worklist.neighbour(engine, row, timedelta(minutes=settings_of(request).max_wait_minutes)),
    )


def _line(request: Request, row: Row) -> StudyLine:
    max_wait = timedelta(minutes=settings_of(request).max_wait_minutes)
    return study_line(row, request.app.state.viewer_link(row), utc_now(), max_wait)


@router.get("/results")
def list_results(request: Request, caller: WhoCalls, token: Token) -> list[ResultShown]:
    """List every result, oldest first: each revision and each version of the network."""
    row = _seen(request, caller, token, "results")
    return [result_shown(one) for one in results.of_study(request.app.state.engine, row.study.id)]


@router.get("/timeline")
def show_timeline(request: Request, caller: WhoCalls, token: Token) -> Story:
    """Tell the study's story, as `cxr-triage why` does."""
    row = _seen(request, caller, token, "timeline")
    desk: Desk = request.app.state.desk
    return Story(**story_of(request.app.state.engine, row.study, desk.settings, utc_now()))


@router.get("/reports/{report_id}")
def show_report(request: Request, caller: WhoCalls, token: Token, report_id: PathId) -> ContentItem:
    """Give a report as it was sent: its content tree."""
    row, report = kept_report(request, token, report_id)
    note_view(request, caller, row.study.id, "report")
    try:
        return content_tree(content_lines(report.content))
    except InstanceInvalid as error:
        raise HTTPException(_NOT_FOUND, str(error)) from error


@router.get("/reports/{report_id}/file", response_class=Response, responses=_binary("application/dicom"))
def download_report(request: Request, caller: WhoCalls, token: Token, report_id: PathId) -> Response:
    """Give a report's bytes, as the PACS got them."""
    row, report = kept_report(request, token, report_id)
    detail = {"sop_instance_uid": report.sop_instance_uid, **caller.trace}
    engine: Engine = request.app.state.engine
    worklist.view(engine, row.study.id, EventKind.REPORT_DOWNLOADED, caller.account.name, utc_now(), **detail)
    headers = {"Content-Disposition": f'attachment; filename="{report.sop_instance_uid}.dcm"'}
    return Response(report.content, media_type="application/dicom", headers=headers)


@router.get("/images/{instance_id}", response_class=Response, responses=_binary("image/png"))
def show_image(request: Request, caller: WhoCalls, token: Token, instance_id: PathId) -> Response:
    """Give one image as the page shows it: grey levels of 16 bits in red (high byte) and green (low byte)."""
    _seen(request, caller, token, "image")
    return images.image(request, _visitor(caller), token, instance_id)


@router.get("/heat/{result_id}", response_class=Response, responses=_binary("image/png"))
def show_heat(request: Request, caller: WhoCalls, token: Token, result_id: PathId) -> Response:
    """Give the heat map of the newest result, when it suspects something."""
    _seen(request, caller, token, "heat map")
    return images.heat(request, _visitor(caller), token, result_id)


def _visitor(caller: Caller) -> Visitor:
    return Visitor(caller.account, "")


@router.get("/feedback")
def list_feedback(request: Request, caller: WhoCalls, token: Token) -> list[FeedbackShown]:
    """List what readers said of any result, oldest first."""
    return _opinions(request, _seen(request, caller, token, "feedback"))


@router.post("/feedback", status_code=_CREATED)
def give_feedback(request: Request, caller: WhoCalls, token: Token, given: FeedbackGiven) -> list[FeedbackShown]:
    """Say whether a result was right; what was said before stays."""
    engine: Engine = request.app.state.engine
    row = row_of(request, token)
    if given.result_id not in {result.id for result in results.of_study(engine, row.study.id)}:
        raise HTTPException(_NOT_FOUND, "There is no such result of this study.")
    feedback.give(engine, given.result_id, caller.account, given.verdict, given.finding, given.note, utc_now())
    return _opinions(request, row)


def _opinions(request: Request, row: Row) -> list[FeedbackShown]:
    return [
        FeedbackShown(
            result_id=one.result_id, verdict=one.verdict, finding=one.finding, note=one.note, by=one.by, at=one.at
        )
        for one in feedback.of_study(request.app.state.engine, row.study.id)
    ]


@router.post("/claim", responses=documented(409))
def claim(request: Request, caller: WhoCalls, token: Token) -> StudyLine:
    """Begin to read: nobody else can meanwhile."""
    row = row_of(request, token)
    return _after(request, row, reading.take(request.app.state.engine, row.study.id, caller.account, utc_now()))


@router.post("/finish", responses=documented(409))
def finish(request: Request, caller: WhoCalls, token: Token) -> StudyLine:
    """Note that it was read; a study that nobody holds is claimed on the way."""
    row = row_of(request, token)
    return _after(request, row, reading.finish(request.app.state.engine, row.study.id, caller.account, utc_now()))


@router.post("/release", responses=documented(409))
def release(request: Request, caller: WhoCalls, token: Token) -> StudyLine:
    """Open it again for everybody; an admin also what somebody else holds."""
    row = row_of(request, token)
    return _after(request, row, reading.give_back(request.app.state.engine, row.study.id, caller.account, utc_now()))


def _after(request: Request, row: Row, outcome: Outcome) -> StudyLine:
    now = row_of(request, row.entry.token)
    if outcome is Outcome.DONE:
        return _line(request, now)
    held = f"{now.entry.reader} is reading this study." if outcome is Outcome.HELD else "That cannot be done now."
    raise HTTPException(_CONFLICT, held)
