"""Readiness: which studies are complete, and the sweep that rings for whatever was forgotten."""

import threading
from datetime import datetime, timedelta

import structlog

from config.settings import AnalysisSettings, DeliverySettings, ReadinessSettings
from db import commitment_requests, confirmations, deliveries, studies
from db.session import Engine
from domain.clock import utc_now
from domain.errors import BrokerUnavailable, StoreUnavailable
from domain.failpoints import Failpoint, failpoint
from domain.priority import QueuePriority
from worker.attempts import end_analysis, end_delivery
from worker.clock_watch import ClockWatch
from worker.lanes import lanes_of
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE, Doorbell

_log = structlog.get_logger()
#: Messages for each process that may wait in a queue before nothing more is rung for in the background.
_BACKGROUND_TASKS = 4
_LEASE_RAN_OUT = "the process died or hung: its lease ran out"


class Readiness:
    """Looks at the database again and again; any number of these may run at once."""

    def __init__(
        self,
        engine: Engine,
        doorbell: Doorbell,
        readiness: ReadinessSettings,
        analysis_settings: AnalysisSettings,
        delivery_settings: DeliverySettings,
        clock_watch: ClockWatch,
    ) -> None:
        self._engine = engine
        self._doorbell = doorbell
        self._settings = readiness
        self._analysis_settings = analysis_settings
        self._delivery_settings = delivery_settings
        self._clock_watch = clock_watch

    def run(self, stop: threading.Event) -> None:
        """Sweep until `stop` is set; a database or broker that is away is waited for."""
        away = False
        while not stop.is_set():
            try:
                self.sweep()
                if away:
                    _log.info("sweep_resumed")
                away = False
            except (StoreUnavailable, BrokerUnavailable) as error:
                if not away:
                    _log.error("sweep_failed", error=str(error))
                away = True
            stop.wait(self._settings.sweep_seconds)

    def sweep(self) -> None:
        """Look once. Raises StoreUnavailable, BrokerUnavailable."""
        self._clock_watch.look()
        self._end_expired_claims()
        now = utc_now()
        quiet = timedelta(seconds=self._settings.study_quiet_seconds)
        stale = timedelta(seconds=self._settings.association_stale_seconds)
        for study_id in studies.mark_ready(self._engine, now, quiet, stale):
            _log.info("study_ready", study_id=study_id)
            failpoint(Failpoint.SWEEP_AFTER_READY)
        # Deliveries first: what is analysed already should not wait for a long queue of studies to be rung for.
        self._ring_for_peers(now)
        self._doorbell.ring_for_studies(list(studies.due(self._engine, now, self._requeue_before(ANALYSE_QUEUE, now))))
        self._ring_in_the_background(now)

    def _ring_in_the_background(self, now: datetime) -> None:
        """Ring for what is reprocessed in bulk, as long as both queues are so short that nothing live waits for it."""
        most = _BACKGROUND_TASKS * self._analysis_settings.processes
        room = most - self._doorbell.depth(ANALYSE_QUEUE)
        reports_wait = self._doorbell.depth(DELIVER_QUEUE) > _BACKGROUND_TASKS * self._delivery_settings.processes
        if room > 0 and not reports_wait:
            requeue_before = self._requeue_before(ANALYSE_QUEUE, now)
            due = studies.due(self._engine, now, requeue_before, room, QueuePriority.BACKGROUND)
            self._doorbell.ring_for_studies(list(due))

    def _ring_for_peers(self, now: datetime) -> None:
        """Ring for reports to send, then for what is to be asked or answered about what was sent."""
        before = self._requeue_before(DELIVER_QUEUE, now)
        limits = lanes_of(self._delivery_settings)
        self._doorbell.ring_for_deliveries(list(deliveries.due(self._engine, now, before, limits=limits)))
        self._doorbell.ring_for_confirmations(list(confirmations.due(self._engine, now, before, limits=limits)))
        self._doorbell.ring_for_commitment_requests(
            list(commitment_requests.due(self._engine, now, before, limits=limits))
        )

    def _requeue_before(self, queue: str, now: datetime) -> datetime | None:
        """Rung for before this and still waiting: forgotten. None while the queue still holds messages."""
        if self._doorbell.depth(queue) > 0:
            return None
        return now - timedelta(seconds=self._settings.requeue_seconds)

    def _end_expired_claims(self) -> None:
        now = utc_now()
        for claim in studies.expired_claims(self._engine, now):
            end_analysis(self._engine, claim, self._analysis_settings, _LEASE_RAN_OUT)
        for expired in deliveries.expired_claims(self._engine, now):
            end_delivery(self._engine, expired, self._delivery_settings, _LEASE_RAN_OUT, dimse_status=None)
