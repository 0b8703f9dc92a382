"""Takes files out of the instance store, while senders may put the same ones in again.

A file is first moved aside, then looked at, then deleted: what a sender has put there between the decision and the
move is another file, whose row may be committed at any moment, and goes back. A file that came or changed lately is
left alone, because its row may not be committed yet.

root/removing/<study uid>,<file name>      moved aside; after a crash `put_back` returns them
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from dicom_gateway.durable import sync_folder
from dicom_gateway.instance_store import InstanceStore
from domain.errors import StoreUnavailable
from domain.failpoints import Failpoint, failpoint

#: Seconds for which a file must have been there unchanged; longer than any sender or listener waits for a database.
SETTLED_SECONDS = 3600.0
_SEPARATOR = ","


class StoreRemoval:
    """Removes what nobody needs any more. Several processes may do so at once."""

    def __init__(self, store: InstanceStore, settled_seconds: float = SETTLED_SECONDS) -> None:
        """Nothing is touched yet."""
        self._store = store
        self._settled_seconds = settled_seconds
        self._aside = store.root / "removing"

    def remove(self, relative_path: str) -> bool:
        """Delete a file; False when it must wait: it came lately, or again. Raises StoreUnavailable."""
        path = self._store.path_of(relative_path)
        try:
            before = path.stat()
            if time.time() - before.st_ctime < self._settled_seconds:
                return False
            aside = self._aside / f"{path.parent.name}{_SEPARATOR}{path.name}"
            self._aside.mkdir(exist_ok=True)
            path.rename(aside)
            failpoint(Failpoint.PURGE_AFTER_MOVE)
            after = aside.stat()
            if (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
                self._return(aside)
                return False
            aside.unlink(missing_ok=True)
        except FileNotFoundError:  # it was gone, or another process does the same
            return True
        except OSError as error:
            raise StoreUnavailable(f"a stored file cannot be removed: {error.strerror}") from error
        self._remove_folder(path.parent)
        return True

    def put_back(self) -> int:
        """Return what a crash has left aside; gives how many files. Raises StoreUnavailable."""
        try:
            left = list(self._aside.iterdir()) if self._aside.exists() else []
            for aside in left:
                self._return(aside)
        except OSError as error:
            raise StoreUnavailable(f"a stored file cannot be put back: {error.strerror}") from error
        return len(left)

    def remove_empty_folders(self) -> int:
        """Remove the study folders that hold nothing; gives how many."""
        return sum(self._remove_folder(folder) for folder in self._store.instances.iterdir())

    def files(self) -> Iterator[tuple[str, list[str]]]:
        """Give each study folder's name with the relative paths of its DICOM files."""
        for folder in self._store.instances.iterdir():
            names = [path.relative_to(self._store.root).as_posix() for path in folder.glob("*.dcm")]
            yield folder.name, names

    def is_there(self, relative_path: str) -> bool:
        """Say whether a file is in its place."""
        return self._store.path_of(relative_path).exists()

    def _return(self, aside: Path) -> None:
        study_uid, _, name = aside.name.partition(_SEPARATOR)
        folder = self._store.instances / study_uid
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process removed or returned it
            aside.replace(folder / name)
        sync_folder(folder)

    def _remove_folder(self, folder: Path) -> bool:
        """Remove a folder if it is empty, and no sender is about to put something in."""
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_ctime >= self._settled_seconds or not self._settled_seconds:
                folder.rmdir()
                return True
        return False
