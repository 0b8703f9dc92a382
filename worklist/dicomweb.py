"""STOW-RS by HTTP: who may send, how much, for how long; what is sent goes to dicom_gateway.stow_reception."""

import asyncio
import threading
from collections.abc import AsyncIterator
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.dicomweb import DICOMWEB_PATH, DicomwebSettings
from config.published import DICOMWEB
from config.settings import Settings
from dicom_gateway.multipart_related import MediaTypeUnsupported, MessageMalformed, boundary_of
from dicom_gateway.stow_reception import StowReception, StowTransaction
from dicom_gateway.stow_response import JSON, XML, PartOutcome, http_status, response_payload
from dicom_gateway.tls import ServerTls, server_context
from dicom_gateway.uids import is_valid_uid
from worklist.headers import SafeHeaders
from worklist.web_server import serve_until

_log = structlog.get_logger()
#: Handed to the disk at once: fewer changes of thread, and still next to nothing in memory.
_PIECE_BYTES = 1 << 18
_RETRY_SECONDS = "10"
_MEGABYTE = 10**6
#: By what a sender asks for it.
_ANSWERED_AS = {
    "*/*": JSON,
    "application/*": JSON,
    "application/json": JSON,
    JSON: JSON,
    "application/xml": XML,
    XML: XML,
}


def run_dicomweb(settings: Settings, reception: StowReception, tls: ServerTls | None, stop: threading.Event) -> None:
    """Take instances until `stop` is set; where is written into run/dicomweb.json.

    Raises Transient when the port is taken, ConfigurationInvalid when a file of TLS cannot be used.
    """
    place = settings.dicomweb
    context = server_context(tls) if tls is not None else None
    secured = {"ssl_context_factory": lambda _config, _default: context} if context is not None else {}
    _log.info("dicomweb_started", host=place.host, port=place.port)
    serve_until(stop, make_dicomweb_app(reception, place), place, settings.run_dir / DICOMWEB, **secured)


def make_dicomweb_app(reception: StowReception, settings: DicomwebSettings) -> Starlette:
    """Give the application."""
    stow = _Stow(reception, settings)
    routes = [
        Route(f"{DICOMWEB_PATH}/studies", stow.take, methods=["POST"]),
        Route(f"{DICOMWEB_PATH}/studies/{{study}}", stow.take, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _say})
    app.add_middleware(SafeHeaders, has_tls=settings.has_tls)
    return app


async def _say(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for that alone
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


class _Stow:
    """The one transaction that is offered."""

    def __init__(self, reception: StowReception, settings: DicomwebSettings) -> None:
        self._reception = reception
        self._settings = settings
        token = settings.bearer_token.get_secret_value()
        self._token = sha256(token.encode()).digest() if token else None
        self._most_bytes = settings.maximum_request_megabytes * _MEGABYTE
        self._under_way = 0

    async def take(self, request: Request) -> Response:
        """Answer one request; nothing of its body is read before it may be."""
        self._require_token(request)
        media_type = _answer_type(request)
        study = request.path_params.get("study", "")
        if study and not is_valid_uid(study):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The address names no Study Instance UID.")
        boundary = _boundary(request)
        self._require_size(request)
        if self._under_way >= self._settings.maximum_requests:
            retry = {"Retry-After": _RETRY_SECONDS}
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at once.", retry)
        self._under_way += 1
        try:
            outcomes = await self._receive(request, boundary, study)
        finally:
            self._under_way -= 1
        return _answer(outcomes, media_type)

    async def _receive(self, request: Request, boundary: bytes, study: str) -> list[PartOutcome]:
        address = request.client.host if request.client else ""
        transaction = self._reception.begin(boundary, address, is_secure=request.url.scheme == "https", study_uid=study)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                await self._feed(request, transaction)
            return await run_in_threadpool(transaction.finish)
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The request took too long.", _CLOSE) from None
        except MessageMalformed as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error), _CLOSE) from None
        except ClientDisconnect:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The request was broken off.") from None
        finally:
            await run_in_threadpool(transaction.close)

    async def _feed(self, request: Request, transaction: StowTransaction) -> None:
        waiting, size = bytearray(), 0
        async for piece in self._pieces(request):
            waiting += piece
            size += len(piece)
            if size > self._most_bytes:
                raise self._too_large()
            if len(waiting) >= _PIECE_BYTES:
                await run_in_threadpool(transaction.feed, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(transaction.feed, bytes(waiting))

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        pieces = request.stream()
        while True:
            async with asyncio.timeout(self._settings.idle_seconds):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece

    def _require_token(self, request: Request) -> None:
        if self._token is None:  # then TLS has asked for a certificate
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_right = compare_digest(sha256(token.strip().encode("latin-1")).digest(), self._token)
        if scheme.lower() != "bearer" or not is_right:
            _log.warning("stow_not_authorised", peer_address=request.client.host if request.client else "")
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "A bearer token is needed.", {"WWW-Authenticate": "Bearer"})

    def _require_size(self, request: Request) -> None:
        length = request.headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) > self._most_bytes:
            raise self._too_large()

    def _too_large(self) -> HTTPException:
        words = f"A request may have {self._settings.maximum_request_megabytes} megabytes."
        return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words, _CLOSE)


#: What is left of the body is not read.
_CLOSE = {"Connection": "close"}


def _boundary(request: Request) -> bytes:
    try:
        return boundary_of(request.headers.get("Content-Type", ""))
    except MediaTypeUnsupported as error:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from None
    except MessageMalformed as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


def _answer_type(request: Request) -> str:
    """Give the first media type of Accept that can be answered with."""
    asked = request.headers.get("Accept") or "*/*"
    for choice in asked.split(","):
        if answered := _ANSWERED_AS.get(choice.partition(";")[0].strip().lower()):
            return answered
    raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, f"The answer is {JSON} or {XML}.")


def _answer(outcomes: list[PartOutcome], media_type: str) -> Response:
    if not outcomes:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The request holds no instance.")
    status = http_status(outcomes)
    headers = {"Content-Type": media_type}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_SECONDS
    return Response(response_payload(outcomes, media_type), status, headers)
