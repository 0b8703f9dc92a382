"""The broker as a doorbell: Celery carries ids, the database says what is to be done."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError

from config.settings import Settings
from db import commitment_requests, deliveries, studies
from db.session import Engine
from domain.clock import utc_now
from domain.errors import BrokerUnavailable, ConfigurationInvalid
from domain.failpoints import Failpoint, failpoint

ANALYSE_QUEUE = "analyse"
DELIVER_QUEUE = "deliver"
ANALYSE_TASK = "cxr_triage.analyse_study"
DELIVER_TASK = "cxr_triage.deliver_report"
CONFIRM_TASK = "cxr_triage.confirm_delivery"
ANSWER_TASK = "cxr_triage.answer_commitment"
#: Whatever waits for a peer is in one queue: reading never waits behind it.
_ROUTES = {
    ANALYSE_TASK: {"queue": ANALYSE_QUEUE},
    **{task: {"queue": DELIVER_QUEUE} for task in (DELIVER_TASK, CONFIRM_TASK, ANSWER_TASK)},
}
#: sun_path in unix(7), less the closing NUL.
_LONGEST_SOCKET_PATH = 107
#: Seconds to wait for the broker before giving up: the sweep rings again.
_BROKER_SECONDS = 5
_RIGHT_URL = "write redis://host:6379/0 or amqp://user:password@host:5672//, or leave it empty for the embedded one"


def embedded_socket(settings: Settings) -> Path:
    """Where the embedded Valkey listens: beside the data, or in a short folder where that path is too long."""
    beside = settings.run_dir / "valkey.sock"
    if len(os.fsencode(beside)) <= _LONGEST_SOCKET_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(settings.service.data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cxr-triage-{os.geteuid()}-{name}" / "valkey.sock"


def make_celery(settings: Settings) -> Celery:
    """Build the Celery application; nothing is connected yet. Raises ConfigurationInvalid for a bad broker.url."""
    app = Celery("cxr-triage", set_as_current=False)
    _check_url(settings.broker.url.get_secret_value())
    url = settings.broker.url.get_secret_value() or f"redis+socket://{embedded_socket(settings)}"
    app.conf.update(
        broker_url=url,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=_BROKER_SECONDS,
        broker_transport_options=_transport_options(url, settings),
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A message for a task that failed is done with: the row says when to try again (retry in one layer).
        task_acks_on_failure_or_timeout=True,
        task_ignore_result=True,
        task_publish_retry=False,
        task_routes=_ROUTES,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        enable_utc=True,
    )
    return app


def _check_url(url: str) -> None:
    """Raise ConfigurationInvalid, without the password, for a URL that Celery cannot use."""
    if not url:
        return
    scheme, separator, _ = url.partition("://")
    try:
        connection = Connection(url)
        transport = connection.transport
    except (KeyError, ValueError, TypeError, AttributeError):  # whose words may quote parts of it
        transport = None
    except ImportError as error:
        raise ConfigurationInvalid(f"broker.url: {scheme}:// needs a library that is not installed ({error})") from None
    # A broker in memory reaches no other process; Sentinel would need more than a URL can say.
    if not separator or transport is None or transport.driver_type == "memory" or scheme == "sentinel":
        raise ConfigurationInvalid(f"broker.url is not usable: {_RIGHT_URL}")
    if scheme in {"redis", "rediss"} and not ((connection.virtual_host or "").strip("/") or "0").isdigit():
        raise ConfigurationInvalid(f"broker.url: the database of a Redis is a number: {_RIGHT_URL}")


def _transport_options(url: str, settings: Settings) -> dict[str, object]:
    if not url.startswith(("redis", "rediss", "valkey")):
        return {}
    return {
        "visibility_timeout": settings.broker.visibility_timeout_seconds,
        "socket_timeout": _BROKER_SECONDS,
        "socket_connect_timeout": _BROKER_SECONDS,
    }


class Doorbell:
    """Rings for studies and deliveries, and remembers in the database that it did."""

    def __init__(self, app: Celery, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    def ring_for_studies(self, study_ids: list[int]) -> None:
        """Queue the analysis of each study. Raises BrokerUnavailable, StoreUnavailable."""
        self._ring(ANALYSE_TASK, study_ids)
        studies.note_queued(self._engine, study_ids, utc_now())

    def ring_for_deliveries(self, delivery_ids: list[int]) -> None:
        """Queue each delivery. Raises BrokerUnavailable, StoreUnavailable."""
        self._ring(DELIVER_TASK, delivery_ids)
        deliveries.note_queued(self._engine, delivery_ids, utc_now())

    def ring_for_confirmations(self, delivery_ids: list[int]) -> None:
        """Queue the question about each delivery that was sent. Raises BrokerUnavailable, StoreUnavailable."""
        self._ring(CONFIRM_TASK, delivery_ids)
        deliveries.note_queued(self._engine, delivery_ids, utc_now())

    def ring_for_commitment_requests(self, request_ids: list[int]) -> None:
        """Queue the answer to each request of a sender. Raises BrokerUnavailable, StoreUnavailable."""
        self._ring(ANSWER_TASK, request_ids)
        commitment_requests.note_queued(self._engine, request_ids, utc_now())

    def _ring(self, task: str, ids: list[int]) -> None:
        with _broker_errors():
            for row_id in ids:
                self._app.send_task(task, args=(row_id,))
                failpoint(Failpoint.RING_BEFORE_NOTE)

    def depth(self, queue: str) -> int:
        """Count the messages that wait in a queue. Raises BrokerUnavailable."""
        with _broker_errors(), self._app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=_BROKER_SECONDS)
            channel = connection.default_channel
            declared = channel.queue_declare(queue=queue, passive=False, durable=True, auto_delete=False)
            return int(declared.message_count)


@contextmanager
def _broker_errors() -> Iterator[None]:
    """Turn what kombu and its transports raise for a broker that is away into BrokerUnavailable."""
    try:
        yield
    except (OperationalError, OSError) as error:
        raise BrokerUnavailable(f"broker: {error}") from error
