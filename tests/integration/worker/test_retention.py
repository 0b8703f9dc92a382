"""Retention on a service whose store, database and PACS are real."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.operations import RetentionSettings
from db import deliveries, events
from db import retention as retention_rows
from db.tables import Study
from dicom_gateway.store_removal import StoreRemoval
from domain.clock import utc_now
from domain.errors import CxrTriageError, StoreUnavailable
from domain.finding import Assessment, RefusalCode
from domain.study import StudyStatus
from tests.integration.db.builders import received
from tests.integration.worker.stored import results_of, store_study, study_of
from tests.integration.worker.test_looking_after import Commands
from worker import retention
from worker.bootstrap_work import WorkCollaborators
from worker.retention import Retention

#: Every study is old enough, and every file is settled.
AT_ONCE = RetentionSettings(retain_days=1e-9, purge_below_free_megabytes=0, keep_hours=0)


@pytest.fixture
def retained(collaborators: WorkCollaborators) -> Retention:
    """Retention without waiting; the commands use it too."""
    return retention_with(collaborators, AT_ONCE)


def retention_with(collaborators: WorkCollaborators, settings: RetentionSettings, quota: float = 0) -> Retention:
    """Build retention with settings, for files that are settled at once."""
    removal = StoreRemoval(collaborators.store, settled_seconds=0)
    return Retention(collaborators.engine, collaborators.store, removal, settings, quota)


def reported(collaborators: WorkCollaborators, tmp_path: Path, study: int = 1, truth: str = "pneumonia") -> Study:
    """Bring a study to REPORTED."""
    stored = store_study(collaborators, tmp_path / "send", study=study, truth=truth)
    collaborators.analysis.run(stored.id, "t")
    for delivery in deliveries.of_result(collaborators.engine, results_of(collaborators, stored)[-1].id):
        collaborators.delivery.run(delivery.id, "t")
        collaborators.confirmation.run(delivery.id, "t")
    found = study_of(collaborators, stored.study_instance_uid)
    assert found.status is StudyStatus.REPORTED
    return found


def files(collaborators: WorkCollaborators) -> list[Path]:
    """List the stored instances."""
    return sorted(collaborators.store.instances.rglob("*.dcm"))


def late(collaborators: WorkCollaborators, tmp_path: Path, number: int, **image: str) -> Study:
    """Store another image of study 1."""
    return store_study(collaborators, tmp_path / "send", number=number, **image)


def test_images_go_and_what_was_said_of_them_stays(
    collaborators: WorkCollaborators, retained: Retention, tmp_path: Path
) -> None:
    """File and folder are gone; result, report and events are not, with the reason; a waiting study keeps its file."""
    study = reported(collaborators, tmp_path)
    waiting = store_study(collaborators, tmp_path / "send", study=2)
    retained.look()
    assert [file.parent.name for file in files(collaborators)] == [waiting.study_instance_uid]
    assert not (collaborators.store.instances / study.study_instance_uid).exists()
    assert len(results_of(collaborators, study)) == 1
    purged = events.of_study(collaborators.engine, study.id)[-1]
    assert (purged.kind, purged.detail["by"], purged.detail["reason"]) == ("study_purged", "the service", "retain_days")


def test_a_clock_that_jumped_ahead_removes_nothing_until_it_has_stood(
    collaborators: WorkCollaborators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year ahead everything is old: it waits, says so once, and goes on days after images came by the new clock."""
    study, ahead = reported(collaborators, tmp_path), utc_now() + timedelta(days=365)
    by_age = retention_with(
        collaborators, RetentionSettings(retain_days=90, purge_below_free_megabytes=0, keep_hours=24)
    )

    def looks(now: datetime) -> list[str]:
        monkeypatch.setattr(retention, "utc_now", lambda: now)
        with capture_logs() as logs:
            by_age.look()
        return [entry["event"] for entry in logs]

    assert looks(ahead) == ["retention_waits_for_clock"]
    received(collaborators.engine, study="1.2.99", association_id="a99", received_at=ahead)
    assert looks(ahead + timedelta(days=2)) == []
    assert len(files(collaborators)) == 1
    assert looks(ahead + timedelta(days=4)) == ["study_purged"]
    assert files(collaborators) == []
    assert study_of(collaborators, study.study_instance_uid).status is StudyStatus.REPORTED


