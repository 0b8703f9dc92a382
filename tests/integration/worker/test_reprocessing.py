"""`reprocess` on a service whose store, database and queues are real."""

from pathlib import Path

import pytest

from db import events, instances, results
from db.reprocessing import DONE
from domain.errors import ConfigurationInvalid, CxrTriageError
from domain.study import StudyStatus
from tests.acceptance.xrays import PATIENT_ID
from tests.integration.db.builders import received
from tests.integration.worker.stored import results_of, store_study, study_of
from tests.integration.worker.test_looking_after import Commands
from tests.integration.worker.test_readiness import empty_queues
from worker.bootstrap_work import WorkCollaborators
from worker.queue import ANALYSE_QUEUE


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Commands on the data folder of the collaborators."""
    return Commands(tmp_path)


def analysed(collaborators: WorkCollaborators, tmp_path: Path, *numbers: int) -> list[str]:
    """Store and read studies; gives their UIDs."""
    stored = [store_study(collaborators, tmp_path / "send", study=number) for number in numbers]
    for study in stored:
        collaborators.analysis.run(study.id, "t")
    return [study.study_instance_uid for study in stored]


def test_a_dry_run_and_a_wrong_number_change_nothing(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """What and how many are printed; --expect refuses before anything is opened."""
    uids = analysed(collaborators, tmp_path, 1, 2)
    told = commands.json("reprocess", "--assessment", "suspected", "--dry-run")
    assert (told["matched"], told["by_status"], told["study_instance_uids"]) == (2, {"ANALYSED": 2}, uids)
    with pytest.raises(CxrTriageError, match="2 studies match, 3 were expected"):
        commands.run("reprocess", "--all", "--expect", "3", "--yes")
    with pytest.raises(CxrTriageError, match=r"unknown here.*1\.2\.3"):
        commands.run("reprocess", "--study", uids[0], "--study", "1.2.3", "--yes")
    with pytest.raises(ConfigurationInvalid, match="none"):
        commands.run("reprocess", "--all", "--model", "none", "--yes")
    commands.run("reprocess", "--all", answer="n\n", exit_code=1)
    assert {study_of(collaborators, uid).revision for uid in uids} == {1}


def test_reprocessed_studies_are_read_again_and_their_history_is_kept(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """A second result supersedes the first, which is as it was; who asked for it is on record."""
    (uid,) = analysed(collaborators, tmp_path, 1)
    (first,) = results_of(collaborators, study_of(collaborators, uid))
    told = commands.json("reprocess", "--study", uid, "--expect", "1", "--yes")
    assert (told["matched"], told["reprocessed"], told["done"]) == (1, 1, 0)
    collaborators.readiness.sweep()
    collaborators.analysis.run(1, "t2")
    kept, second = results_of(collaborators, study_of(collaborators, uid))
    assert (kept.id, kept.probability, kept.created_at) == (first.id, first.probability, first.created_at)
    assert second.supersedes_id == first.id
    (asked,) = [e for e in events.of_study(collaborators.engine, 1) if e.kind == "reprocess_requested"]
    assert asked.detail["by"]


def test_live_studies_go_before_those_that_are_reprocessed(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """A few messages wait for each process, and no more until they are worked off; a live study is rung for at once."""
    collaborators.settings = collaborators.settings.model_copy(update={"destinations": ()})
    most = 4 * collaborators.settings.analysis.processes
    (uid,) = analysed(collaborators, tmp_path, 1)
    for number in range(most + 5):
        place = {"association_id": f"b{number}", "relative_path": f"instances/{number}.dcm"}
        received(collaborators.engine, study=f"1.2.{number}", **place)
    engine, readiness = collaborators.engine, collaborators.readiness
    for number in range(most + 5):
        instances.close_association(engine, f"b{number}", study_of(collaborators, uid).last_received_at)
    readiness.sweep()
    for study_id in range(2, most + 7):
        collaborators.analysis.run(study_id, "t")
    assert commands.json("reprocess", "--all", "--yes")["reprocessed"] == most + 6
    empty_queues(collaborators)
    for _ in range(3):
        readiness.sweep()
    assert collaborators.doorbell.depth(ANALYSE_QUEUE) == most
    store_study(collaborators, tmp_path / "send", study=2)
    assert collaborators.doorbell.depth(ANALYSE_QUEUE) == most + 1


def test_studies_are_found_by_patient_and_by_nothing_that_is_kept(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """The headers are searched; the database holds neither the patient ID nor what was asked for."""
    uids = analysed(collaborators, tmp_path, 1, 2)
    found = commands.json("studies", "find", "--patient-id", PATIENT_ID)
    assert [row["study_instance_uid"] for row in found] == uids
    assert commands.json("studies", "find", "--patient-id", PATIENT_ID, "--until", "2020-01-01") == []
    assert commands.json("studies", "find", "--accession", "NONE") == []
    assert commands.json("reprocess", "--patient-id", PATIENT_ID, "--yes")["reprocessed"] == 2
    for file in tmp_path.glob("*.sqlite*"):
        assert PATIENT_ID.encode() not in file.read_bytes(), file
    assert all(study_of(collaborators, uid).status is StudyStatus.READY for uid in uids)
    assert not {study_of(collaborators, uid).status for uid in uids} & set(DONE)
    assert results.of_study(collaborators.engine, 1)
