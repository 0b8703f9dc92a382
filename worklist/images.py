"""The pictures of a study."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import Response

from db import heat_maps, instances, worklist
from db.session import Engine
from db.tables import HeatMap, Instance, Result
from db.worklist import Row
from dicom_gateway.instance_store import InstanceStore
from domain.errors import InstanceInvalid, NotAnalysable, ProcessDied
from domain.finding import Assessment
from model.gate_statistics import UPRIGHT, Turn
from model.heatmap_levels import HeatMapLevels
from worklist.access import WhoAsks
from worklist.rendering import Renderer, heat_png
from worklist.study_page import Token, row_of

router = APIRouter(prefix="/study/{token}")
_NOT_FOUND = 404
#: A picture of one instance, or of one result's heat, never changes: its reader's browser may keep it for the shift.
_KEEP = {"Cache-Control": "private, max-age=3600"}


@router.get("/image/{instance_id}")
def image(request: Request, visitor: WhoAsks, token: Token, instance_id: Annotated[int, Path(ge=1)]) -> Response:
    """Give one image with 16 bits (`worklist.rendering.grey_png`), turned as it was read."""
    del visitor
    row = row_of(request, token)
    engine: Engine = request.app.state.engine
    found = next((one for one in instances.newest_of_study(engine, row.study.id) if one.id == instance_id), None)
    if found is None:
        raise HTTPException(_NOT_FOUND, "There is no such image.")
    renderer: Renderer = request.app.state.renderer
    store: InstanceStore = request.app.state.store
    try:
        content = renderer.grey(store.path_of(found.relative_path), turn_of(engine, row.result, found.id))
    except (NotAnalysable, ProcessDied, InstanceInvalid) as error:
        raise HTTPException(_NOT_FOUND, f"The image cannot be shown: {error}") from error
    return Response(content, media_type="image/png", headers=_KEEP)


@router.get("/heat/{result_id}")
def heat(request: Request, visitor: WhoAsks, token: Token, result_id: Annotated[int, Path(ge=1)]) -> Response:
    """Give the heat map of the newest result, when it suspects something."""
    del visitor
    row = row_of(request, token)
    found = suspicion(request.app.state.engine, row.result)
    if found is None or row.result is None or row.result.id != result_id:
        raise HTTPException(_NOT_FOUND, "There is no such heat map.")
    return Response(heat_png(HeatMapLevels(found.levels, found.hottest)), media_type="image/png", headers=_KEEP)


@router.get("/thumbnail/{result_id}")
def thumbnail(request: Request, visitor: WhoAsks, token: Token, result_id: int) -> Response:
    """Give the small picture for the list; made once for each result, 0 before there is any."""
    del visitor, result_id  # in the URL so that a browser asks anew when there is a new result
    row = row_of(request, token)
    engine: Engine = request.app.state.engine
    wanted = row.result.id if row.result is not None else 0
    kept = worklist.thumbnail(engine, row.study.id)
    if kept is None or kept.result_id != wanted:
        content = _make_thumbnail(request, row)
        worklist.keep_thumbnail(engine, row.study.id, wanted, content)
    else:
        content = kept.content
    if not content:
        raise HTTPException(_NOT_FOUND, "No image of this study can be shown.")
    return Response(content, media_type="image/jpeg", headers=_KEEP)


def _make_thumbnail(request: Request, row: Row) -> bytes:
    engine: Engine = request.app.state.engine
    renderer: Renderer = request.app.state.renderer
    store: InstanceStore = request.app.state.store
    found = suspicion(engine, row.result)
    levels = HeatMapLevels(found.levels, found.hottest) if found is not None else None
    for one in _best_first(instances.newest_of_study(engine, row.study.id), row.result):
        is_analysed = row.result is not None and row.result.analysed_instance_id == one.id
        try:
            turn = turn_of(engine, row.result, one.id)
            return renderer.thumbnail(store.path_of(one.relative_path), turn, levels if is_analysed else None)
        except (NotAnalysable, ProcessDied, InstanceInvalid):  # the next one may be shown
            continue
    return b""


def _best_first(found: list[Instance], result: Result | None) -> list[Instance]:
    analysed = result.analysed_instance_id if result is not None else None
    return sorted(found, key=lambda one: one.id != analysed)


def suspicion(engine: Engine, result: Result | None) -> HeatMap | None:
    """Give the heat map of a suspicion; elsewhere the hottest place is hardly warm, and would mislead."""
    if result is None or result.assessment is not Assessment.SUSPECTED:
        return None
    return heat_maps.of_result(engine, result.id)


def turn_of(engine: Engine, result: Result | None, instance_id: int) -> Turn:
    """Say how the gate put an image right before it was read."""
    if result is None or result.analysed_instance_id != instance_id:
        return UPRIGHT
    found = heat_maps.of_result(engine, result.id)
    return Turn(found.quarter_turns, found.inverted) if found is not None else UPRIGHT
