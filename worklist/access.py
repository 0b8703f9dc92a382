"""Who asks, and whether the request is theirs: sessions by cookie, forms by token, roles."""

from dataclasses import dataclass
from datetime import timedelta
from secrets import compare_digest
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from config.worklist import WorklistSettings
from db import accounts
from db.accounts import SignedIn
from db.session import Engine
from db.worklist_tables import Account
from domain.clock import utc_now
from domain.errors import Rejected
from domain.reading import Role

#: Header and field that carry the form token of the session.
FORM_TOKEN_HEADER, FORM_TOKEN_FIELD = "X-Form-Token", "form_token"
_FORBIDDEN = 403
_SAME_ORIGIN = {"same-origin", "none"}


class NotSignedIn(Rejected):
    """The request is nobody's: sign in first."""


class Forged(Rejected):
    """A change was asked for that did not come from a page of ours."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks."""

    account: Account
    form_token: str


def cookie_name(settings: WorklistSettings) -> str:
    """Name the cookie; the prefix makes browsers keep it to this host and to TLS."""
    return "__Host-cxr-session" if settings.has_tls else "cxr-session"


def set_cookie(response: Response, settings: WorklistSettings, name: str, value: str) -> None:
    """Give a cookie that ends with the browser, and that no script reads."""
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=settings.has_tls, path="/")


def address_of(request: Request) -> str:
    """Give the address that the request came from; that of the browser behind a trusted proxy."""
    return request.client.host if request.client else "unknown"


async def signed_in(request: Request) -> Visitor:
    """Give who asks; for a change, only when it comes from a page of ours. Raises NotSignedIn, Forged."""
    settings: WorklistSettings = request.app.state.settings
    token = request.cookies.get(cookie_name(settings))
    session = await _session(request, token) if token else None
    if session is None:
        raise NotSignedIn
    if request.method not in {"GET", "HEAD"}:
        require_own_origin(request)
        await _require_form_token(request, session.form_token)
    return Visitor(session.account, session.form_token)


async def _session(request: Request, token: str) -> SignedIn | None:
    settings: WorklistSettings = request.app.state.settings
    engine: Engine = request.app.state.engine
    return await run_in_threadpool(
        accounts.session_of,
        engine,
        token,
        utc_now(),
        timedelta(minutes=settings.idle_minutes),
        timedelta(minutes=settings.session_minutes),
        # A page that renews itself says so: nobody need be sitting before it.
        is_active="live" not in request.query_params,
    )


def require_own_origin(request: Request) -> None:
    """Raise Forged when a browser says that another site asks for this (Fetch Metadata, else Origin)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_ours = site in _SAME_ORIGIN if site is not None else origin is None or _host(origin) == request.url.netloc
    if not is_ours:
        raise Forged


def _host(origin: str) -> str:
    return urlsplit(origin).netloc


async def _require_form_token(request: Request, expected: str) -> None:
    given = request.headers.get(FORM_TOKEN_HEADER)
    if given is None:
        form = await request.form()
        field = form.get(FORM_TOKEN_FIELD)
        given = field if isinstance(field, str) else ""
    if not compare_digest(given.encode(), expected.encode()):
        raise Forged


WhoAsks = Annotated[Visitor, Depends(signed_in)]


async def admin(visitor: WhoAsks) -> Visitor:
    """Give who asks, if it is an admin; 403 otherwise."""
    if visitor.account.role is not Role.ADMIN:
        raise HTTPException(_FORBIDDEN, "This is for admins.")
    return visitor


AdminAsks = Annotated[Visitor, Depends(admin)]
