"""Where received instances live on disk: named by UID and content, placed durably.

root/incoming/                                                temporary files of the listeners that run
root/instances/<study uid>/<sop uid>.<16 hex of sha256>.dcm   DICOM Part 10 files
"""

import fcntl
import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dicom_gateway.durable import move_into_place, sync_folder
from dicom_gateway.uids import is_valid_uid
from domain.errors import InstanceInvalid, StoreUnavailable
from domain.failpoints import Failpoint, failpoint

#: Hexadecimal digits of the sha256 in a file name: two contents under one UID stay apart.
HASH_DIGITS = 16
#: PS3.10 7.1: 128 bytes of preamble, "DICM", then (0002,0000) UL with the length of the rest of group 2.
_GROUP_LENGTH_END = 144
_MAGIC = slice(128, 132)
_GROUP_LENGTH_VALUE = slice(140, 144)
_CHUNK = 1 << 20
#: In `incoming`: locked by every listener that receives.
_RECEIVERS = "receivers.lock"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file in the store."""

    #: Below the root, with "/" between its parts.
    relative_path: str
    #: Of the whole file, file meta included.
    size_bytes: int


class InstanceStore:
    """The folder of received instances. Safe for threads and for several processes."""

    def __init__(self, root: Path) -> None:
        """Open the store below `root`, making its folders; raises StoreUnavailable."""
        self.root = root.resolve()
        self.incoming = self.root / "incoming"
        self.instances = self.root / "instances"
        try:
            self.incoming.mkdir(parents=True, exist_ok=True)
            self.instances.mkdir(exist_ok=True)
            sync_folder(self.root)
        except OSError as error:
            raise StoreUnavailable(f"the instance store cannot be opened: {error.strerror}") from error

    def new_temporary(self) -> Path:
        """Name a file, not made yet, on the file system of the store."""
        return self.incoming / f"{uuid.uuid4().hex}.part"

    def place(self, temporary: Path, study_uid: str, sop_uid: str, sha256: str) -> StoredFile:
        """Move a complete temporary file to its name, durably.

        The same content again takes its own place and changes nothing; other bytes under the same
        UID are kept beside. On return, file, name and study folder survive power loss.
        Raises InstanceInvalid when a UID cannot be one, StoreUnavailable when the disk refuses.
        """
        for uid in (study_uid, sop_uid):
            if not is_valid_uid(uid):
                raise InstanceInvalid("not a DICOM UID: no file can be named by it")
        folder = self.instances / study_uid
        target = folder / f"{sop_uid}.{sha256[:HASH_DIGITS]}.dcm"
        try:
            folder.mkdir(exist_ok=True)
            move_into_place(temporary, target)
            # Always: another thread may have made the study folder and not have synced it yet.
            sync_folder(self.instances)
            failpoint(Failpoint.RECEIVE_AFTER_FOLDER_FSYNC)
            size_bytes = target.stat().st_size
        except OSError as error:
            raise StoreUnavailable(f"the instance cannot be stored: {error.strerror}") from error
        return StoredFile(target.relative_to(self.root).as_posix(), size_bytes)

    def path_of(self, relative_path: str) -> Path:
        """Give the absolute path of a stored file; raises InstanceInvalid when it leads out of the store."""
        try:
            path = (self.root / relative_path).resolve()
        except (OSError, ValueError) as error:
            raise InstanceInvalid("not a path in the instance store") from error
        if not path.is_relative_to(self.instances):
            raise InstanceInvalid("not a path in the instance store")
        return path

    @contextmanager
    def receiving(self) -> Iterator[int]:
        """Be a listener that receives into the store; gives how many half-received files of the dead were deleted.

        While this holds, no other listener on the same folder deletes anything here; where another one receives
        already, nothing is deleted. Raises StoreUnavailable.
        """
        with ExitStack() as stack:
            try:
                # flock(2): the kernel lets go of it when the process dies.
                lock = stack.enter_context((self.incoming / _RECEIVERS).open("ab"))
                swept = self._sweep_incoming() if _is_alone(lock) else 0
                # Between the two locks another one may sweep: nothing has been received here yet.
                fcntl.flock(lock, fcntl.LOCK_SH)
            except OSError as error:
                raise StoreUnavailable(f"the instance store cannot be prepared: {error.strerror}") from error
            yield swept

    def _sweep_incoming(self) -> int:
        left_over = [path for path in self.incoming.iterdir() if path.name != _RECEIVERS]
        for path in left_over:
            path.unlink(missing_ok=True)
        return len(left_over)

    def free_bytes(self) -> int:
        """Give the bytes that are free on the file system of the store; raises StoreUnavailable."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError as error:
            raise StoreUnavailable(f"the instance store cannot be read: {error.strerror}") from error

    def verify(self, relative_path: str, sha256: str, size_bytes: int) -> bool:
        """Say whether a file is still what was acknowledged.

        `sha256` is of the data set, the part after the file meta; `size_bytes` is of the whole file.
        Raises InstanceInvalid when the path leads out of the store.
        """
        path = self.path_of(relative_path)
        try:
            return path.stat().st_size == size_bytes and data_set_sha256(path) == sha256
        except OSError:
            return False


def _is_alone(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def data_set_sha256(path: Path) -> str | None:
    """Hash what follows the file meta; None when the file does not begin as PS3.10 7.1 says."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        head = file.read(_GROUP_LENGTH_END)
        if len(head) < _GROUP_LENGTH_END or head[_MAGIC] != b"DICM":
            return None
        file.seek(_GROUP_LENGTH_END + int.from_bytes(head[_GROUP_LENGTH_VALUE], "little"))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
