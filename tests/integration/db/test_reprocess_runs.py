from sqlalchemy import Engine

from db import reprocess_runs, results, studies
from db.reprocess_runs import RunProgress
from db.reprocessing import Request, Selection, select_studies
from domain.priority import QueuePriority
from domain.study import StudyStatus
from tests.integration.db.builders import LATER, LEASE, claimed, received, suspected
from worker.bulk_reprocessing import BulkReprocessing

ALL = Selection()


def finished(engine: Engine, *uids: str) -> None:
    """Bring studies to ANALYSED."""
    for uid in uids:
        received(engine, study=uid)
        results.commit_result(engine, claimed(engine, study=uid), suspected(), [], LATER)


def read_again(engine: Engine, study_id: int) -> None:
    """Do what a worker does."""
    claim = studies.claim(engine, study_id, "t", LATER, LEASE)
    assert claim is not None
    results.commit_result(engine, claim, suspected(), [], LATER)


def test_a_run_that_was_interrupted_goes_on_where_it_was(engine: Engine) -> None:
    """What was opened is not opened again, even if it has been read since; what was not is."""
    finished(engine, "1.2.3", "1.2.4", "1.2.5")
    first = BulkReprocessing(engine, ALL, None, "alice")
    run = first.begin(tuple(study.id for study in select_studies(engine, ALL)))
    reprocess_runs.mark(engine, [1], LATER, Request("alice", QueuePriority.BACKGROUND, None, run.name))
    read_again(engine, 1)
    again = BulkReprocessing(engine, ALL, None, "bob")
    found = again.find()
    assert found is not None
    assert (found.name, found.study_ids, found.total) == (run.name, (2, 3), 3)
    assert again.open_all(found, lambda _: None) == 2
    revisions = [study.revision for study in studies.listed(engine, None, 10)]
    assert revisions == [2, 2, 2]
    for study_id in (2, 3):
        read_again(engine, study_id)
    assert reprocess_runs.progress(engine, run.name) == RunProgress(total=3, done=3, failed=0)
    assert again.find() is None


def test_a_run_that_is_on_its_way_is_found_and_opens_nothing(engine: Engine) -> None:
    """The same command while the service works shows how far it is; another selection, or version, is another run."""
    finished(engine, "1.2.3", "1.2.4")
    bulk = BulkReprocessing(engine, ALL, None, "alice")
    run = bulk.begin((1, 2))
    assert bulk.open_all(run, lambda _: None) == 2
    found = bulk.find()
    assert found is not None
    assert (found.study_ids, found.total, found.before.done) == ((), 2, 0)
    assert bulk.open_all(found, lambda _: None) == 0
    assert BulkReprocessing(engine, ALL, "other", "alice").find() is None
    assert BulkReprocessing(engine, Selection(status=StudyStatus.FAILED), None, "alice").find() is None


def test_what_moved_on_by_itself_is_left_alone(engine: Engine) -> None:
    """A study that is no longer finished when its turn comes is on its way anyway."""
    finished(engine, "1.2.3", "1.2.4")
    bulk = BulkReprocessing(engine, ALL, None, "alice")
    run = bulk.begin((1, 2))
    received(engine, 2, study="1.2.4", received_at=LATER, association_id="a2")
    assert bulk.open_all(run, lambda _: None) == 1
    assert reprocess_runs.progress(engine, run.name).total == 1
