from datetime import UTC, datetime, timedelta
from pathlib import Path

from db import deliveries, studies
from domain.study import DeliveryState, StudyStatus
from tests.integration.worker.stored import results_of, store_study, study_of
from worker.bootstrap_work import WorkCollaborators
from worker.orphans import end_claims_of_dead_worker
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE

_HOUR = timedelta(hours=1)


def test_the_claims_of_a_dead_worker_are_due_again_at_once(collaborators: WorkCollaborators, tmp_path: Path) -> None:
    """Not when their leases run out; the attempt counts, because the study may be what killed the worker."""
    engine, settings = collaborators.engine, collaborators.settings
    study = store_study(collaborators, tmp_path)
    studies.claim(engine, study.id, "dead", datetime.now(UTC), _HOUR)
    end_claims_of_dead_worker(engine, settings, ANALYSE_QUEUE)
    study = study_of(collaborators, study.study_instance_uid)
    assert (study.status, study.attempts, study.claim_token) == (StudyStatus.READY, 1, None)

    collaborators.analysis.run(study.id, "alive")
    (delivery,) = deliveries.of_result(engine, results_of(collaborators, study)[0].id)
    deliveries.claim(engine, delivery.id, "dead", datetime.now(UTC), _HOUR)
    end_claims_of_dead_worker(engine, settings, DELIVER_QUEUE)
    (delivery,) = deliveries.of_result(engine, delivery.result_id)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)


def test_a_study_that_kills_every_worker_fails_in_the_end(collaborators: WorkCollaborators, tmp_path: Path) -> None:
    """It is not tried for ever, and leaves the queue to the others."""
    study = store_study(collaborators, tmp_path)
    for _ in range(collaborators.settings.analysis.max_attempts):
        studies.claim(collaborators.engine, study.id, "dead", datetime.now(UTC) + _HOUR, _HOUR)
        end_claims_of_dead_worker(collaborators.engine, collaborators.settings, ANALYSE_QUEUE)
    assert study_of(collaborators, study.study_instance_uid).status is StudyStatus.FAILED
