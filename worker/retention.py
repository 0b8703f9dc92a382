"""Retention: images of reported studies go after their time, or when the disk fills; what was said of them stays.

The order is: rows marked, files removed. After a crash in between, the marked rows say which files are left over.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from config.operations import RetentionSettings
from db import intake_load, retention
from db.retention import Purgeable
from db.session import Engine
from db.tables import Instance
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.store_removal import StoreRemoval
from domain.clock import utc_now
from domain.errors import StoreUnavailable
from domain.failpoints import Failpoint, failpoint

_log = structlog.get_logger()
#: Seconds between two looks.
_LOOK_SECONDS = 60.0
#: Studies that are listed at once.
_BATCH = 500
#: What was marked longer ago was removed, or will be found by `purge --orphans`.
_LEFT_OVER_DAYS = 2
#: Days for which a clock must have stood before images are removed by their age. One that jumped ahead by months makes
#: everything old at once; who sees to the machine notices within a weekend.
_CLOCK_STANDS = timedelta(days=3)
#: Before that, images must have come within so many days: longer, and a jump of that length would not be seen.
_CAME_WITHIN = timedelta(days=7)
#: When so many studies in a row have no file, it is the disk that is missing.
_TOO_MANY_GONE = 10
_MEGABYTE = 10**6
#: Who removes, when nobody asked for it.
SERVICE = "the service"


def look_until(stop: threading.Event, retention_of: Callable[[], "Retention"]) -> None:
    """Look again and again until `stop` is set; a database or disk that is away is waited for."""
    while not stop.is_set():
        try:
            retention_of().look()
        except StoreUnavailable as error:
            _log.warning("retention_failed", error=str(error))
        stop.wait(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Purged:
    """What one purge has removed."""

    studies: int
    instances: int
    size_bytes: int


class Retention:
    """Looks again and again; any number of these may run at once."""

    def __init__(
        self,
        engine: Engine,
        store: InstanceStore,
        removal: StoreRemoval,
        settings: RetentionSettings,
        quota_megabytes: float,
    ) -> None:
        """`quota_megabytes` is what stored instances may take, 0 for the whole disk."""
        self._engine = engine
        self._store = store
        self._removal = removal
        self._settings = settings
        self._quota_bytes = round(quota_megabytes * _MEGABYTE)
        self._is_stuck = False
        self._waits_for_clock = False

    def look(self) -> None:
        """Remove what is due once. Raises StoreUnavailable."""
        self._removal.put_back()
        lately = retention.purged_since(self._engine, utc_now() - timedelta(days=_LEFT_OVER_DAYS))
        still_there_bytes = self._remove_files(lately)
        if self._settings.retain_days:
            self._purge_by_age(max(timedelta(days=self._settings.retain_days), self._shortest()))
        self._make_space(still_there_bytes)

    def _purge_by_age(self, longest: timedelta) -> None:
        now = utc_now()
        reported_before, stands_since = now - longest, now - min(_CLOCK_STANDS, longest)
        if not retention.purgeable(self._engine, reported_before, 1):
            self._waits_for_clock = False
            return
        waits = not retention.received_between(self._engine, stands_since - _CAME_WITHIN, stands_since)
        if waits and not self._waits_for_clock:
            _log.warning("retention_waits_for_clock", days=_CLOCK_STANDS.days, now=now.isoformat())
        self._waits_for_clock = waits
        while not waits and self._purge_batch(reported_before, "retain_days"):
            pass

    def _make_space(self, still_there_bytes: int) -> None:
        """Purge as much as is missing, once: whether it has helped is measured at the next look."""
        wanted = round(self._settings.purge_below_free_megabytes * _MEGABYTE)
        missing = wanted - self._free_bytes() - still_there_bytes
        removed = missing <= 0 or self._purge_batch(utc_now() - self._shortest(), "disk space", missing) > 0
        if not removed and not self._is_stuck:
            _log.warning("retention_finds_nothing_to_remove", free_bytes=self._free_bytes())
        self._is_stuck = not removed

    def _purge_batch(self, reported_before: datetime, reason: str, enough_bytes: int | None = None) -> int:
        found = retention.purgeable(self._engine, reported_before, _BATCH)
        if enough_bytes is not None:
            before = itertools.accumulate((study.size_bytes for study in found), initial=0)
            found = [study for study, size in zip(found, before, strict=False) if size < enough_bytes]
        return self.purge(found, reported_before, by=SERVICE, reason=reason).studies

    def purge(self, studies: Sequence[Purgeable], reported_before: datetime, *, by: str, reason: str) -> Purged:
        """Remove the images of studies that may go still. Raises StoreUnavailable; the next look removes the rest."""
        self._refuse_empty_disk(studies)
        count = instances = size_bytes = 0
        for study in studies:
            rows = retention.mark_purged(self._engine, study.study_id, reported_before, utc_now(), by=by, reason=reason)
            failpoint(Failpoint.PURGE_AFTER_MARK, study.study_instance_uid)
            self._remove_files(rows)
            count, instances = count + bool(rows), instances + len(rows)
            size_bytes += sum(row.size_bytes for row in rows)
            if rows:
                _log.info("study_purged", study_instance_uid=study.study_instance_uid, reason=reason, by=by)
        return Purged(count, instances, size_bytes)

    def orphans(self) -> list[str]:
        """List the files that no row, or only a purged one, speaks of: received, and never acknowledged."""
        return [
            path
            for study_uid, paths in self._removal.files()
            for path in sorted(set(paths) - retention.kept_paths(self._engine, study_uid))
        ]

    def remove_orphans(self, paths: Sequence[str], by: str) -> int:
        """Remove files that are settled and still orphans, and empty folders; gives how many files."""
        still = set(self.orphans())
        removed = sum(self._removal.remove(path) for path in paths if path in still)
        self._removal.remove_empty_folders()
        retention.record_orphans(self._engine, utc_now(), by=by, files=removed)
        return removed

    def _remove_files(self, rows: Sequence[Instance]) -> int:
        """Remove the files of purged rows; gives the bytes of those that must wait."""
        waiting_bytes = 0
        for row in rows:
            if self._removal.is_there(row.relative_path) and retention.is_purged(self._engine, row.id):
                waiting_bytes += 0 if self._removal.remove(row.relative_path) else row.size_bytes
        return waiting_bytes

    def _refuse_empty_disk(self, studies: Sequence[Purgeable]) -> None:
        """Raise StoreUnavailable when many studies have no file at all: nothing must be noted then."""
        folders = [self._store.instances / study.study_instance_uid for study in studies]
        if len(folders) >= _TOO_MANY_GONE and not any(folder.exists() for folder in folders):
            raise StoreUnavailable(f"not one file of {len(folders)} studies is there: is the disk mounted?")

    def _free_bytes(self) -> int:
        free = self._store.free_bytes()
        if not self._quota_bytes:
            return free
        return min(free, self._quota_bytes - intake_load.stored_bytes(self._engine)[0])

    def _shortest(self) -> timedelta:
        return timedelta(hours=self._settings.keep_hours)
