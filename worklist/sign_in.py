"""Signing in and out."""

from secrets import compare_digest, token_urlsafe
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from config.worklist import WorklistSettings
from db import accounts
from db.session import Engine
from db.worklist_tables import Account
from domain.clock import utc_now
from worklist.access import Forged, WhoAsks, address_of, cookie_name, require_own_origin, set_cookie
from worklist.pages import render
from worklist.passwords import is_right
from worklist.rate_limit import WINDOW_MINUTES, SignInLimit

router = APIRouter()
_SEE_OTHER = 303
#: Held against the form, before there is a session to hold it against.
_FORM_COOKIE = "cxr-sign-in"


@router.get("/sign-in")
def sign_in_page(request: Request, next_page: str = "/") -> Response:
    """Show the form."""
    return show_form(request, next_page)


def show_form(request: Request, next_page: str, problem: str = "", status: int = 200) -> Response:
    """Show the form, with what was wrong."""
    token = request.cookies.get(_FORM_COOKIE) or token_urlsafe()
    settings: WorklistSettings = request.app.state.settings
    page = render(
        request,
        "sign_in.html",
        status=status,
        token=token,
        next_page=next_page,
        problem=problem,
        oidc=settings.oidc.is_on,
    )
    set_cookie(page, settings, _FORM_COOKIE, token)
    return page


@router.post("/sign-in")
def sign_in(
    request: Request,
    name: Annotated[str, Form(max_length=256)],
    password: Annotated[str, Form(max_length=1024)],
    token: Annotated[str, Form(max_length=256)],
    next_page: Annotated[str, Form(max_length=1024)] = "/",
) -> Response:
    """Sign in by name and password."""
    require_own_origin(request)
    if not compare_digest(token.encode(), request.cookies.get(_FORM_COOKIE, "").encode()):
        raise Forged
    engine: Engine = request.app.state.engine
    limit: SignInLimit = request.app.state.sign_in_limit
    address = address_of(request)
    if not limit.allows(name, address):
        accounts.note_refused(engine, address, utc_now())
        return show_form(request, next_page, f"Too many attempts. Try again in {WINDOW_MINUTES} minutes.", 429)
    account = accounts.find(engine, name)
    if not is_right(account.password_hash if account else None, password) or account is None:
        accounts.note_refused(engine, address, utc_now())
        return show_form(request, next_page, "Name or password is not right.", 401)
    return begin_session(request, account, next_page)


@router.get("/link/{token}")
def sign_in_by_link(request: Request, token: str) -> Response:
    """Sign in by a one-time link."""
    account = accounts.use_link(request.app.state.engine, token, utc_now())
    if account is None:
        words = "This link was used already, or is too old: `cxr-triage users link` makes another."
        return show_form(request, "/", words, 401)
    return begin_session(request, account, "/")


def begin_session(request: Request, account: Account, next_page: str) -> Response:
    """Sign an account in, and lead to a page of ours."""
    settings: WorklistSettings = request.app.state.settings
    token = accounts.begin(request.app.state.engine, account, utc_now())
    answer = RedirectResponse(_own_path(next_page), _SEE_OTHER)
    set_cookie(answer, settings, cookie_name(settings), token)
    answer.delete_cookie(_FORM_COOKIE, httponly=True, samesite="lax", secure=settings.has_tls)
    return answer


def _own_path(text: str) -> str:
    """Give a path of ours back; of anything else, the list."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if is_ours else "/"


@router.post("/sign-out")
def sign_out(request: Request, visitor: WhoAsks) -> Response:
    """End the session."""
    del visitor
    settings: WorklistSettings = request.app.state.settings
    accounts.end(request.app.state.engine, request.cookies[cookie_name(settings)], utc_now())
    answer = RedirectResponse("/sign-in", _SEE_OTHER)
    answer.delete_cookie(cookie_name(settings), httponly=True, samesite="lax", secure=settings.has_tls)
    return answer


@router.post("/theme")
def choose_theme(request: Request, visitor: WhoAsks, theme: Annotated[str, Form(pattern="^(dark|light)$")]) -> Response:
    """Choose dark or light."""
    del visitor
    answer = RedirectResponse(_own_path(request.headers.get("X-Page", "/")), _SEE_OTHER)
    set_cookie(answer, request.app.state.settings, "cxr-theme", theme)
    return answer
