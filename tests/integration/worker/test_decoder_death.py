import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from db.tables import Study
from domain.study import StudyStatus
from tests.acceptance.conftest import wait_until
from tests.integration.worker.deadly_worker import DEADLY, HANGING, HUNGRY
from tests.integration.worker.stored import results_of, store_study, study_of
from worker.bootstrap_work import WorkCollaborators
from worker.lifeline import die_with_parent

_ATTEMPTS = 3
_PROJECT = Path(__file__).parents[3]


@pytest.fixture
def worker_log(settings: Settings, collaborators: WorkCollaborators, tmp_path: Path) -> Iterator[Path]:
    """The log of a real Celery worker of one process, which runs on the collaborators' database and broker."""
    log = tmp_path / "worker.log"
    environment = {
        "CXR_SERVICE__DATA_DIR": str(settings.service.data_dir),
        "CXR_BROKER__URL": settings.broker.url.get_secret_value(),
        "CXR_ANALYSIS__PROCESSES": "1",
        "CXR_ANALYSIS__MAX_ATTEMPTS": str(_ATTEMPTS),
        "CXR_ANALYSIS__MEMORY_MEGABYTES": "1000",
        "CXR_ANALYSIS__SOFT_TIME_LIMIT_SECONDS": "4",
        "CXR_ANALYSIS__HARD_TIME_LIMIT_SECONDS": "5",
    }
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.worker.deadly_worker"],
            cwd=_PROJECT,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
        )
    yield log
    process.terminate()
    process.wait()


def sweep_until(collaborators: WorkCollaborators, condition: Callable[[], bool], what: str) -> None:
    """Sweep, as the service does all the time, until a condition holds."""

    def swept() -> bool:
        collaborators.readiness.sweep()
        return condition()

    wait_until(swept, what)


def has_status(collaborators: WorkCollaborators, study: Study, status: StudyStatus) -> Callable[[], bool]:
    """Give the condition that a study has come to a status."""
    return lambda: study_of(collaborators, study.study_instance_uid).status is status


def test_a_study_whose_decoding_kills_the_process_fails_after_its_attempts_and_others_go_on(
    collaborators: WorkCollaborators, worker_log: Path, tmp_path: Path
) -> None:
    """SIGABRT in the pool's only process, three times: that study is FAILED, those before and after it are read."""
    before = store_study(collaborators, tmp_path / "x", study=1)
    deadly = store_study(collaborators, tmp_path / "x", study=DEADLY)
    after = store_study(collaborators, tmp_path / "x", study=2)
    sweep_until(collaborators, has_status(collaborators, deadly, StudyStatus.FAILED), "FAILED")
    for study in (before, after):
        sweep_until(collaborators, has_status(collaborators, study, StudyStatus.ANALYSED), "ANALYSED")
        assert len(results_of(collaborators, study)) == 1
    failed = study_of(collaborators, deadly.study_instance_uid)
    assert failed.last_error == "the analysis process died or hung"
    assert results_of(collaborators, deadly) == []
    assert worker_log.read_text().count("exited with 'signal 6 (SIGABRT)'") == _ATTEMPTS


def test_a_study_whose_decoding_hangs_costs_a_process_and_an_attempt(
    collaborators: WorkCollaborators, worker_log: Path, tmp_path: Path
) -> None:
    """The hard time limit kills the process; the attempt is given back at once, and another study is read."""
    hanging = store_study(collaborators, tmp_path / "x", study=HANGING)
    other = store_study(collaborators, tmp_path / "x", study=1)
    sweep_until(collaborators, has_status(collaborators, other, StudyStatus.ANALYSED), "ANALYSED")
    assert "Hard time limit" in worker_log.read_text()
    waiting = study_of(collaborators, hanging.study_instance_uid)
    assert waiting.attempts >= 1
    assert "TimeLimitExceeded" in (waiting.last_error or "")


def test_a_study_whose_decoding_eats_memory_fails_and_its_process_goes_on(
    collaborators: WorkCollaborators, worker_log: Path, tmp_path: Path
) -> None:
    """MemoryError at the limit, not the machine's end: FAILED after its attempts, another study is read."""
    hungry = store_study(collaborators, tmp_path / "x", study=HUNGRY)
    other = store_study(collaborators, tmp_path / "x", study=1)
    sweep_until(collaborators, has_status(collaborators, hungry, StudyStatus.FAILED), "FAILED")
    sweep_until(collaborators, has_status(collaborators, other, StudyStatus.ANALYSED), "ANALYSED")
    assert "MemoryError" in (study_of(collaborators, hungry.study_instance_uid).last_error or "")
    log = worker_log.read_text()
    assert "exited with" not in log
    assert "Unrecoverable" not in log
