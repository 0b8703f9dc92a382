"""The three steps that make a file survive power loss: fsync, rename, fsync of the folder.

Folders are synced because a rename lives in the folder, not in the file (rename(2), fsync(2)).
"""

import os
from pathlib import Path

from domain.failpoints import Failpoint, failpoint


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file are on the disk; raises OSError."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Wait until the entries of a folder are on the disk; raises OSError."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def move_into_place(temporary: Path, target: Path) -> None:
    """Give a complete file its name, durably; both paths are on one file system. Raises OSError.

    A file of that name is replaced in one step: readers see the old or the new one, never half of it.
    """
    failpoint(Failpoint.RECEIVE_BEFORE_FSYNC)
    sync_file(temporary)
    failpoint(Failpoint.RECEIVE_AFTER_FSYNC)
    temporary.replace(target)
    failpoint(Failpoint.RECEIVE_AFTER_RENAME)
    sync_folder(target.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
