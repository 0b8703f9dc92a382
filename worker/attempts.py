"""How an attempt that failed ends: due again after a growing wait, or FAILED after the last one."""

import structlog

from config.settings import AnalysisSettings, DeliverySettings
from db import deliveries, studies
from db.deliveries import DeliveryClaim
from db.session import Engine
from db.studies import Claim
from domain.clock import utc_now
from domain.retry import wait_before_retry
from worker.lanes import pauses_of

_log = structlog.get_logger()
#: Longest wait between two attempts at a study.
LONGEST_ANALYSIS_WAIT_SECONDS = 300.0


def end_analysis(engine: Engine, claim: Claim, settings: AnalysisSettings, error: str) -> None:
    """Give a study back for its next attempt, or move it to FAILED after the last one."""
    now = utc_now()
    last = claim.attempt >= settings.max_attempts
    if last:
        moved = studies.fail(engine, claim, now, error)
    else:
        wait = wait_before_retry(claim.attempt, settings.retry_seconds, LONGEST_ANALYSIS_WAIT_SECONDS)
        moved = studies.give_back(engine, claim, now, error, wait)
    event = "study_failed" if last else "analysis_retry"
    _log.error(event, study_instance_uid=claim.study_instance_uid, attempt=claim.attempt, error=error, moved=moved)


def end_delivery(
    engine: Engine, claim: DeliveryClaim, settings: DeliverySettings, error: str, *, dimse_status: int | None
) -> None:
    """Make a delivery due again after a growing wait, or move it to FAILED after the last attempt."""
    now = utc_now()
    if claim.attempt >= settings.max_attempts:
        moved = deliveries.fail(engine, claim, now, error, dimse_status)
        _log.error("delivery_failed", delivery_id=claim.delivery_id, error=error, moved=moved)
        return
    wait = wait_before_retry(claim.attempt, settings.first_retry_seconds, settings.longest_retry_seconds)
    pauses = pauses_of(settings)
    deliveries.try_again(engine, claim, now, error, wait=wait, dimse_status=dimse_status, pauses=pauses)
    _log.warning(
        "delivery_retry",
        delivery_id=claim.delivery_id,
        destination=claim.destination,
        attempt=claim.attempt,
        wait_seconds=round(wait.total_seconds(), 1),
        error=error,
    )
