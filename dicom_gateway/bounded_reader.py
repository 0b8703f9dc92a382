"""A file that is read in pieces as long as its own header says, and no longer than it is."""

import io
import os
from pathlib import Path

#: From here on it is worth looking at what is left.
_LONG = 1 << 16


class BoundedReader(io.BufferedReader):
    """A file opened for reading, whose `read` gives at most what is left.

    Python takes as much memory as it is asked to read, and pydicom asks for what an element says: up to 4 GB, in a file
    of a few bytes.
    """

    def __init__(self, path: Path) -> None:
        """Open it. Raises OSError."""
        super().__init__(io.FileIO(str(path)))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or what is left."""
        if size is not None and size > _LONG:
            size = min(size, max(self._size - self.tell(), 0))
        return super().read(size)
