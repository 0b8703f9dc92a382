"""Back-pressure with real sockets, a real store and a real database; the quota stands for a small disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.load import load_settings
from config.settings import Settings
from db import intake_load, overview, schema
from dicom_gateway.association_scu import Destination
from dicom_gateway.status import Status
from dicom_gateway.storage_scp import StorageScp
from dicom_gateway.storage_scu import send_files
from dicom_gateway.verification import echo
from domain.study import StudyStatus
from tests.acceptance.xrays import write_xray
from worker.bootstrap import Collaborators, scp_config
from worker.bootstrap_work import WorkCollaborators
from worker.intake_watch import IntakeWatch

SENDERS = 12


def settings_with(settings: Settings, **back_pressure: float) -> Settings:
    """Give the settings with other water marks, on a free port."""
    values = settings.model_dump()
    listener = {"host": "127.0.0.1", "port": 0}
    kept = {name: values[name] for name in ("service", "broker", "readiness", "analysis")}
    return load_settings(None, {**kept, "listener": listener, "back_pressure": back_pressure})


@contextmanager
def listening(collaborators: Collaborators) -> Iterator[Destination]:
    """Run the Storage SCP in this process, measured only when the test looks."""
    intake = collaborators.intake
    scp = StorageScp(
        scp_config(collaborators.settings),
        collaborators.store,
        intake.on_instance,
        on_association_closed=intake.on_association_closed,
        room=collaborators.intake_watch.room,
    )
    with scp:
        host, port = scp.address
        yield Destination("scp", "CXR_TRIAGE", host, port, "MODALITY")


@pytest.fixture
def migrated(settings: Settings) -> Settings:
    """The settings of a service whose database is there."""
    schema.upgrade(Collaborators(settings).engine)
    return settings


def send(peer: Destination, *files: Path) -> list[int | None]:
    """Send files over one association, and give the answers."""
    return [outcome.status for outcome in send_files(peer, files)]


def test_senders_at_once_never_take_more_than_the_quota(migrated: Settings, tmp_path: Path) -> None:
    """Who is answered with success is kept whole, who is not gets A700, and the quota less its reserve holds."""
    files = [write_xray(tmp_path / "send", study) for study in range(1, SENDERS + 1)]
    size = max(file.stat().st_size for file in files) / 10**6
    marks = {
        "reserve_megabytes": size,
        "stop_below_free_megabytes": size,
        "accept_above_free_megabytes": size,
        "quota_megabytes": 5 * size,
    }
    collaborators = Collaborators(settings_with(migrated, **marks))
    with listening(collaborators) as peer, ThreadPoolExecutor(SENDERS) as pool:
        answers = [status for answer in pool.map(lambda file: send(peer, file), files) for status in answer]
        assert echo(peer) >= 0
    assert set(answers) == {Status.SUCCESS, Status.OUT_OF_RESOURCES}
    count, stored = overview.instances_kept(collaborators.engine)
    assert count == answers.count(Status.SUCCESS)
    assert 0 < stored <= 4 * size * 10**6
    assert list(collaborators.store.incoming.iterdir()) == []
    assert len(list(collaborators.store.instances.rglob("*.dcm"))) == count


def test_a_long_queue_stops_receiving_until_it_is_worked_off(migrated: Settings, tmp_path: Path) -> None:
    """A700 and C-ECHO above the mark, the studies inside are analysed, and then the refused one is accepted."""
    files = [write_xray(tmp_path / "send", study) for study in (1, 2, 3)]
    collaborators = WorkCollaborators(settings_with(migrated, stop_above_waiting=1, accept_below_waiting=1))
    watch = collaborators.intake_watch
    with listening(collaborators) as peer, capture_logs() as logs:
        assert send(peer, *files[:2]) == [Status.SUCCESS] * 2
        watch.look()
        assert send(peer, files[2], files[2]) == [Status.OUT_OF_RESOURCES] * 2
        assert echo(peer) >= 0
        watch.look()
        collaborators.readiness.sweep()
        for study_id in (1, 2):
            collaborators.analysis.run(study_id, "t1")
        watch.look()
        assert send(peer, files[2]) == [Status.SUCCESS]
    told = [(entry["event"], entry.get("instances_refused")) for entry in logs if entry["event"].startswith("intake_")]
    assert told == [("intake_stopped", None), ("intake_resumed", 2)]
    assert not any(entry["event"] == "instance_refused" for entry in logs)
    assert overview.studies_by_status(collaborators.engine)[StudyStatus.ANALYSED] == 2


def test_a_stop_is_on_record_until_a_listener_accepts_again(migrated: Settings, tmp_path: Path) -> None:
    """`status` sees it by the newest event, also after the listener was killed while it stood still."""
    stopping = Collaborators(settings_with(migrated, stop_above_waiting=1, accept_below_waiting=1))
    with listening(stopping) as peer:
        send(peer, *(write_xray(tmp_path / "send", study) for study in (1, 2)))
        stopping.intake_watch.look()
        change = intake_load.latest_change(stopping.engine)
        assert change is not None
        assert intake_load.is_stopped(change)
        assert change.detail["obstacles"] == ["work waiting"]
    accepting = Collaborators(migrated)
    IntakeWatch(accepting.engine, accepting.store, migrated.back_pressure).look()
    assert not intake_load.is_stopped(intake_load.latest_change(accepting.engine))
