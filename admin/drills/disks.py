"""Drill 4: the disk full at each step of a write, read-only, failing to sync; and files damaged after the answer."""

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import new_load, send
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from admin.drills.xrays import Xray, write_image
from db import instances, results
from domain.errors import Rejected
from domain.failpoints import Arming, FailAction, Failpoint
from domain.finding import RefusalCode

_FAULT_SECONDS = (0.5, 2.0)
_DISK_BYTES = 192 << 20
_CHUNK = 1 << 20
#: So that the disk itself refuses, and not the service before it is full.
_NO_BACK_PRESSURE = {
    f"CXR_BACK_PRESSURE__{name}_MEGABYTES": "0" for name in ("RESERVE", "STOP_BELOW_FREE", "ACCEPT_ABOVE_FREE")
}
#: Where the disk refuses, and how.
_REFUSALS = (
    (Failpoint.RECEIVE_BEFORE_FILE, errno.ENOSPC),
    (Failpoint.RECEIVE_BEFORE_WRITE, errno.ENOSPC),
    (Failpoint.RECEIVE_BEFORE_FSYNC, errno.ENOSPC),
    (Failpoint.RECEIVE_BEFORE_FSYNC, errno.EIO),
    (Failpoint.RECEIVE_AFTER_RENAME, errno.EIO),
    (Failpoint.RECEIVE_AFTER_FOLDER_FSYNC, errno.EIO),
    (Failpoint.RECEIVE_BEFORE_FILE, errno.EROFS),
)


def _refusing_disk(run: DrillRun) -> Tally:
    refusals = list(_REFUSALS)
    with Rig(run.folder) as rig:
        for number in run.each_round():
            if number % len(refusals) == 0:
                run.chance.shuffle(refusals)
            point, error_number = refusals[number % len(refusals)]
            load = new_load(rig, f"disk-{number}")
            with rig.failpoints.armed(point, Arming(FailAction.ERROR, error_number)):
                load.start()
                time.sleep(run.chance.uniform(*_FAULT_SECONDS))
            over_at = time.monotonic()
            load.join()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


def _full_disk(run: DrillRun) -> Tally:
    with (
        _small_disk(run.folder / "disk") as disk,
        Rig(run.folder / "rig", _NO_BACK_PRESSURE, data_dir=disk / "data") as rig,
    ):
        for number in run.each_round():
            load = new_load(rig, f"full-{number}")
            with load:
                time.sleep(run.chance.uniform(0, 1.0))
                with _filled(disk):
                    time.sleep(run.chance.uniform(*_FAULT_SECONDS))
                over_at = time.monotonic()
            rig.settle(load.study_uids, over_at)
        return count(rig, run.rounds)


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Give a file system of its own, in memory. Raises Rejected for who may not mount."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Rejected(f"a full disk needs the right to mount one (drill `disk` needs none): {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)  # noqa: S607 - wherever the system has it


@contextlib.contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Take all the space that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (_CHUNK, 4096):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    try:
        yield
    finally:
        filler.unlink()


def _flip(path: Path) -> None:
    """Change one byte of the pixels."""
    with path.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


_DAMAGES: tuple[Callable[[Path], None], ...] = (_flip, _truncate, Path.unlink)


def _damaged_files(run: DrillRun) -> Tally:
    with Rig(run.folder) as rig:
        for number in run.each_round():
            xray = write_image(run.folder / "to-send", f"damage-{number}", 1)
            with rig.failpoints.armed(Failpoint.ANALYSE_AFTER_CLAIM, Arming(FailAction.PAUSE)):
                send(rig, [xray])
                _DAMAGES[number % len(_DAMAGES)](_path_of(rig, xray))
            _expect(rig, xray, 1, is_damaged=True)
            over_at = time.monotonic()
            send(rig, [xray])
            _expect(rig, xray, 2, is_damaged=False)
            rig.settle([xray.study_instance_uid], over_at)
        return count(rig, run.rounds)


def _path_of(rig: Rig, xray: Xray) -> Path:
    study = rig.study(xray.study_instance_uid)
    if study is None:
        raise Rejected("an acknowledged study is unknown to the database")
    (row,) = instances.all_of_study(rig.collaborators.engine, study.id)
    return rig.collaborators.store.path_of(row.relative_path)


def _expect(rig: Rig, xray: Xray, revision: int, *, is_damaged: bool) -> None:
    """Wait for the result of a revision; raises Rejected when damage was scored, or seen where there is none."""

    def refusals() -> list[RefusalCode | None]:
        study = rig.study(xray.study_instance_uid)
        return [r.refusal_code for r in results.of_study(rig.collaborators.engine, study.id)] if study else []

    wait_until(lambda: len(refusals()) >= revision, f"the result of revision {revision}")
    if (refusals()[revision - 1] is RefusalCode.STORE_DAMAGED) != is_damaged:
        raise Rejected(f"revision {revision}: {refusals()[revision - 1]}, although damaged is {is_damaged}")


DRILLS = (
    Drill("disk", "disk full, read-only, or failing to sync at each step of receiving", 70, 2, _refusing_disk),
    Drill("disk-full", "a small disk really full, database and all (needs the right to mount)", 40, 1, _full_disk),
    Drill("damage", "files altered, cut short or gone after the answer, and sent again", 30, 2, _damaged_files),
)
