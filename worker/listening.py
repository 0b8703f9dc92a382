"""The listener process: the Storage SCP, its intake, and the signs of life of its associations."""

import threading
from typing import Any

import structlog

from config.published import LISTENER, publish, published, withdraw
from config.settings import Settings
from db import schema
from dicom_gateway.storage_scp import StorageScp
from domain.errors import StoreUnavailable
from worker.bootstrap import Collaborators, scp_config
from worker.gateway_values import require_tls_files
from worker.intake import Intake

_log = structlog.get_logger()
#: Seconds between two signs of life of the open associations.
_HEARTBEAT_SECONDS = 2.0


def run_listener(settings: Settings, stop: threading.Event) -> None:
    """Receive until `stop` is set.

    Raises ConfigurationInvalid when a port, the database, or a file of TLS is not usable.
    """
    collaborators = Collaborators(settings)
    schema.require_newest(collaborators.engine)
    require_tls_files(settings)
    with collaborators.store.receiving() as swept:
        _receive(collaborators, stop, swept)


def _receive(collaborators: Collaborators, stop: threading.Event, swept: int) -> None:
    settings, intake = collaborators.settings, collaborators.intake
    scp = StorageScp(
        scp_config(settings),
        collaborators.store,
        intake.on_instance,
        on_association_open=intake.on_association_open,
        on_association_closed=intake.on_association_closed,
        room=collaborators.intake_watch.room,
        services=collaborators.offered_services,
    )
    scp.start()
    threading.Thread(target=collaborators.intake_watch.run, args=(stop,), name="intake-watch", daemon=True).start()
    try:
        _publish_address(settings, scp)
        _log.info("listening", ae_title=settings.listener.ae_title, half_received_swept=swept)
        tell_of_open_associations(intake, stop)
    finally:
        scp.stop()
        withdraw(settings.run_dir / LISTENER)


def tell_of_open_associations(intake: Intake, stop: threading.Event) -> None:
    """Give signs of life of them until `stop` is set."""
    while not stop.wait(_HEARTBEAT_SECONDS):
        _give_signs_of_life(intake)


def _give_signs_of_life(intake: Intake) -> None:
    try:
        intake.give_signs_of_life()
    except StoreUnavailable as error:
        _log.warning("heartbeat_not_written", error=str(error))


def published_address(settings: Settings) -> dict[str, Any] | None:
    """Give host, port, tls_port, ae_title and pid of the listener on this data folder; None when none runs.

    `tls_port` is None without TLS; by TLS alone `port` is the same.
    """
    return published(settings.run_dir / LISTENER)


def _publish_address(settings: Settings, scp: StorageScp) -> None:
    (host, port), secure = scp.address, scp.tls_address
    told = {"host": host, "port": port, "tls_port": None if secure is None else secure[1]}
    publish(settings.run_dir / LISTENER, told | {"ae_title": settings.listener.ae_title})
