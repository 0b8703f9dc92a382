"""Copies of files with their checksums, in the form that `sha256sum --check` reads."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from domain.errors import Rejected, StoreUnavailable

#: Lists every file of a backup, relative to its folder.
CHECKSUMS = "SHA256SUMS"
_CHUNK = 1 << 20
_DIGITS = 64


def copy_file(source: Path, target: Path) -> str:
    """Copy a file durably and give the sha256 of what was written; a target that is there is replaced in one step.

    Raises FileNotFoundError when there is no source, StoreUnavailable when the disk refuses.
    """
    digest = hashlib.sha256()
    temporary = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reader, temporary.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                digest.update(chunk)
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(target)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {error.strerror}") from error
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Hash a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """Give sha256 by relative path; nothing where there is no list. Raises Rejected for one that is none."""
    file = folder / CHECKSUMS
    if not file.exists():
        return {}
    found = {}
    for line in file.read_text().splitlines():
        digest, separator, path = line.partition("  ")
        if len(digest) != _DIGITS or not separator:
            raise Rejected(f"{file} is no list of checksums")
        found[path] = digest
    return found


def write_checksums(folder: Path, checksums: Mapping[str, str]) -> None:
    """Write the list in one step. Raises StoreUnavailable."""
    temporary = folder / f"{CHECKSUMS}.part"
    try:
        with temporary.open("w") as file:
            file.writelines(f"{digest}  {path}\n" for path, digest in sorted(checksums.items()))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / CHECKSUMS)
    except OSError as error:
        raise StoreUnavailable(f"{folder / CHECKSUMS} cannot be written: {error.strerror}") from error
