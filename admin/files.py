"""Files named on the command line: folders are opened, pictures are told from DICOM."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from domain.errors import Rejected

_PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
#: First bytes of JPEG and PNG files, for files without a telling name.
_PICTURE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_PREAMBLE_BYTES = 128


def expand(files: Iterable[Path]) -> Iterator[Path]:
    """Give each file, and every file below each folder, in order of name; hidden files are left out."""
    for file in files:
        if file.is_dir():
            yield from sorted(path for path in file.rglob("*") if path.is_file() and not path.name.startswith("."))
        else:
            yield file


def is_picture(file: Path) -> bool:
    """Tell JPEG and PNG from everything else, which is taken for DICOM. Raises Rejected for no file, OSError."""
    if not file.is_file():  # a pipe would be waited for
        raise Rejected("no such file")
    with file.open("rb") as stream:
        head = stream.read(_PREAMBLE_BYTES + 4)
    named_so = file.suffix.lower() in _PICTURE_SUFFIXES
    return head.startswith(_PICTURE_MAGIC) or (named_so and head[_PREAMBLE_BYTES:] != b"DICM")
