from pathlib import Path
from types import SimpleNamespace

from db import deliveries, events
from domain.errors import StoreUnavailable
from domain.finding import Assessment, RefusalCode
from domain.study import DeliveryState, StudyStatus
from tests.integration.worker.stored import results_of, store_study, study_of
from worker import tasks
from worker.bootstrap_work import WorkCollaborators
from worker.pipeline import Reading
from worker.queue import ANALYSE_TASK, DELIVER_QUEUE

_PATIENT_TEXT = "Doe^Jane 19800101"


class BrokenPipeline:
    """A pipeline that raises."""

    version, shadow_version = "broken", None

    def __init__(self, error: Exception) -> None:
        self._error = error

    def warm_up(self) -> None:
        """Do nothing."""

    def read_study(self, *_: object) -> Reading:
        """Raise."""
        raise self._error


def break_pipeline(collaborators: WorkCollaborators, error: Exception) -> None:
    """Put a pipeline that raises in the place of the real one."""
    collaborators.__dict__["versions"] = SimpleNamespace(pipeline=lambda _: BrokenPipeline(error))


def test_a_study_is_analysed_once_however_often_it_is_rung_for(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """The second and third message of the same study change nothing."""
    study = store_study(collaborators, tmp_path)
    for task in ("t1", "t2", "t1"):
        collaborators.analysis.run(study.id, task)
    (result,) = results_of(collaborators, study)
    assert result.assessment is Assessment.SUSPECTED
    assert study_of(collaborators, study.study_instance_uid).status is StudyStatus.ANALYSED
    assert collaborators.doorbell.depth(DELIVER_QUEUE) == 1
    assert [d.state for d in deliveries.of_result(collaborators.engine, result.id)] == [DeliveryState.PENDING]


def test_a_file_that_was_altered_after_the_acknowledgement_is_not_scored(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """Found by its checksum: undetermined, with the reason."""
    study = store_study(collaborators, tmp_path)
    (file,) = collaborators.store.instances.rglob("*.dcm")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    collaborators.analysis.run(study.id, "t1")
    (result,) = results_of(collaborators, study)
    assert (result.assessment, result.refusal_code) == (Assessment.UNDETERMINED, RefusalCode.STORE_DAMAGED)


def test_the_same_bytes_sent_again_mend_a_damaged_file_and_open_a_new_revision(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """The undetermined report asks for the image again; when it comes it is read, and the report is superseded."""
    study = store_study(collaborators, tmp_path)
    (file,) = collaborators.store.instances.rglob("*.dcm")
    file.unlink()
    collaborators.analysis.run(study.id, "t1")
    again = store_study(collaborators, tmp_path)
    assert (again.id, again.status, again.revision) == (study.id, StudyStatus.READY, 2)
    collaborators.analysis.run(study.id, "t2")
    first, second = results_of(collaborators, study)
    assert first.refusal_code is RefusalCode.STORE_DAMAGED
    assert (second.assessment, second.supersedes_id) == (Assessment.SUSPECTED, first.id)
    kinds = [event.kind for event in events.of_study(collaborators.engine, study.id)]
    assert kinds.count("instance_damaged") == kinds.count("instance_mended") == 1
    assert store_study(collaborators, tmp_path).revision == 2


def test_a_transient_failure_is_tried_again_and_then_failed(collaborators: WorkCollaborators, tmp_path: Path) -> None:
    """READY with a wait after each attempt, FAILED after the last, never silently dropped."""
    study = store_study(collaborators, tmp_path)
    break_pipeline(collaborators, StoreUnavailable("disk"))
    collaborators.analysis.run(study.id, "t1")
    found = study_of(collaborators, study.study_instance_uid)
    assert (found.status, found.attempts, found.last_error) == (StudyStatus.READY, 1, "StoreUnavailable: disk")
    while study_of(collaborators, study.study_instance_uid).status is StudyStatus.READY:
        collaborators.analysis.run(study.id, "t2")
    found = study_of(collaborators, study.study_instance_uid)
    assert (found.status, found.attempts) == (StudyStatus.FAILED, collaborators.settings.analysis.max_attempts)
    assert results_of(collaborators, study) == []


def test_an_unforeseen_failure_gives_the_study_back_and_keeps_no_patient_data(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """Type and place of a foreign exception are kept, its text is not."""
    study = store_study(collaborators, tmp_path)
    break_pipeline(collaborators, ValueError(_PATIENT_TEXT))
    app = collaborators.celery
    tasks.register(app, collaborators.settings, {ANALYSE_TASK: lambda: collaborators.analysis})
    app.tasks[ANALYSE_TASK].apply(args=(study.id,), task_id="t1")
    found = study_of(collaborators, study.study_instance_uid)
    assert found.status is StudyStatus.READY
    assert (found.last_error or "").startswith("ValueError at test_analysis.py:")
    assert _PATIENT_TEXT not in (found.last_error or "")
