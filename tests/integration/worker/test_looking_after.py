"""The commands of a bad day, on a service whose store, database and PACS are real."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from admin.cli import build_app
from db import deliveries, events, instances, studies
from db.instances import close_association
from db.studies import mark_ready
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from domain.clock import utc_now
from domain.errors import CxrTriageError, StoreUnavailable
from domain.study import DeliveryState, StudyStatus
from tests.integration.db.builders import new_instance
from tests.integration.worker.stored import results_of, store_study, study_of
from tests.integration.worker.test_analysis import break_pipeline
from worker.bootstrap_work import WorkCollaborators
from worklist.event_words import words_of
from worklist.waiting_words import waits_for


class Commands:
    """The command line on the data folder of a test."""

    def __init__(self, data_dir: Path) -> None:
        self._place = ("--data-dir", str(data_dir))

    def run(self, *words: str, exit_code: int = 0, answer: str | None = None) -> str:
        """Run a command in this process, and give its standard output."""
        line = [*words, *self._place]
        with capture_logs():  # nobody configured the log: it must not mix with what commands print
            result = CliRunner().invoke(build_app(line), line, input=answer, catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result.stdout

    def json(self, *words: str, exit_code: int = 0) -> Any:
        """Run a command with --json."""
        return json.loads(self.run(*words, "--json", exit_code=exit_code))


@pytest.fixture
def commands(collaborators: WorkCollaborators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands with the settings of the collaborators."""
    pacs = collaborators.settings.destinations[0]
    monkeypatch.setenv("CXR_DESTINATIONS", json.dumps([pacs.model_dump(mode="json")]))
    monkeypatch.setenv("SUDO_USER", "alice")
    return Commands(tmp_path)


def fail_for_good(collaborators: WorkCollaborators, tmp_path: Path, study: int = 1) -> str:
    """Let a study use up its attempts."""
    stored = store_study(collaborators, tmp_path / "send", study=study)
    healthy = collaborators.__dict__.pop("versions", None)
    break_pipeline(collaborators, StoreUnavailable("disk"))
    collaborators.__dict__.pop("analysis", None)
    while study_of(collaborators, stored.study_instance_uid).status is StudyStatus.READY:
        collaborators.analysis.run(stored.id, "t")
    collaborators.__dict__.pop("versions")
    collaborators.__dict__.pop("analysis")
    if healthy is not None:
        collaborators.__dict__["versions"] = healthy
    return stored.study_instance_uid


