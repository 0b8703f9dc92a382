"""Who calls the API: a program by its token, or a page by the session of who sits before it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from config.worklist import WorklistSettings
from db import accounts, api_tokens, worklist
from db.events import EventKind
from db.session import Engine
from db.worklist_tables import Account
from domain.clock import utc_now
from domain.reading import Role
from worklist.access import NotSignedIn, address_of, signed_in
from worklist.api_problems import NotAllowed, TooManyRequests
from worklist.rate_limit import RequestLimit, SignInLimit

_BEARER = HTTPBearer(auto_error=False, description="Made by `cxr-triage users token make`.")
_COOKIE = APIKeyCookie(
    name="cxr-session", auto_error=False, description="The session of the page; changes need X-Form-Token."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, with what they may do."""

    #: Its role is what may be done now: the token's, where there is one.
    account: Account
    #: None for a session.
    token_id: int | None = None
    expires_at: datetime | None = None

    @property
    def trace(self) -> dict[str, object]:
        """Give what an audit event says beside the account's name."""
        return {"via": "api", **({} if self.token_id is None else {"token": self.token_id})}


async def calling(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    cookie: Annotated[str | None, Depends(_COOKIE)],
) -> Caller:
    """Give who calls. Raises NotSignedIn, TooManyRequests and, for a change by session that is not theirs, Forged."""
    del cookie  # named for the OpenAPI document; the session is looked up as for a page
    # A token is sent by who means to, so that it needs no form token: no other site can make a browser send it.
    caller = Caller((await signed_in(request)).account) if bearer is None else await _by_token(request, bearer)
    limit: RequestLimit = request.app.state.request_limit
    if not limit.allows(caller.account.name):
        raise TooManyRequests
    return caller


async def _by_token(request: Request, bearer: HTTPAuthorizationCredentials) -> Caller:
    limit: SignInLimit = request.app.state.sign_in_limit
    address = address_of(request)
    if limit.is_shut(address):
        raise TooManyRequests
    found = await run_in_threadpool(_bearer_of, request.app.state.engine, bearer.credentials, address)
    if found is None:
        limit.note_refused(address)
        raise NotSignedIn
    # Not the row itself: its role is that of the account, and may be more.
    account = Account(id=found.account.id, name=found.account.name, role=found.role)
    return Caller(account, found.token_id, found.expires_at)


def _bearer_of(engine: Engine, token: str, address: str) -> api_tokens.Bearer | None:
    found = api_tokens.bearer_of(engine, token, utc_now())
    if found is None:
        accounts.note_refused(engine, address, utc_now())
    return found


WhoCalls = Annotated[Caller, Depends(calling)]


def administrating(caller: WhoCalls) -> Caller:
    """Give who calls, when they are an admin. Raises NotAllowed."""
    if caller.account.role is not Role.ADMIN:
        raise NotAllowed
    return caller


AdminCalls = Annotated[Caller, Depends(administrating)]


def note_view(request: Request, caller: Caller, study_id: int, part: str) -> None:
    """Put on record that a part of a study was looked at."""
    engine: Engine = request.app.state.engine
    worklist.view(engine, study_id, EventKind.STUDY_VIEWED, caller.account.name, utc_now(), part=part, **caller.trace)


def settings_of(request: Request) -> WorklistSettings:
    """Give the worklist's settings."""
    settings: WorklistSettings = request.app.state.settings
    return settings
