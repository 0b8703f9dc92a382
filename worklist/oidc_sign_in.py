"""Signing in by an OpenID provider: there, and back."""

from secrets import compare_digest
from urllib.parse import quote, unquote

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from config.worklist import WorklistSettings
from db import accounts
from db.session import Engine
from domain.clock import utc_now
from domain.errors import PeerUnavailable, Rejected
from worklist.access import address_of, set_cookie
from worklist.oidc import Attempt, NotVouchedFor, OidcProvider
from worklist.sign_in import begin_session, show_form

_log = structlog.get_logger()
router = APIRouter()
_SEE_OTHER, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 303, 403, 404, 503
#: Holds state, nonce, PKCE verifier and the page to come back to, for one attempt.
_COOKIE = "cxr-oidc"


@router.get("/oidc/start")
def start(request: Request, next_page: str = "/") -> Response:
    """Lead to the provider."""
    try:
        url, attempt = _provider(request).begin()
    except PeerUnavailable as error:
        return _away(request, error)
    answer = RedirectResponse(url, _SEE_OTHER)
    kept = ".".join((attempt.state, attempt.nonce, attempt.verifier, quote(next_page, safe="")))
    set_cookie(answer, request.app.state.settings, _COOKIE, kept)
    return answer


@router.get("/oidc/callback")
def come_back(request: Request, state: str = "", code: str = "") -> Response:
    """Sign in whom the provider vouches for, with the answer to an attempt of this very browser."""
    provider = _provider(request)
    settings: WorklistSettings = request.app.state.settings
    engine: Engine = request.app.state.engine
    try:
        attempt, next_page = _attempt(request, state)
        if not code:
            raise NotVouchedFor("The provider has not let you in.")
        who = provider.finish(code, attempt)
        account = accounts.of_subject(engine, settings.oidc.issuer, who.subject, who.name, who.role, utc_now())
    except Rejected as refused:
        _log.warning("oidc_sign_in_refused", reason=str(refused))
        accounts.note_refused(engine, address_of(request), utc_now())
        answer = show_form(request, "/", f"Not signed in. {refused}", _FORBIDDEN)
    except PeerUnavailable as error:
        answer = _away(request, error)
    else:
        answer = begin_session(request, account, next_page)
    answer.delete_cookie(_COOKIE, httponly=True, samesite="lax", secure=settings.has_tls)
    return answer


def _away(request: Request, error: PeerUnavailable) -> Response:
    _log.error("oidc_provider_away", reason=str(error))
    return show_form(request, "/", "The provider cannot be reached. Try again, or sign in by password.", _UNAVAILABLE)


def _provider(request: Request) -> OidcProvider:
    provider: OidcProvider | None = request.app.state.oidc
    if provider is None:
        raise HTTPException(_NOT_FOUND, "Signing in by OpenID Connect is not set up here.")
    return provider


def _attempt(request: Request, state: str) -> tuple[Attempt, str]:
    """Give what the browser kept; raises NotVouchedFor when this is no answer to it."""
    parts = request.cookies.get(_COOKIE, "").split(".", 3)
    fields = 4
    if len(parts) != fields or not compare_digest(parts[0].encode(), state.encode()):
        raise NotVouchedFor("This is no answer to an attempt of this browser, or an old one. Try again.")
    return Attempt(*parts[:3]), unquote(parts[3])
