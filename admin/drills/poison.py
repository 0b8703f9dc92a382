"""Drill 6: images whose decoding ends its process, hangs it, or eats memory: FAILED, on top of lists; others flow."""

import contextlib
import json
import subprocess
import sys
import time

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load, send
from admin.drills.rig import Rig
from admin.drills.tally import Tally, count
from admin.drills.xrays import write_image
from domain.errors import Rejected
from domain.failpoints import Arming, FailAction, Failpoint
from worker.queue import ANALYSE_QUEUE

#: What the decoder does, and a word of the reason that must be found with the study; "" where there are several.
_POISONS = {FailAction.KILL: "", FailAction.HANG: "", FailAction.EAT: "MemoryError"}
#: A hang costs the hard limit for each attempt; memory is limited to less than EAT takes.
_LIMITS = {
    "CXR_ANALYSIS__SOFT_TIME_LIMIT_SECONDS": "7",
    "CXR_ANALYSIS__HARD_TIME_LIMIT_SECONDS": "8",
    "CXR_ANALYSIS__MAX_ATTEMPTS": "2",
    "CXR_ANALYSIS__MEMORY_MEGABYTES": "1000",
}


def _poison(run: DrillRun) -> Tally:
    with Rig(run.folder, _LIMITS) as rig:
        for number in run.each_round():
            xrays = [write_image(run.folder / "to-send", f"poison-{number}-{action.value}", 1) for action in _POISONS]
            poisons = dict(zip((xray.study_instance_uid for xray in xrays), _POISONS, strict=True))
            rig.ledger.to_fail.update(poisons)
            run.chance.shuffle(xrays)
            with contextlib.ExitStack() as armed:
                for uid, action in poisons.items():
                    arming = Arming(action, only=uid)
                    armed.enter_context(rig.failpoints.armed(Failpoint.ANALYSE_BEFORE_DECODE, arming))
                send(rig, xrays)
                load = new_load(rig, f"beside-{number}")
                with load:
                    pass
                started_at = time.monotonic()
                rig.settle(load.study_uids, started_at)
                rig.settle(list(poisons), started_at)
            _expect_on_top(rig, poisons)
        if rig.starts_of(f"work-{ANALYSE_QUEUE}") > 1:
            raise Rejected("the worker itself died of what its processes were sent")
        return count(rig, run.rounds)


def _expect_on_top(rig: Rig, poisons: dict[str, FailAction]) -> None:
    """Raise Rejected unless the newest list of studies begins with all that failed, and says why."""
    command = [sys.executable, "-m", "admin", "studies", "list", "--json", "--data-dir", str(rig.data_dir)]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    top = {row["study_instance_uid"]: row["reason"] or "" for row in listed[: len(rig.ledger.to_fail)]}
    if set(top) != rig.ledger.to_fail:
        raise Rejected("`studies list` does not begin with the studies that need a human read")
    for uid, action in poisons.items():
        if "needs a human read" not in top[uid] or _POISONS[action] not in top[uid]:
            raise Rejected(f"a study that does {action.value} is listed as: {top[uid]}")


DRILLS = (
    Drill(
        "poison",
        "images whose decoding ends the process, hangs it, or eats memory, among others",
        10,
        1,
        _poison,
    ),
)
