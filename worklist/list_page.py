"""The list: what is to be read next, and why."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.worklist import WorklistSettings
from db import worklist
from db.worklist import Column, Filters, Page
from domain.clock import utc_now
from domain.priority import ReadingPriority
from domain.reading import ReadingState
from worklist.access import Visitor, WhoAsks
from worklist.changes import Changes
from worklist.list_views import ListViews
from worklist.pages import render
from worklist.sealed_search import LONGEST_SEALED, seal, unseal

router = APIRouter()
_SEE_OTHER = 303
#: Of what is searched for: patient IDs and accession numbers have no more.
LONGEST_TEXT = 64
#: What each column is sorted by first: the urgent, the long waiting, the newest, the likely.
_DESCENDING_FIRST = {Column.STUDY, Column.PROBABILITY}
_SHOWN = {
    "open": (ReadingState.WAITING, ReadingState.READING),
    "waiting": (ReadingState.WAITING,),
    "reading": (ReadingState.READING,),
    "read": (ReadingState.READ,),
    "all": (),
}


class ListQuery(BaseModel):
    """The list's state, all of it in the URL; what is searched for is sealed there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own
        """Leave out what a form sends empty: it is not chosen."""
        return {key: value for key, value in given.items() if value != ""} if isinstance(given, dict) else given

    show: str = Field("open", pattern=f"^({'|'.join(_SHOWN)})$")
    priority: ReadingPriority | None = None
    not_analysed: bool = False
    find: str = Field("", max_length=LONGEST_SEALED)
    sort: Column = Column.READING_ORDER
    reverse: bool = False
    page: int = Field(1, ge=1, le=100_000)

    def url(self, path: str = "/", **changes: object) -> str:
        """Write a URL with this state, changed; what is as it is by default is left out."""
        state = self.model_copy(update=changes).model_dump(mode="json", exclude_defaults=True)
        return f"{path}?{urlencode(state)}" if state else path

    def sorted_by(self, column: Column) -> str:
        """Write the URL that sorts by a column, or, when it does already, the other way round."""
        is_same = column is self.sort
        return self.url(sort=column, reverse=not self.reverse if is_same else False, page=1)

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.reverse != (self.sort in _DESCENDING_FIRST)

    def filters(self, text: str) -> Filters:
        """Say what of the list is wanted, by the text that is searched for too."""
        return Filters(_SHOWN[self.show], self.priority, self.not_analysed, text.strip())


class SearchForm(ListQuery):
    """What the form above the list sends."""

    # PostgreSQL has no text with NUL.
    q: str = Field("", max_length=LONGEST_TEXT, pattern="^[^\\x00]*$")

    def state(self, secret: str) -> ListQuery:
        """Give the state for the URL: the first page of what is wanted."""
        wanted = self.model_dump(exclude={"q", "find", "page"})
        return ListQuery(**wanted, find=seal(secret, self.q.strip()))


State = Annotated[ListQuery, Query()]


@router.get("/")
def list_page(request: Request, visitor: WhoAsks, state: State) -> Response:
    """Show the list."""
    shown = _shown(request, visitor, state)
    return render(request, "list.html", visitor, counts=worklist.counts(request.app.state.engine), **shown)


@router.post("/search")
def search(visitor: WhoAsks, form: Annotated[SearchForm, Form()]) -> Response:
    """Lead to the list as the form wants it."""
    return RedirectResponse(form.state(visitor.form_token).url(), _SEE_OTHER)


@router.get("/rows")
def rows(request: Request, visitor: WhoAsks, state: State) -> Response:
    """Give the lines alone, for a list that renews itself."""
    return render(request, "rows.html", visitor, **_shown(request, visitor, state))


def _shown(request: Request, visitor: Visitor, state: ListQuery) -> dict[str, Any]:
    settings: WorklistSettings = request.app.state.settings
    max_wait = timedelta(minutes=settings.max_wait_minutes)
    text = unseal(visitor.form_token, state.find)
    found = _page(request, state, state.filters(text or ""), max_wait)
    views: ListViews = request.app.state.list_views
    is_renewal = "live" in request.query_params
    views.note(visitor, found.rows, is_renewal=is_renewal, page=state.page, searched=bool(text))
    pages = max(1, -(-found.total // settings.rows_a_page))
    return {
        "state": state,
        "text": text,
        "page": found,
        "pages": pages,
        "now": utc_now(),
        "max_wait": max_wait,
        "Column": Column,
        "priorities": list(ReadingPriority),
        "shown": list(_SHOWN),
    }


def _page(request: Request, state: ListQuery, filters: Filters, max_wait: timedelta) -> Page:
    size = request.app.state.settings.rows_a_page
    return worklist.page(
        request.app.state.engine,
        filters,
        state.sort,
        max_wait,
        descending=state.descending,
        offset=(state.page - 1) * size,
        limit=size,
    )


@router.get("/events")
async def events(request: Request, visitor: WhoAsks) -> StreamingResponse:
    """Tell the page when something has changed (server-sent events): that alone, never what."""
    del visitor
    changes: Changes = request.app.state.changes

    async def stream() -> AsyncIterator[str]:
        seen = changes.number
        yield "retry: 3000\n\n"
        while not changes.is_over:
            newer = await changes.after(seen)
            if newer != seen:
                yield f"event: changed\ndata: {newer}\n\n"
            else:
                yield ": still here\n\n"
            seen = newer
            # Arrivals come in bursts: one renewal a second is live enough.
            await asyncio.sleep(1)

    return StreamingResponse(stream(), media_type="text/event-stream")