@pytest.mark.parametrize("point", ["failpoint", "remove"])
def test_a_crash_at_any_step_is_made_good_by_the_next_look(
    collaborators: WorkCollaborators,
    retained: Retention,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    """Killed after the mark, or in the middle of the removal: the rest is removed later, and nothing else is."""
    reported(collaborators, tmp_path)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    target: object = retention if point == "failpoint" else StoreRemoval
    monkeypatch.setattr(target, point, die)
    with pytest.raises(KeyboardInterrupt):
        retained.look()
    monkeypatch.undo()
    assert len(files(collaborators)) == 1
    retained.look()
    assert files(collaborators) == []


def test_a_full_disk_takes_the_longest_reported_first_and_stops_when_there_is_space(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """By quota: one of three goes, the oldest; what was reported within keep_hours stays whatever happens."""
    studies = [reported(collaborators, tmp_path, study=number) for number in (1, 2, 3)]
    megabytes = files(collaborators)[0].stat().st_size / 10**6
    pressed = AT_ONCE.model_copy(update={"retain_days": 0, "purge_below_free_megabytes": megabytes})
    kept = pressed.model_copy(update={"keep_hours": 1.0})
    with capture_logs() as logs:
        retention_with(collaborators, kept, quota=3.5 * megabytes).look()
    assert len(files(collaborators)) == 3
    assert [entry["event"] for entry in logs] == ["retention_finds_nothing_to_remove"]
    retention_with(collaborators, pressed, quota=3.5 * megabytes).look()
    assert {file.parent.name for file in files(collaborators)} == {s.study_instance_uid for s in studies[1:]}


def test_a_late_image_of_a_purged_study_never_takes_its_suspicion_back(
    collaborators: WorkCollaborators, retained: Retention, tmp_path: Path
) -> None:
    """A normal image alone is no all-clear for a study whose first image is gone: undetermined, and asked for again."""
    study = reported(collaborators, tmp_path)
    retained.look()
    late_study = late(collaborators, tmp_path, number=2, truth="normal")
    collaborators.analysis.run(late_study.id, "t2")
    first, second = results_of(collaborators, study)
    assert first.assessment is Assessment.SUSPECTED
    assert (second.assessment, second.refusal_code) == (Assessment.UNDETERMINED, RefusalCode.IMAGES_PURGED)
    again = late(collaborators, tmp_path, number=1)
    assert (again.status, again.revision) == (StudyStatus.READY, 3)
    collaborators.analysis.run(study.id, "t3")
    assert results_of(collaborators, study)[-1].assessment is Assessment.SUSPECTED


def test_the_same_bytes_restore_a_purged_image_and_open_no_revision(
    collaborators: WorkCollaborators, retained: Retention, tmp_path: Path
) -> None:
    """It is there again, whole, and its report stands."""
    study = reported(collaborators, tmp_path)
    (before,) = [file.read_bytes() for file in files(collaborators)]
    retained.look()
    again = late(collaborators, tmp_path, number=1)
    assert (again.status, again.revision) == (StudyStatus.REPORTED, 1)
    assert [file.read_bytes() for file in files(collaborators)] == [before]
    assert events.of_study(collaborators.engine, study.id)[-1].kind == "instance_restored"


def test_a_store_that_is_not_mounted_is_not_taken_for_purged(
    collaborators: WorkCollaborators, retained: Retention, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When not one study's folder is there, nothing is marked."""
    reported(collaborators, tmp_path)
    monkeypatch.setattr(retention, "_TOO_MANY_GONE", 1)
    collaborators.store.instances.rename(tmp_path / "elsewhere")
    collaborators.store.instances.mkdir()
    with pytest.raises(StoreUnavailable, match="mounted"):
        retained.look()
    assert retention_rows.purged_since(collaborators.engine, utc_now() - timedelta(days=1)) == []


@pytest.fixture
def commands(collaborators: WorkCollaborators, retained: Retention, tmp_path: Path) -> Callable[[], Commands]:
    """Commands on the data folder of the collaborators."""
    return lambda: Commands(tmp_path)


def test_purge_by_command_says_first_what_would_go(
    collaborators: WorkCollaborators, commands: Callable[[], Commands], tmp_path: Path
) -> None:
    """A dry run and a No change nothing; a study that must stay is refused; afterwards a reprocessing is."""
    study = reported(collaborators, tmp_path)
    run = commands()
    assert run.json("purge", "--dry-run")["studies"] == 0
    told = run.json("purge", "--older-than", "0", "--dry-run")
    assert [row["study_instance_uid"] for row in told["list"]] == [study.study_instance_uid]
    run.run("purge", "--older-than", "0", answer="n\n", exit_code=1)
    assert run.json("verify")["instances"] == 1
    with pytest.raises(CxrTriageError, match="cxr-triage why"):
        run.run("purge", "--study", study.study_instance_uid, "--yes")
    assert run.json("purge", "--older-than", "0", "--yes")["instances"] == 1
    assert run.json("status")["instances"]["purged"] == 1
    assert run.json("reprocess", "--all", "--dry-run")["without_images"] == [study.study_instance_uid]
    with pytest.raises(CxrTriageError, match="have them sent again"):
        run.run("reprocess", "--study", study.study_instance_uid, "--yes")


def test_orphans_are_named_and_removed_only_by_command(
    collaborators: WorkCollaborators, retained: Retention, commands: Callable[[], Commands], tmp_path: Path
) -> None:
    """A file without a row, left by a crash before its answer: the service leaves it alone."""
    study = store_study(collaborators, tmp_path / "send")
    folder = collaborators.store.instances / study.study_instance_uid
    (folder / "1.2.3.0000000000000000.dcm").write_bytes(b"never acknowledged")
    retained.look()
    run = commands()
    (orphan,) = run.json("purge", "--orphans", "--dry-run")["orphans"]
    assert orphan.endswith("1.2.3.0000000000000000.dcm")
    assert run.json("purge", "--orphans", "--yes")["removed"] == 0, "it came within the hour"
    assert retained.remove_orphans([orphan], "test") == 1
    assert len(files(collaborators)) == 1
