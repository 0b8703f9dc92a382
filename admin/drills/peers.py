"""Drill 10: bad peers of every kind at once: the listener stays small, and good senders are served meanwhile."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from admin.drills.bad_peers import BAD_PEERS, Acknowledged, Target
from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from admin.drills.xrays import Xray
from db import kept_instances
from domain.errors import Rejected

_GOOD_STUDIES = 6
#: Fewer than a crowd wants, and short waits: places that bad peers hold come free while the drill looks.
_SHORT_TIMES = {
    "CXR_LISTENER__MAXIMUM_ASSOCIATIONS": "20",
    "CXR_LISTENER__ACSE_TIMEOUT_SECONDS": "3",
    "CXR_LISTENER__NETWORK_TIMEOUT_SECONDS": "5",
}
#: What the listener may have grown by at the end, since its first round (whose peak the allocator keeps).
_MOST_GROWTH_BYTES = 32 << 20


def _peers(run: DrillRun) -> Tally:
    with Rig(run.folder, _SHORT_TIMES) as rig:
        pid, first = rig.pid_of("listen"), 0
        for number in run.each_round():
            _round(rig, run, number)
            first = first or psutil.Process(pid).memory_info().rss
        if rig.pid_of("listen") != pid:
            raise Rejected("the listener died of its peers")
        growth = psutil.Process(pid).memory_info().rss - first
        if growth > _MOST_GROWTH_BYTES:
            raise Rejected(f"the listener grew by {growth >> 20} MiB in {run.rounds - 1} rounds")
        return count(rig, run.rounds)


def _round(rig: Rig, run: DrillRun, number: int) -> None:
    """Let every bad peer loose while good senders send, and take what it got acknowledged into the ledger."""
    load = new_load(rig, f"good-{number}", studies=_GOOD_STUDIES)
    with ThreadPoolExecutor(len(BAD_PEERS)) as pool:
        lots = [random.Random(run.chance.getrandbits(64)) for _ in BAD_PEERS]  # noqa: S311 - no secrets
        running = [
            pool.submit(peer, _target(rig, lot, f"bad-{number}-{peer.__name__}"))
            for peer, lot in zip(BAD_PEERS, lots, strict=True)
        ]
        with load:
            pass
        if unserved := len(load.xrays - rig.ledger.acknowledged):
            raise Rejected(f"{unserved} images of good senders were not taken")
        acknowledged = [one for peer in running for one in peer.result()]
    over_at = time.monotonic()
    damaged = _take_up(rig, acknowledged)
    rig.settle([*load.study_uids, *{xray.study_instance_uid for xray in damaged}], over_at)


def _target(rig: Rig, chance: random.Random, name: str) -> Target:
    wait_until(lambda: rig.listener() is not None, "the listener's address")
    listener = rig.listener()
    if listener is None:
        raise Rejected("the listener has gone")
    return Target(listener, chance, rig.folder / "to-send", name)


def _take_up(rig: Rig, acknowledged: list[Acknowledged]) -> list[Xray]:
    """Enter damaged data sets that were acknowledged, under the study that the service took them for."""
    rows = {
        (row.sop_instance_uid, row.sha256): study_uid
        for page in kept_instances.pages(rig.collaborators.engine)
        for row, study_uid in page
    }
    taken = []
    for one in acknowledged:
        study_uid = rows.get((one.sop_instance_uid, one.sha256))
        if study_uid is None:
            raise Rejected(f"{one.sop_instance_uid} was acknowledged, and is not in the database")
        taken.append(Xray(Path(), study_uid, one.sop_instance_uid, one.sha256))
        rig.ledger.acknowledge(taken[-1])
    return taken


DRILLS = (
    Drill(
        "peers",
        "slow, broken and hostile peers, fuzzed PDUs and data sets, beside good senders",
        30,
        2,
        _peers,
    ),
)
