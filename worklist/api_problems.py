"""Errors of the API as problem details (RFC 9457), where a browser gets a page."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from domain.errors import Rejected, Transient
from worklist.access import Forged, NotSignedIn

PROBLEM_JSON = "application/problem+json"
_PREFIXES = ("/api/", "/workitems", "/fhir/", "/openapi.json")
_UNAUTHORIZED, _FORBIDDEN, _UNPROCESSABLE, _TOO_MANY, _UNAVAILABLE = 401, 403, 422, 429, 503
Answer = Callable[[Request, Exception], Awaitable[Response]]


class NotAllowed(Rejected):
    """This is for admins."""


class TooManyRequests(Rejected):
    """There were too many requests: try again later."""


class FieldProblem(BaseModel):
    """What is not right with one value; the value itself is not repeated."""

    where: str
    what: str


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[FieldProblem] = []


_TITLES = {
    400: "Bad request",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    422: "Not valid",
    429: "Too many requests",
    503: "Away for now",
}
_WORDS: dict[type[Exception], tuple[int, str]] = {
    NotSignedIn: (_UNAUTHORIZED, "Send a token (Authorization: Bearer …), or sign in as on the page."),
    Forged: (_FORBIDDEN, "A change by session needs the session's X-Form-Token, from this origin."),
    NotAllowed: (_FORBIDDEN, "This needs the role admin."),
    TooManyRequests: (_TOO_MANY, "Too many requests, or too many refused ones from this address."),
    Transient: (_UNAVAILABLE, "The database or the disk is away. Nothing is lost; try again."),
}
_MORE_HEADERS = {_UNAUTHORIZED: {"WWW-Authenticate": "Bearer"}, _TOO_MANY: {"Retry-After": "60"}}


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Give what the OpenAPI document says of these answers."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {PROBLEM_JSON: {"schema": schema}}} for status in statuses
    }


def instead_of(page: Answer) -> Answer:
    """Give a handler that answers a program with problem details, and a browser with its page."""

    async def answer(request: Request, error: Exception) -> Response:
        return problem_of(error) if request.url.path.startswith(_PREFIXES) else await page(request, error)

    return answer


async def answer_problem(request: Request, error: Exception) -> Response:
    """Answer with problem details."""
    del request
    return problem_of(error)


def problem_of(error: Exception) -> Response:
    """Write an error down, without what was sent."""
    if isinstance(error, RequestValidationError):
        return _response(_problem(_UNPROCESSABLE, "See errors.", _fields(error)))
    if isinstance(error, HTTPException):
        return _response(_problem(error.status_code, str(error.detail)), error.headers)
    status, detail = next(words for kind, words in _WORDS.items() if isinstance(error, kind))
    return _response(_problem(status, detail))


def _problem(status: int, detail: str, errors: Sequence[FieldProblem] = ()) -> Problem:
    return Problem(title=_TITLES.get(status, "Problem"), status=status, detail=detail, errors=list(errors))


def _fields(error: RequestValidationError) -> list[FieldProblem]:
    # What nobody asked for is not named: names of fields are sent by the caller too.
    return [
        FieldProblem(where="", what="a value that is not known here")
        if one["type"] == "extra_forbidden"
        else FieldProblem(where=".".join(map(str, one["loc"])), what=_what(one["type"]))
        for one in error.errors()
    ]


def _what(kind: str) -> str:
    return kind.replace("_", " ")


def _response(problem: Problem, headers: object = None) -> Response:
    more = dict(headers) if isinstance(headers, dict) else {}
    content = problem.model_dump_json()
    return Response(content, problem.status, {**_MORE_HEADERS.get(problem.status, {}), **more}, PROBLEM_JSON)
