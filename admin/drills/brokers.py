"""Drill 2: the broker killed and empty again, away, its messages repeated, out of order, delivered twice at once."""

import time
from collections.abc import Callable, Sequence

import psutil

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from db import deliveries, results
from db.tables import Study
from domain.errors import BrokerUnavailable, Rejected
from domain.failpoints import Arming, FailAction, Failpoint
from worker.queue import ANALYSE_TASK

#: Longer than the worker waits for an answer of the broker.
_AWAY_SECONDS = (1.0, 8.0)
#: Every so many rounds it is away for a minute.
_LONG_AWAY_EVERY, _LONG_AWAY_SECONDS = 24, 60.0
_RINGS, _RING_PAUSE_SECONDS = 20, 0.1


def _kill(rig: Rig, run: DrillRun, *_: object) -> None:
    """Kill it: the supervisor starts an empty one."""
    rig.wait_until_steady("broker")
    time.sleep(run.chance.uniform(0, 1.0))
    rig.kill("broker")


def _stall(rig: Rig, run: DrillRun, number: int, *_: object) -> None:
    """Let it answer nothing for a while."""
    time.sleep(run.chance.uniform(0, 1.0))
    is_long = number % _LONG_AWAY_EVERY == _LONG_AWAY_EVERY - 1
    with rig.stopped(psutil.Process(rig.pid_of("broker"))):
        time.sleep(_LONG_AWAY_SECONDS if is_long else run.chance.uniform(*_AWAY_SECONDS))


def _repeat(rig: Rig, run: DrillRun, _number: int, uids: Sequence[str]) -> None:
    """Ring again and again for everything that is under way, in any order."""
    for _ in range(_RINGS):
        study_ids, delivery_ids = _under_way(rig, uids)
        run.chance.shuffle(study_ids)
        run.chance.shuffle(delivery_ids)
        try:
            rig.collaborators.doorbell.ring_for_studies(study_ids * 2)
            rig.collaborators.doorbell.ring_for_deliveries(delivery_ids * 2)
        except BrokerUnavailable:
            return
        time.sleep(_RING_PAUSE_SECONDS)


def _deliver_twice(rig: Rig, _run: DrillRun, _number: int, uids: Sequence[str]) -> None:
    """Deliver the message of a task again while the task still runs, as when its visibility time-out has elapsed."""
    point, uid = Failpoint.ANALYSE_BEFORE_COMMIT, uids[0]
    with rig.failpoints.armed(point, Arming(FailAction.PAUSE, only=uid)):
        wait_until(lambda: rig.failpoints.is_waited_at(point, uid), "a study being read")
        running = rig.study(uid)
        if running is None or running.claimed_by is None:
            raise Rejected("a study that is being read is claimed by nobody")
        rig.collaborators.celery.send_task(ANALYSE_TASK, args=(running.id,), task_id=running.claimed_by)
        wait_until(lambda: _has_another_claim(rig, running), "a message that was delivered twice, worked on twice")


def _has_another_claim(rig: Rig, running: Study) -> bool:
    now = rig.study(running.study_instance_uid)
    return now is not None and now.claim_token != running.claim_token


def _under_way(rig: Rig, uids: Sequence[str]) -> tuple[list[int], list[int]]:
    study_ids = [study.id for uid in uids if (study := rig.study(uid))]
    engine = rig.collaborators.engine
    result_ids = [result.id for study_id in study_ids for result in results.of_study(engine, study_id)]
    return study_ids, [d.id for result_id in result_ids for d in deliveries.of_result(engine, result_id)]


_FAULTS: tuple[Callable[[Rig, DrillRun, int, Sequence[str]], None], ...] = (_repeat, _kill, _stall, _deliver_twice)


def _broker(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            load = new_load(rig, f"broker-{number}")
            with load:
                _FAULTS[number % len(_FAULTS)](rig, run, number, load.study_uids)
                over_at = time.monotonic()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


DRILLS = (
    Drill(
        "broker",
        "broker killed and empty again, away for up to a minute, messages repeated, shuffled, delivered twice",
        48,
        4,
        _broker,
    ),
)