def test_verify_finds_what_is_missing_or_altered_and_notes_it(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """Exit status 0 while all is whole, 1 with the list of what is not; the same bytes then mend it."""
    for number in (1, 2, 3):
        store_study(collaborators, tmp_path / "send", study=number)
    whole = commands.json("verify")
    assert (whole["instances"], whole["damaged"]) == (3, [])
    missing, altered, _ = sorted(collaborators.store.instances.rglob("*.dcm"))
    kept = missing.read_bytes()
    missing.unlink()
    altered.write_bytes(altered.read_bytes()[:-1] + b"x")
    assert len(commands.json("verify", "--only-look", exit_code=1)["damaged"]) == 2
    assert [r.damaged_at for r in instances.all_of_study(collaborators.engine, 1)] == [None]
    damaged = {row["path"] for row in commands.json("verify", exit_code=1)["damaged"]}
    assert damaged == {path.relative_to(tmp_path).as_posix() for path in (missing, altered)}
    missing.write_bytes(kept)
    again = commands.json("verify", exit_code=1)
    assert [row["path"] for row in again["whole_again"]] == [missing.relative_to(tmp_path).as_posix()]
    assert store_study(collaborators, tmp_path / "send", study=2).revision == 1
    assert commands.json("verify")["damaged"] == []


def test_verify_of_a_store_that_is_not_mounted_notes_nothing(
    collaborators: WorkCollaborators, commands: Commands
) -> None:
    """When not one of many files is there it is the disk, and no image is asked for again because of it."""
    for number in range(25):
        instances.record_instance(collaborators.engine, new_instance(number, relative_path=f"instances/{number}.dcm"))
    with pytest.raises(StoreUnavailable, match="mounted"):
        commands.run("verify")
    assert {row.damaged_at for row in instances.all_of_study(collaborators.engine, 1)} == {None}


def test_what_failed_is_listed_and_tried_again_with_who_asked_for_it(
    collaborators: WorkCollaborators, commands: Commands, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """A study that used up its attempts, and a report that was refused, in one list and by one command."""
    failed_uid = fail_for_good(collaborators, tmp_path)
    pacs.set_faults(Faults(refuse_status=0xA900))
    refused = store_study(collaborators, tmp_path / "send", study=2)
    collaborators.analysis.run(refused.id, "t")
    collaborators.delivery.run(1, "t")
    listed = commands.json("failed", "list")
    assert {row["what"]: row["study_instance_uid"] for row in listed} == {
        "study": failed_uid,
        "delivery": refused.study_instance_uid,
    }
    assert len(commands.json("failed", "retry", "--all", "--dry-run")["tried_again"]) == 2
    commands.run("failed", "retry", "--all", answer="n\n", exit_code=1)
    assert len(commands.json("failed", "list")) == 2
    assert len(commands.json("failed", "retry", "--all", "--yes")["tried_again"]) == 2
    assert commands.json("failed", "list") == []
    assert study_of(collaborators, failed_uid).status is StudyStatus.READY
    asked_by = [
        event.detail["by"]
        for study_id in (1, 2)
        for event in events.of_study(collaborators.engine, study_id)
        if event.kind in {"reprocess_requested", "delivery_resend"}
    ]
    assert len(asked_by) == 2
    assert all("alice" in name for name in asked_by)


def test_retrying_what_has_not_failed_is_refused(collaborators: WorkCollaborators, commands: Commands) -> None:
    """A typing error in a UID does not pass for a success."""
    with pytest.raises(CxrTriageError, match=r"nothing of it has failed: 1\.2\.3"):
        commands.run("failed", "retry", "1.2.3", "--yes")


def test_deliveries_are_sent_again_by_destination_and_time(
    collaborators: WorkCollaborators, commands: Commands, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """What a PACS lost is sent again, the same instance; a dry run and another destination change nothing."""
    study = store_study(collaborators, tmp_path / "send")
    collaborators.analysis.run(study.id, "t")
    collaborators.delivery.run(1, "t")
    for words in (("--destination", "other"), ("--until", "2020-01-01")):
        with pytest.raises(CxrTriageError, match="no delivery matches"):
            commands.run("deliveries", "resend", *words, "--yes")
    assert len(commands.json("deliveries", "resend", "--destination", "pacs", "--dry-run")) == 1
    assert commands.json("deliveries", "list", "--state", "SENT", "--study", study.study_instance_uid)
    words = ("--destination", "pacs", "--state", "SENT", "--since", "2020-01-01")
    assert commands.json("deliveries", "resend", *words, "--yes")["due_again"] == 1
    collaborators.delivery.run(1, "t2")
    assert pacs.times_sent(pacs.reports[0].SOPInstanceUID) == 2
    with pytest.raises(CxrTriageError, match="not here"):
        commands.run("deliveries", "resend", "77", "--yes")
    with pytest.raises(CxrTriageError, match="say which"):
        commands.run("deliveries", "resend", "--yes")


def test_why_tells_the_whole_story_of_a_reported_study(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """From the association to the PACS's answer, each event with its time, and nothing left to wait for."""
    study = store_study(collaborators, tmp_path / "send")
    collaborators.analysis.run(study.id, "t")
    collaborators.delivery.run(1, "t")
    page = commands.json("why", study.study_instance_uid)
    assert (page["status"], page["waits_for"]) == ("REPORTED", [])
    assert [sender["calling_ae_title"] for sender in page["senders"]] == ["MODALITY"]
    told = [event["kind"] for event in page["events"]]
    assert told[0] == "study_opened"
    assert told[-2:] == ["report_sent", "study_reported"]
    assert all(event["at"] for event in page["events"])
    assert page["results"][0]["rule"].startswith("threshold ")
    printed = commands.run("why", study.study_instance_uid)
    assert "pacs answered 0x0000 to attempt 1" in printed
    assert "waits for nothing" in printed
    with pytest.raises(CxrTriageError, match="no study"):
        commands.run("why", "1.2.3")


def test_why_says_what_is_waited_for_at_every_step(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """Quiet time and open association, queue, worker, next attempt at a PACS that is away, a human."""
    engine, settings = collaborators.engine, collaborators.settings
    now = utc_now()

    def waiting(uid: str = "1.2.3") -> str:
        study = studies.find(engine, uid)
        assert study is not None
        return "\n".join(waits_for(engine, study, settings, now))

    instances.record_instance(engine, new_instance(received_at=now + timedelta(seconds=10)))
    assert "s without a new image" in waiting()
    assert "the association with MODALITY" in waiting()
    close_association(engine, "a1", now)
    assert "association" not in waiting()
    mark_ready(engine, now + timedelta(seconds=20), timedelta(), timedelta())
    assert "to queue it" in waiting()
    studies.note_queued(engine, [1], now)
    assert "a worker: queued" in waiting()
    studies.claim(engine, 1, "t", now, timedelta(seconds=60))
    assert "attempt 1 of 3; its lease ends in 60 s" in waiting()
    pacs.set_faults(Faults(refuse_association=True))
    read = store_study(collaborators, tmp_path / "send", study=2)
    collaborators.analysis.run(read.id, "t")
    now = utc_now()
    assert "a worker, for attempt 1" in waiting(read.study_instance_uid)
    collaborators.delivery.run(1, "t")
    (delivery,) = deliveries.of_result(engine, results_of(collaborators, read)[0].id)
    now = delivery.next_attempt_at - timedelta(seconds=7)
    assert "attempt 2 of 2 in 7 s after: PeerUnavailable" in waiting(read.study_instance_uid)
    now = utc_now()
    while deliveries.of_result(engine, delivery.result_id)[0].state is DeliveryState.PENDING:
        collaborators.delivery.run(1, "t2")
    assert "cxr-triage deliveries resend 1" in waiting(read.study_instance_uid)


def test_why_says_that_a_failed_study_needs_a_human_and_how_to_try_again(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """FAILED is not the end of the story."""
    uid = fail_for_good(collaborators, tmp_path)
    assert commands.json("why", uid)["waits_for"] == [f"a human read; `cxr-triage failed retry {uid}` tries it again"]


def test_status_and_why_name_the_destinations_that_fail(
    collaborators: WorkCollaborators, commands: Commands, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """Since when, how often, and until when they are left alone; none of it once a report was taken."""
    pacs.set_faults(Faults(refuse_association=True))
    read = store_study(collaborators, tmp_path / "send")
    collaborators.analysis.run(read.id, "t")
    collaborators.delivery.run(1, "t")
    told = commands.json("status")["failing"]
    assert told["pacs"].keys() == {"since", "attempts", "paused_until"}
    assert told["pacs"]["attempts"] == 1
    assert "failing pacs" in commands.run("status")
    other = store_study(collaborators, tmp_path / "send", study=2)
    collaborators.analysis.run(other.id, "t")
    (waited_for,) = commands.json("why", other.study_instance_uid)["waits_for"]
    assert "after pacs, which is tried again in 0 s, has taken another; failures since" in waited_for
    pacs.set_faults(Faults())
    collaborators.delivery.run(1, "t2")
    assert commands.json("status")["failing"] == {}


def test_an_event_without_words_is_named_with_its_details() -> None:
    """Nothing is left out of the page because nobody wrote words for it."""
    assert words_of("something_new", {"destination": "pacs"}).what == "something new (destination pacs)"


def test_what_needs_a_human_read_is_on_top(
    collaborators: WorkCollaborators, commands: Commands, tmp_path: Path
) -> None:
    """Of status and of the list of studies, however old it is, and with the reason."""
    failed_uid = fail_for_good(collaborators, tmp_path)
    newer = store_study(collaborators, tmp_path / "send", study=2)
    status = commands.json("status")
    assert next(iter(status)) == "needs_human_read"
    assert status["needs_human_read"] == 1
    first, second = commands.json("studies", "list")
    assert (first["study_instance_uid"], second["study_instance_uid"]) == (failed_uid, newer.study_instance_uid)
    assert first["reason"].startswith("needs a human read: ")
    assert commands.json("studies", "list", "--limit", "1") == [first]
