"""Drill 1: SIGKILL at random moments under load, and at each named step of receiving, reading and sending."""

import time
from collections.abc import Callable

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load, sleep_at_random
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from domain.failpoints import Arming, FailAction, Failpoint

#: A small load is on its way for about so long.
_BUSY_SECONDS = 2.0

_VICTIMS: dict[str, Callable[[Rig], None]] = {
    "listener": lambda rig: rig.kill("listen"),
    "reading child": lambda rig: rig.kill_child_of("work-analyse"),
    "sweep": lambda rig: rig.kill("sweep"),
    "sending parent": lambda rig: rig.kill("work-deliver"),
    "sending child": lambda rig: rig.kill_child_of("work-deliver"),
    "reading parent": lambda rig: rig.kill("work-analyse"),
    "everything": lambda rig: rig.restart(),
}
#: The process that runs into each step; a pool process is started again by its parent.
_SUPERVISED = {"receive": "listen", "sweep": "sweep", "ring": "sweep"}

#: Steps of removing images, which a study under way does not come to (tests/integration/worker/test_retention.py).
_NOT_ON_THE_WAY = {"purge"}


def _random_kills(run: DrillRun) -> Tally:
    victims = list(_VICTIMS)
    with Rig(run.folder) as rig:
        for number in run.each_round():
            if number % len(victims) == 0:
                run.chance.shuffle(victims)
            load = new_load(rig, f"kill-{number}")
            with load:
                sleep_at_random(run.chance, _BUSY_SECONDS)
                killed_at = time.monotonic()
                _VICTIMS[victims[number % len(victims)]](rig)
            rig.settle(load.study_uids, killed_at)
        return count(rig, run.rounds)


def _kills_at_steps(run: DrillRun) -> Tally:
    points = [point for point in Failpoint if _family(point) not in _NOT_ON_THE_WAY]
    with Rig(run.folder) as rig:
        for number in run.each_round():
            if number % len(points) == 0:
                run.chance.shuffle(points)
            _kill_at(rig, points[number % len(points)], f"step-{number}")
        return count(rig, run.rounds)


def _kill_at(rig: Rig, point: Failpoint, name: str) -> None:
    family = _family(point)
    if family in _SUPERVISED:
        rig.wait_until_steady(_SUPERVISED[family])
    load = new_load(rig, name)
    rig.failpoints.arm(point, Arming(FailAction.KILL, once=True))
    with load:
        wait_until(lambda: not rig.failpoints.is_armed(point), f"a process at {point}")
        killed_at = time.monotonic()
    rig.settle(load.study_uids, killed_at)


def _family(point: Failpoint) -> str:
    return point.value.partition(".")[0]


DRILLS = (
    Drill("kill", "SIGKILL of each process, and of all, at random moments under load", 210, 4, _random_kills),
    Drill("kill-at-step", "SIGKILL at each named step of receiving, reading and sending", 114, 3, _kills_at_steps),
)
