"""The web application, put together."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from config.worklist import WorklistSettings
from db.session import Engine
from dicom_gateway.instance_store import InstanceStore
from domain.errors import Transient
from worklist import (
    api_docs,
    api_problems,
    images,
    list_page,
    oidc_sign_in,
    quality_page,
    service_page,
    sign_in,
    study_page,
    words,
)
from worklist.access import Forged, NotSignedIn
from worklist.catalogue import Catalogue
from worklist.changes import Changes
from worklist.claims import Claims
from worklist.desk import Desk
from worklist.headers import SafeHeaders
from worklist.list_views import ListViews
from worklist.oidc import OidcProvider
from worklist.pages import STATIC, make_environment, render
from worklist.rate_limit import RequestLimit, SignInLimit
from worklist.rendering import Renderer

_log = structlog.get_logger()
_SEE_OTHER, _UNAUTHORIZED, _FORBIDDEN, _UNPROCESSABLE, _UNAVAILABLE = 303, 401, 403, 422, 503


def make_app(engine: Engine, store: InstanceStore, settings: WorklistSettings, desk: Desk) -> FastAPI:
    """Give the application: pages and API."""
    app = FastAPI(title="cxr-triage worklist", lifespan=_running, docs_url=None, redoc_url=None, openapi_url=None)
    state = app.state
    state.engine, state.store, state.settings, state.desk = engine, store, settings, desk
    state.renderer, state.changes = Renderer(), Changes(engine)
    state.list_views = ListViews(engine)
    state.sign_in_limit = SignInLimit(settings.sign_in_attempts)
    state.templates = make_environment()
    state.oidc = OidcProvider(settings.oidc) if settings.oidc.is_on else None
    state.viewer_link = partial(words.viewer_link, settings.viewer_url)
    for part in (sign_in, oidc_sign_in, list_page, study_page, images, quality_page, service_page):
        app.include_router(part.router)
    _add_api(app)
    app.mount("/static", StaticFiles(directory=STATIC))
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, api_problems.instead_of(answer))
    app.add_middleware(SafeHeaders, has_tls=settings.has_tls)
    return app


def _add_api(app: FastAPI) -> None:
    app.state.request_limit = RequestLimit(app.state.settings.api_requests_a_minute)
    for router in (*api_docs.ROUTERS, api_docs.router):
        app.include_router(router)
    for kind in (api_problems.NotAllowed, api_problems.TooManyRequests):
        app.add_exception_handler(kind, api_problems.answer_problem)


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """Read headers, end old claims and look for changes while the application runs."""
    stop = threading.Event()
    engine, settings = app.state.engine, app.state.settings
    for run in (Catalogue(engine, app.state.store).run, Claims(engine, settings.claim_minutes).run):
        threading.Thread(target=run, args=(stop,), daemon=True).start()
    changes = asyncio.create_task(app.state.changes.run())
    try:
        yield
    finally:
        stop.set()
        await app.state.changes.end()
        changes.cancel()
        app.state.renderer.stop()


async def _sign_in_first(request: Request, error: Exception) -> Response:
    del error
    if request.headers.get("HX-Request"):
        return Response(status_code=_UNAUTHORIZED, headers={"HX-Redirect": "/sign-in"})
    wants_page = "text/html" in request.headers.get("Accept", "")
    if request.method != "GET" or not wants_page:
        return Response("Sign in first.", _UNAUTHORIZED, media_type="text/plain")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next_page={quote(here)}", _SEE_OTHER)


async def _forged(request: Request, error: Exception) -> Response:
    del error
    return render(
        request,
        "problem.html",
        status=_FORBIDDEN,
        problem="This did not come from a page of this site. Load the page again.",
    )


async def _invalid(request: Request, error: Exception) -> Response:
    # Without the error's own words: they quote what was sent.
    del error
    return render(
        request, "problem.html", status=_UNPROCESSABLE, problem="Something in this address or form is not right."
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for that alone
    return render(request, "problem.html", status=error.status_code, problem=str(error.detail))


async def _away(request: Request, error: Exception) -> Response:
    _log.error("request_failed", error=type(error).__name__)
    return render(
        request,
        "problem.html",
        status=_UNAVAILABLE,
        problem="The database or the disk is away. Nothing is lost; try again.",
    )


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    NotSignedIn: _sign_in_first,
    Forged: _forged,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    Transient: _away,
}
