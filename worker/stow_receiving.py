"""What receives by STOW-RS, beside the listener or without it: its intake, its room, its signs of life."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import Settings
from db import schema
from dicom_gateway.stow_reception import StowConfig, StowReception
from worker.bootstrap import Collaborators, association_policy
from worker.listening import tell_of_open_associations


@contextmanager
def receiving_by_stow(settings: Settings, stop: threading.Event) -> Iterator[StowReception]:
    """Give the reception, kept informed until `stop` is set.

    Raises ConfigurationInvalid when the database is not this version's, StoreUnavailable when it or the disk is away.
    """
    collaborators = Collaborators(settings)
    schema.require_newest(collaborators.engine)
    watch, intake = collaborators.intake_watch, collaborators.intake
    with collaborators.store.receiving():
        threading.Thread(target=watch.run, args=(stop,), name="intake-watch", daemon=True).start()
        arguments = (intake, stop)
        threading.Thread(target=tell_of_open_associations, args=arguments, name="signs-of-life", daemon=True).start()
        yield StowReception(
            stow_config(settings),
            collaborators.store,
            watch.room,
            intake.on_instance,
            on_open=intake.on_association_open,
            on_closed=intake.on_association_closed,
        )
    collaborators.engine.dispose()


def stow_config(settings: Settings) -> StowConfig:
    """Give the values that the gateway needs."""
    return StowConfig(
        calling_ae_title=settings.dicomweb.ae_title,
        called_ae_title=settings.listener.ae_title,
        policy=association_policy(settings),
        maximum_object_bytes=settings.listener.maximum_object_megabytes * 10**6,
        maximum_parts=settings.dicomweb.maximum_parts,
    )
