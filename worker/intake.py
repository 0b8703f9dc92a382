"""Intake: the row behind every acknowledged instance, and the signs of life of open associations."""

import threading

import structlog

from db import instances
from db.instances import NewInstance, Recorded
from db.session import Engine
from dicom_gateway.associations import AssociationClosed, AssociationOpened
from dicom_gateway.reception import ReceivedInstance
from domain.clock import utc_now
from domain.failpoints import Failpoint, failpoint

_log = structlog.get_logger()


class Intake:
    """What the Storage SCP is given; called in its association threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._open: set[str] = set()

    def on_instance(self, received: ReceivedInstance) -> None:
        """Commit the row; only then may the SCP answer 0x0000. Raises StoreUnavailable."""
        recorded = instances.record_instance(
            self._engine,
            NewInstance(
                study_instance_uid=received.study_instance_uid,
                series_instance_uid=received.series_instance_uid,
                sop_instance_uid=received.sop_instance_uid,
                sop_class_uid=received.sop_class_uid,
                transfer_syntax_uid=received.transfer_syntax_uid,
                relative_path=received.relative_path,
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                association_id=received.association_id,
                calling_ae_title=received.calling_ae_title,
                called_ae_title=received.called_ae_title,
                peer_address=received.peer_address,
                received_at=received.received_at,
                is_own_output=received.is_own_output,
            ),
        )
        failpoint(Failpoint.RECEIVE_AFTER_COMMIT)
        if recorded is not Recorded.NEW:
            level = _log.info if recorded is Recorded.DUPLICATE else _log.warning
            level("instance_repeated", recorded=recorded.value, sop_instance_uid=received.sop_instance_uid)

    def on_association_open(self, opened: AssociationOpened) -> None:
        """Remember that the association lives."""
        with self._lock:
            self._open.add(opened.association_id)

    def on_association_closed(self, closed: AssociationClosed) -> None:
        """Let the association's study become ready. Raises StoreUnavailable."""
        association_id = closed.opened.association_id
        with self._lock:
            self._open.discard(association_id)
        if closed.stored:
            instances.close_association(self._engine, association_id, closed.closed_at)

    def give_signs_of_life(self) -> None:
        """Write down that the open associations are open. Raises StoreUnavailable."""
        with self._lock:
            alive = list(self._open)
        instances.touch_associations(self._engine, alive, utc_now())
