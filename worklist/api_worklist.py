"""The API's list: which studies are to be read, in which order."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request

from db import worklist
from db.session import Engine
from db.worklist import Column, Page, Place
from domain.clock import utc_now
from domain.reading import ReadingState
from worklist.api_access import WhoCalls, settings_of
from worklist.api_models import Counts, Me, WorklistPage, WorklistQuery, WorklistSearch
from worklist.api_problems import documented
from worklist.api_views import BASE, cursor_of, place_of_cursor, study_line
from worklist.list_page import ListQuery

router = APIRouter(prefix=BASE, tags=["worklist"], responses=documented(400, 401, 403, 422, 429, 503))
_UNPROCESSABLE = 422
_BY_NUMBER = {Column.READING_ORDER, Column.WAITING, Column.PROBABILITY}


@router.get("/me")
def me(caller: WhoCalls) -> Me:
    """Say who calls, and until when the token is good."""
    account = caller.account
    return Me(name=account.name, role=account.role, token_id=caller.token_id, expires_at=caller.expires_at)


@router.get("/worklist")
def list_studies(request: Request, caller: WhoCalls, query: Annotated[WorklistQuery, Query()]) -> WorklistPage:
    """List studies, by default the open ones in reading order."""
    del caller
    return _page(request, query, "")


@router.post("/worklist/search")
def search_studies(request: Request, caller: WhoCalls, query: WorklistSearch) -> WorklistPage:
    """List studies by a text too, which stands in the body: addresses end up in logs."""
    del caller
    return _page(request, query, query.text)


@router.get("/worklist/counts")
def count_studies(request: Request, caller: WhoCalls) -> Counts:
    """Count the studies that wait, are being read, and were read."""
    del caller
    found = worklist.counts(request.app.state.engine)
    return Counts(
        waiting=found[ReadingState.WAITING], reading=found[ReadingState.READING], read=found[ReadingState.READ]
    )


def _page(request: Request, query: WorklistQuery, text: str) -> WorklistPage:
    engine: Engine = request.app.state.engine
    max_wait = timedelta(minutes=settings_of(request).max_wait_minutes)
    state = ListQuery(
        show=query.show,
        priority=query.priority,
        not_analysed=query.not_analysed,
        find="",  # the text comes by itself
        sort=query.sort,
        reverse=query.reverse,
        page=1,
    )
    order = f"{query.sort.value} {query.reverse}"
    place = _place(query, order)
    # One more than is shown says whether there is a next page.
    found = worklist.page_after(
        engine,
        state.filters(text),
        query.sort,
        max_wait,
        place,
        descending=state.descending,
        limit=query.limit + 1,
    )
    shown = found.rows[: query.limit]
    now = utc_now()
    return WorklistPage(
        items=[study_line(row, request.app.state.viewer_link(row), now, max_wait) for row in shown],
        total=found.total,
        next=_next(found, query, order, max_wait),
    )


def _place(query: WorklistQuery, order: str) -> Place | None:
    if query.cursor is None:
        return None
    place = place_of_cursor(query.cursor, order, is_number=query.sort in _BY_NUMBER)
    if place is None:
        raise HTTPException(_UNPROCESSABLE, "The cursor is not one of a list in this order.")
    return place


def _next(found: Page, query: WorklistQuery, order: str, max_wait: timedelta) -> str | None:
    if len(found.rows) <= query.limit:
        return None
    return cursor_of(worklist.place_of(found.rows[query.limit - 1], query.sort, max_wait), order)
