"""Drill 9: the clock jumps under load; a worker sleeps past its lease, and wakes when another has done its work."""

import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import psutil

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load, send, sleep_at_random
from admin.drills.postgres import on_database, running
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from admin.drills.xrays import write_image
from domain.errors import Rejected
from domain.failpoints import Arming, FailAction, Failpoint

_BUSY_SECONDS = 2.0
#: A summer time by hand, a wrong time server, a dead battery.
_LONGEST_JUMP = timedelta(hours=6)
_JUMPS = 3
#: Longer than any lease of the rig.
_PAST_LEASE = timedelta(minutes=2)
#: Where the sleeper stands: before its result is written, before its report is sent, before that is written down.
_STANDS = (Failpoint.ANALYSE_BEFORE_COMMIT, Failpoint.DELIVER_AFTER_REPORT_KEPT, Failpoint.DELIVER_AFTER_SEND)

#: What the log says of a worker whose claim was lost, or that was ended for standing still.
_TOO_LATE = ('"analysis_overtaken"', '"recorded": false', '"delivery_retry"', '"task_failed"', '"process_stood_still"')


def _jumps(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            load = new_load(rig, f"jump-{number}")
            with load:
                for _ in range(_JUMPS):
                    sleep_at_random(run.chance, _BUSY_SECONDS)
                    ahead = run.chance.uniform(-1.0, 1.0) * _LONGEST_JUMP
                    rig.failpoints.set_clock(ahead)
                sleep_at_random(run.chance, _BUSY_SECONDS)
                rig.failpoints.set_clock(timedelta())
                over_at = time.monotonic()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


def _sleepers(run: DrillRun) -> Tally:
    # On PostgreSQL, because the other worker is one of another host: on one, the supervisor ends what stands still.
    with (
        running(run.folder / "pg") as server,
        Rig(run.folder / "rig", on_database(server)) as rig,
        rig.second_worker() as log_file,
    ):
        for number in run.each_round():
            _sleep_past_lease(
                rig, f"sleeper-{number}", _STANDS[number % len(_STANDS)], [rig.service.log_file, log_file]
            )
        return count(rig, run.rounds)


def _sleep_past_lease(rig: Rig, name: str, point: Failpoint, logs: Sequence[Path]) -> None:
    """Have the worker that took it sleep over one study, another one do its work, and the sleeper go on after that."""
    xray = write_image(rig.folder / "to-send", name, 1)
    uid = xray.study_instance_uid
    awake = _times_awoken(logs)
    with contextlib.ExitStack() as asleep:
        rig.failpoints.arm(point, Arming(FailAction.PAUSE))
        send(rig, [xray])
        wait_until(lambda: rig.failpoints.is_waited_at(point), f"a worker at {point}")
        asleep.enter_context(rig.stopped(_worker_at(rig, point)))
        rig.failpoints.disarm(point)
        rig.failpoints.set_clock(rig.failpoints.clock_offset() + _PAST_LEASE)
        wait_until(lambda: rig.is_settled(uid), "the work done by another worker")
    over_at = time.monotonic()
    wait_until(lambda: _times_awoken(logs) > awake, "the sleeper awake, and too late")
    rig.settle([uid], over_at)


def _worker_at(rig: Rig, point: Failpoint) -> psutil.Process:
    """Give the worker of which a pool process waits at a failpoint."""
    pid = rig.failpoints.waits_at(point)
    if pid is None:
        raise Rejected(f"nobody waits at {point} any more")
    return psutil.Process(pid).parent()


def _times_awoken(logs: Sequence[Path]) -> int:
    """Count how often a worker was told that its claim is gone, or ended for having slept too long."""
    return sum(log.read_text().count(words) for log in logs for words in _TOO_LATE)


DRILLS = (
    Drill("clock", "the clock jumps forward and back, by hours, under load", 30, 2, _jumps),
    Drill("sleeper", "a worker stopped past its lease, that wakes when another has done its work", 24, 3, _sleepers),
)
