"""Whether files are still what was acknowledged; what is not is noted, so that the same bytes sent again mend it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from db import instances, kept_instances
from db.session import Engine
from db.tables import Instance
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.errors import StoreUnavailable

_log = structlog.get_logger()
#: When so many files in a row are gone, and not one is there, it is the disk that is missing.
_TOO_MANY_GONE = 20


@dataclass(slots=True)
class Checked:
    """What became of a look at many files."""

    count: int = 0
    size_bytes: int = 0
    #: With their Study Instance UIDs: missing or altered.
    damaged: list[tuple[Instance, str]] = field(default_factory=list)
    #: The same: noted as damaged before, and whole now.
    whole_again: list[tuple[Instance, str]] = field(default_factory=list)


class StoreCheck:
    """Holds files against their rows."""

    def __init__(self, engine: Engine, store: InstanceStore) -> None:
        self._engine = engine
        self._store = store

    def damaged(self, rows: Sequence[Instance]) -> list[Instance]:
        """List the instances whose file is missing or differs from what was acknowledged, and note it; purged ones not.

        Looked at again after the note: whoever sends the bytes again from then on opens a new revision, and who
        did before has mended the file. Raises StoreUnavailable.
        """
        damaged = self.unsound(rows)
        if damaged:
            instances.note_damage(self._engine, damaged, utc_now())
            damaged = self.unsound(damaged)
        for row in damaged:
            _log.error("stored_instance_damaged", sop_instance_uid=row.sop_instance_uid, path=row.relative_path)
        return damaged

    def unsound(self, rows: Iterable[Instance]) -> list[Instance]:
        """List the instances whose file is missing or altered; nothing is noted."""
        there = (row for row in rows if row.purged_at is None)
        return [row for row in there if not self._store.verify(row.relative_path, row.sha256, row.size_bytes)]

    def check_all(self, study_instance_uid: str | None, on_progress: Callable[[int], None], *, notes: bool) -> Checked:
        """Look at every acknowledged file, of one study or of all; with `notes` what is found is written down.

        Raises StoreUnavailable when the store as a whole is not there.
        """
        checked = Checked()
        for page in kept_instances.pages(self._engine, study_instance_uid):
            unsound = self.unsound(row for row, _ in page)
            if checked.count == 0 and len(unsound) == len(page):
                self._refuse_empty_disk(unsound)
            if notes and unsound:
                unsound = self.damaged(unsound)
            ids = {row.id for row in unsound}
            whole_again = [(row, uid) for row, uid in page if row.damaged_at is not None and row.id not in ids]
            if notes and whole_again:
                kept_instances.note_whole(self._engine, [row for row, _ in whole_again], utc_now())
            checked.damaged += [(row, uid) for row, uid in page if row.id in ids]
            checked.whole_again += whole_again
            checked.size_bytes += sum(row.size_bytes for row, _ in page)
            checked.count += len(page)
            on_progress(checked.count)
        return checked

    def _refuse_empty_disk(self, unsound: Sequence[Instance]) -> None:
        """Raise StoreUnavailable when many files are all gone: nothing must be noted then."""
        if len(unsound) >= _TOO_MANY_GONE and not any(
            self._store.path_of(row.relative_path).exists() for row in unsound
        ):
            raise StoreUnavailable(f"not one file of the first {len(unsound)} is there: is the disk mounted?")
