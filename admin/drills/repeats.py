"""Drills 7 and 8: the same instance again, with the same or other bytes; images late, interleaved and out of order."""

import time

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import Load, send
from admin.drills.rig import Rig
from admin.drills.tally import Tally, count
from admin.drills.xrays import write_image, write_studies
from db import events, results
from db.events import EventKind
from domain.errors import Rejected


def _same_uid(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            first = write_image(run.folder / "to-send", f"same-{number}", 1)
            other = write_image(run.folder / "to-send", f"same-{number}", 1, variant=1)
            uids = send(rig, [first])
            rig.settle(uids, time.monotonic())
            with Load(rig, [first] * 4, senders=4):
                pass
            _expect(rig, first.study_instance_uid, revisions=1, differing=0)
            over_at = time.monotonic()
            with Load(rig, [other, first, other, first], senders=2):
                pass
            rig.settle(uids, over_at)
            _expect(rig, first.study_instance_uid, revisions=2, differing=1)
        return count(rig, run.rounds)


def _expect(rig: Rig, study_instance_uid: str, *, revisions: int, differing: int) -> None:
    """Raise Rejected unless the study has so many results, and so many events of other bytes."""
    study = rig.study(study_instance_uid)
    if study is None:
        raise Rejected("an acknowledged study is unknown to the database")
    engine = rig.collaborators.engine
    found = len(results.of_study(engine, study.id))
    kinds = [event.kind for event in events.of_study(engine, study.id)].count(EventKind.INSTANCE_DIFFERS)
    if (found, kinds) != (revisions, differing):
        raise Rejected(f"{found} results and {kinds} events of other bytes, expected {revisions} and {differing}")


def _interleaved(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            names = [f"mixed-{number}-{study}" for study in range(3)]
            xrays = write_studies(run.folder / "to-send", names, 3)
            sent = [*xrays, *run.chance.sample(xrays, 3)]
            run.chance.shuffle(sent)
            # Around the quiet time: some images come before their study is read, some while, some after.
            load = Load(rig, sent, senders=3, pause_seconds=run.chance.uniform(0.0, 0.8))
            with load:
                pass
            rig.settle(load.study_uids, time.monotonic())
        return count(rig, run.rounds)


DRILLS = (
    Drill(
        "same-uid",
        "the same SOP Instance UID again, with the same and with other bytes",
        30,
        1,
        _same_uid,
    ),
    Drill("interleaved", "images late, repeated, out of order, over several slow associations", 40, 2, _interleaved),
)
