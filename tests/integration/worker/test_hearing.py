"""A worker that takes no message although messages wait must not live on for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from domain.errors import BrokerUnavailable
from tests.acceptance.conftest import wait_until
from tests.integration.worker.deaf_worker import DEAF_NOW
from worker.bootstrap_work import WorkCollaborators
from worker.hearing import Hearing
from worker.lifeline import die_with_parent

_PROJECT = Path(__file__).parents[3]
_EXIT_DEAF = 70


class _Ended(Exception):
    """The process would have ended here."""


def _end() -> None:
    raise _Ended


def test_a_deaf_worker_ends_so_that_it_is_started_again(
    settings: Settings, collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """A real Celery worker whose consumer is cancelled: a message waits, and it ends by itself and says why."""
    environment = {
        "CXR_SERVICE__DATA_DIR": str(settings.service.data_dir),
        "CXR_BROKER__URL": settings.broker.url.get_secret_value(),
        "CXR_DELIVERY__PROCESSES": "1",
        "CXR_DELIVERY__SOFT_TIME_LIMIT_SECONDS": "1",
        "CXR_DELIVERY__HARD_TIME_LIMIT_SECONDS": "2",
    }
    log = tmp_path / "worker.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.worker.deaf_worker"],
            cwd=_PROJECT,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl(2), which takes no lock
        )
        wait_until(lambda: DEAF_NOW in log.read_text(), "deaf")
        collaborators.doorbell.ring_for_deliveries([1])
        assert process.wait() == _EXIT_DEAF
    assert '"worker_deaf"' in log.read_text()


def test_silence_counts_only_while_messages_wait_and_the_broker_answers() -> None:
    """An empty queue, a message taken, and a broker that is away each begin the count anew."""
    now, waiting = [0.0], [1]

    def depth() -> int:
        if waiting[0] < 0:
            raise BrokerUnavailable("away")
        return waiting[0]

    hearing = Hearing(depth, 10.0, _end, lambda: now[0])
    for quiet in (hearing.heard, lambda: waiting.__setitem__(0, 0), lambda: waiting.__setitem__(0, -1)):
        now[0] += 9.0
        hearing.look()
        quiet()
        hearing.look()
        waiting[0] = 1
    now[0] += 10.0
    hearing.look()
    now[0] += 0.1
    with pytest.raises(_Ended):
        hearing.look()
