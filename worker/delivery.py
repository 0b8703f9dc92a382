"""The task deliver_report: claim, have it delivered, record. Safe to run twice."""

from collections.abc import Collection, Mapping
from datetime import timedelta

import structlog

from config.settings import DeliverySettings
from db import deliveries
from db.deliveries import DeliveryClaim, hexadecimal
from db.session import Engine
from domain.clock import utc_now
from domain.errors import CxrTriageError, PeerBusy, Rejected, ReportRefused
from domain.failpoints import Failpoint, failpoint
from worker.attempts import end_delivery
from worker.couriers import Courier
from worker.lanes import lanes_of

_log = structlog.get_logger()


class ReportDelivery:
    """Delivers one report at a time, whoever rings for it and however often."""

    def __init__(
        self,
        engine: Engine,
        couriers: Mapping[str, Courier],
        settings: DeliverySettings,
        confirmed: Collection[str] = (),
    ) -> None:
        """`couriers` are the ways to the destinations, by name; `confirmed` names those to be asked what they keep."""
        self._engine = engine
        self._couriers = couriers
        self._settings = settings
        self._confirmed = confirmed

    def run(self, delivery_id: int, task_id: str) -> None:
        """Send the report if it is to be sent; what fails is due again later, or FAILED.

        Raises StoreUnavailable when not even that can be written down: the lease then runs out.
        """
        lease = timedelta(seconds=self._settings.lease_seconds)
        claim = deliveries.claim(self._engine, delivery_id, task_id, utc_now(), lease, lanes_of(self._settings))
        if claim is None:  # sent, being sent, or its destination has no room: then it is rung for again
            _log.info("delivery_not_begun", delivery_id=delivery_id)
            return
        try:
            self._deliver(claim)
        except Rejected as error:
            self._end_attempt(claim, error, for_good=True)
        except CxrTriageError as error:
            self._end_attempt(claim, error, for_good=False)

    def give_back(self, delivery_id: int, task_id: str, error: str) -> None:
        """End the attempt that `task_id` holds, after a failure outside the tree of our own errors."""
        claim = deliveries.held_by(self._engine, delivery_id, task_id)
        if claim is not None:
            end_delivery(self._engine, claim, self._settings, error, dimse_status=None)

    def _deliver(self, claim: DeliveryClaim) -> None:
        courier = self._couriers.get(claim.destination)
        if courier is None:
            raise Rejected(f"destination {claim.destination} is not in the settings any more")
        failpoint(Failpoint.DELIVER_AFTER_CLAIM)
        receipt = courier.deliver(claim.result_id)
        failpoint(Failpoint.DELIVER_AFTER_SEND)
        now = utc_now()
        confirm_at = now if claim.destination in self._confirmed else None
        recorded = deliveries.finish(self._engine, claim, now, receipt.dimse_status, confirm_at=confirm_at)
        failpoint(Failpoint.DELIVER_AFTER_RECORD)
        _log.info(
            "report_sent",
            sop_instance_uid=receipt.sop_instance_uid,
            destination=claim.destination,
            dimse_status=hexadecimal(receipt.dimse_status),
            recorded=recorded,
        )

    def _end_attempt(self, claim: DeliveryClaim, error: CxrTriageError, *, for_good: bool) -> None:
        status = error.status if isinstance(error, ReportRefused | PeerBusy) else None
        text = f"{type(error).__name__}: {error}"
        if for_good:
            moved = deliveries.fail(self._engine, claim, utc_now(), text, status)
            _log.error("delivery_failed", delivery_id=claim.delivery_id, error=text, moved=moved)
        else:
            end_delivery(self._engine, claim, self._settings, text, dimse_status=status)
