"""Claims of a worker that is known to be dead: ended at once, instead of when their leases run out."""

from datetime import timedelta

import structlog

from config.settings import Settings
from db import commitment_requests, confirmations, deliveries, studies
from db.session import Engine
from domain.clock import utc_now
from domain.errors import StoreUnavailable
from worker.attempts import end_analysis, end_delivery
from worker.queue import ANALYSE_QUEUE

_log = structlog.get_logger()
_WORKER_DIED = "the worker died"
#: Longer than any lease.
_FAR = timedelta(days=365)


def end_claims_of_dead_worker(engine: Engine, settings: Settings, queue: str) -> None:
    """End every claim of a queue, when the only worker that serves it died. The attempt counts: it may have killed it.

    What cannot be written down is left to the leases.
    """
    then = utc_now() + _FAR
    try:
        if queue == ANALYSE_QUEUE:
            for claim in studies.expired_claims(engine, then):
                end_analysis(engine, claim, settings.analysis, _WORKER_DIED)
        else:
            for held in deliveries.expired_claims(engine, then):
                end_delivery(engine, held, settings.delivery, _WORKER_DIED, dimse_status=None)
            confirmations.release_all_claims(engine)
            commitment_requests.release_all_claims(engine)
    except StoreUnavailable as error:
        _log.warning("claims_left_to_their_leases", error=str(error))
