"""Sending one instance by STOW-RS (PS3.18 section 10.5), as a user agent. Nothing is retried here."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from requests.adapters import HTTPAdapter

from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.status import Status, StatusFamily, classify, status_words
from dicom_gateway.tls import ClientTls, client_context
from dicom_gateway.uids import new_uid
from domain.errors import PeerBusy, PeerUnavailable, Rejected, ReportRefused

#: Statuses of HTTP that may pass: a token that ran out is renewed without anybody's resending every report.
_MAY_PASS = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_NOT_AUTHORISED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class WebDestination:
    """One origin server, as it is reached."""

    #: For logs and listings.
    name: str
    #: Of the service, to which /studies is added.
    url: str
    #: Sent as Authorization: Bearer; empty for none.
    bearer_token: str = field(repr=False)
    connect_timeout_seconds: float
    response_timeout_seconds: float
    tls: ClientTls | None = None


def store(destination: WebDestination, instance: bytes) -> int:
    """Store one DICOM file; gives success or a warning as a DIMSE status.

    Raises ReportRefused when the server will not take it, Rejected when it does not understand the request, PeerBusy
    when it is out of resources, PeerUnavailable when it cannot be reached or may answer otherwise later.
    """
    dataset = dcmread(BytesIO(instance))
    answers: list[requests.Response] = []
    try:
        module = client_of(destination, answers).store_instances([dataset])
    except requests.HTTPError:
        module = Dataset()
    except (requests.RequestException, *MALFORMED) as error:
        raise PeerUnavailable(f"STOW-RS to {destination.name} failed: {type(error).__name__}") from error
    answer = answers[-1]
    return _judge(destination, answer.status_code, module if len(module) else payload_of(answer), dataset)


def check(destination: WebDestination) -> str:
    """Ask for a study that nobody has, and give what was found, in words. Raises PeerUnavailable."""
    answers: list[requests.Response] = []
    try:
        client_of(destination, answers).search_for_studies(limit=1, search_filters={"StudyInstanceUID": new_uid()})
    except requests.HTTPError:
        status = answers[-1].status_code
        if status in _NOT_AUTHORISED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise PeerUnavailable(f"answered HTTP {status}") from None
        return f"answers, without QIDO-RS (HTTP {status}): its first report shows whether it takes them"
    except (requests.RequestException, *MALFORMED) as error:
        raise PeerUnavailable(f"cannot be asked: {type(error).__name__}") from error
    return "answers QIDO-RS, so URL and token are right; nothing was sent"


def client_of(destination: WebDestination, answers: list[requests.Response]) -> DICOMwebClient:
    """Give a client that notes each answer in `answers`, and retries nothing."""
    session = requests.Session()
    # Neither a proxy nor a password of the account's environment; and no report follows a redirect elsewhere.
    session.trust_env = False
    session.max_redirects = 0
    if destination.tls is not None:
        session.mount("https://", _OwnTls(destination.tls))
    token = destination.bearer_token
    client = DICOMwebClient(
        destination.url,
        session=session,
        headers={"Authorization": f"Bearer {token}"} if token else None,
        callback=lambda response, *_, **__: answers.append(response),
        timeout=(destination.connect_timeout_seconds, destination.response_timeout_seconds),
    )
    client.set_http_retry_params(retry=False)
    return client


class _OwnTls(HTTPAdapter):
    """Believes whom the settings name, and nobody else."""

    def __init__(self, tls: ClientTls) -> None:
        self._context = client_context(tls)
        self._names: dict[str, Any] = {"server_hostname": tls.server_name} if tls.server_name else {}
        if not tls.checks_name:
            self._names["assert_hostname"] = False
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: ANN401 - the library's
        """Connect by our context."""
        super().init_poolmanager(connections, maxsize, block, **more, ssl_context=self._context, **self._names)

    def cert_verify(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the library's
        """Leave it to the context: the library would add the authorities that browsers believe."""


def payload_of(answer: requests.Response) -> Dataset:
    """Read what the client has not: it reads no answer of an error, and no media type with parameters."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return Dataset()
    try:
        return Dataset.from_json(json.loads(answer.content))
    except MALFORMED:
        return Dataset()


def _judge(destination: WebDestination, http_status: int, module: Dataset, sent: Dataset) -> int:
    failed = [*module.get("FailedSOPSequence", ()), *module.get("OtherFailuresSequence", ())]
    if failed:  # one instance was sent
        return _judge_failure(int(failed[0].get("FailureReason", Status.PROCESSING_FAILURE)))
    if http_status in _MAY_PASS or http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PeerUnavailable(f"{destination.name} answered HTTP {http_status}")
    if http_status >= HTTPStatus.BAD_REQUEST:
        raise Rejected(f"{destination.name} answered HTTP {http_status} without saying why")
    stored = [
        item
        for item in module.get("ReferencedSOPSequence", ())
        if item.get("ReferencedSOPInstanceUID") == sent.SOPInstanceUID
    ]
    if not stored and http_status != HTTPStatus.OK:
        raise PeerUnavailable(f"{destination.name} answered HTTP {http_status} and does not name the report as stored")
    return int(stored[0].get("WarningReason", Status.SUCCESS)) if stored else int(Status.SUCCESS)


def _judge_failure(reason: int) -> int:
    family = classify(reason)
    if family is StatusFamily.TRANSIENT:
        raise PeerBusy(reason, status_words(reason))
    if family is StatusFamily.REFUSED:
        raise ReportRefused(reason, status_words(reason))
    return reason  # it is there already
