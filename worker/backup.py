"""Backup: a consistent copy of the database, then the file of every instance that the copy knows of, with checksums.

In this order, because a row is committed after its file: what the copy of the database knows is in the store. Files
never change, so that a backup into the same folder again copies only what is new. The list of checksums is replaced
last and in one step: until then the backup that was there is whole.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from db import backup, kept_instances, retention
from db.session import Engine, make_engine
from db.tables import Instance
from dicom_gateway.instance_store import InstanceStore, data_set_sha256
from domain.clock import utc_now
from domain.errors import Rejected, StoreUnavailable
from worker.checked_copy import CHECKSUMS, copy_file, file_sha256, read_checksums, write_checksums

_INSTANCES = "instances/"
_DATABASE = "database-"


@dataclass(slots=True)
class Copied:
    """What a backup or a restore has done."""

    instances: int = 0
    #: Of these, those that were copied now.
    copied: int = 0
    size_bytes: int = 0
    #: Relative paths of files that are missing, or are not what was acknowledged: they are not in the copy.
    damaged: list[str] = field(default_factory=list)


class Backup:
    """One folder with one backup, newer each time."""

    def __init__(self, engine: Engine, store: InstanceStore, folder: Path) -> None:
        """Raise Rejected for a folder that holds something else, or lies in the data folder."""
        self._engine = engine
        self._store = store
        self._folder = folder
        self._purged_meanwhile: list[int] = []
        if folder.resolve().is_relative_to(store.root):
            raise Rejected(f"{folder} lies in the data folder itself: choose one on another disk")
        if folder.exists() and any(folder.iterdir()) and not (folder / CHECKSUMS).exists():
            raise Rejected(f"{folder} is neither empty nor a backup that was finished")

    def make(self, on_begin: Callable[[int], None], on_progress: Callable[[int], None]) -> Copied:
        """Bring the folder up to date; `on_begin` hears how many instances there are.

        Raises StoreUnavailable, Rejected.
        """
        before = read_checksums(self._folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder} cannot be made: {error.strerror}") from error
        database = self._folder / f"{_DATABASE}{utc_now():%Y%m%dT%H%M%S%f}{backup.suffix(self._engine)}"
        backup.copy_database(self._engine, database)
        done, checksums = Copied(), dict[str, str]()
        with self._known_to(database) as copy:
            on_begin(kept_instances.count(copy))
            for page in kept_instances.pages(copy):
                for row, _ in page:
                    self._take(row, before, checksums, done)
                    on_progress(done.instances)
            retention.note_gone(copy, self._purged_meanwhile, utc_now())
        write_checksums(self._folder, {**checksums, database.name: file_sha256(database)})
        for path in before.keys() - checksums.keys() - {database.name}:
            (self._folder / path).unlink(missing_ok=True)
        return done

    @contextmanager
    def _known_to(self, database: Path) -> Iterator[Engine]:
        """Give the copied database to read from; of PostgreSQL the live one, which knows the same and more."""
        if backup.sqlite_file(self._engine) is None:
            yield self._engine
            return
        copy = make_engine(f"sqlite:///{database}")
        try:
            yield copy
        finally:
            copy.dispose()

    def _take(self, row: Instance, before: Mapping[str, str], checksums: dict[str, str], done: Copied) -> None:
        done.instances += 1
        path, target = row.relative_path, self._folder / row.relative_path
        if path in before and target.exists() and target.stat().st_size == row.size_bytes:
            checksums[path] = before[path]
        else:
            try:
                digest = copy_file(self._store.path_of(path), target)
            except FileNotFoundError:
                digest = ""
            if not digest and retention.is_purged(self._engine, row.id):
                self._purged_meanwhile.append(row.id)
                done.instances -= 1
                return
            if not digest or data_set_sha256(target) != row.sha256:
                target.unlink(missing_ok=True)
                done.damaged.append(path)
                return
            checksums[path] = digest
            done.copied += 1
        done.size_bytes += row.size_bytes


class Restore:
    """Puts a backup into an empty data folder, and a database that is not there yet."""

    def __init__(self, engine: Engine, store: InstanceStore, folder: Path) -> None:
        """Raise Rejected for a folder without a backup, and for a place where something is."""
        self._engine = engine
        self._store = store
        self._folder = folder
        self._checksums = read_checksums(folder)
        databases = [path for path in self._checksums if path.startswith(_DATABASE)]
        if len(databases) != 1:
            raise Rejected(f"{folder} holds no backup that was finished")
        self._database = folder / databases[0]
        backup.require_absent(engine)
        strangers = [path for path in self._stored() if path not in self._checksums]
        if strangers:
            raise Rejected(f"{store.instances} holds other instances, e.g. {strangers[0]}: restore into a new folder")

    @property
    def count(self) -> int:
        """How many instances the backup holds."""
        return sum(path.startswith(_INSTANCES) for path in self._checksums)

    def run(self, on_progress: Callable[[int], None]) -> Copied:
        """Copy the instances, and then the database: only with it is the restore done.

        Raises StoreUnavailable, Rejected.
        """
        if not self._database.exists() or file_sha256(self._database) != self._checksums[self._database.name]:
            raise Rejected(f"{self._database} is missing or altered: take another backup")
        done = Copied()
        for path, digest in self._checksums.items():
            if path.startswith(_INSTANCES):
                self._put(path, digest, done)
                on_progress(done.instances)
        backup.restore_database(self._engine, self._database)
        return done

    def _put(self, path: str, digest: str, done: Copied) -> None:
        done.instances += 1
        target = self._store.path_of(path)
        try:
            is_whole = copy_file(self._folder / path, target) == digest
        except FileNotFoundError:
            is_whole = False
        if not is_whole:
            target.unlink(missing_ok=True)
            done.damaged.append(path)
            return
        done.copied += 1
        done.size_bytes += target.stat().st_size

    def _stored(self) -> Iterator[str]:
        for file in self._store.instances.rglob("*.dcm"):
            yield file.relative_to(self._store.root).as_posix()
