"""One data set on its way from the network to a temporary file, hashed as it passes."""

import hashlib
from io import FileIO
from pathlib import Path

import structlog

from dicom_gateway.instance_identity import InstanceRefused
from dicom_gateway.room import Room, unlimited
from dicom_gateway.status import Status
from domain.errors import IntakeStopped, StoreUnavailable
from domain.failpoints import Failpoint, failpoint

_log = structlog.get_logger()


class Spool:
    """A temporary DICOM file that grows fragment by fragment.

    Whatever goes wrong on the way is kept in `failure` and told to the sender at the end of the data
    set: the fragments that still come are let go, and nothing of them stays on disk.
    """

    def __init__(self, path: Path, file_meta: bytes, maximum_bytes: int, room: Room | None = None) -> None:
        """Make the file and write what precedes the data set: preamble, prefix and file meta.

        Raises nothing: a disk that refuses becomes the `failure`, as in `write`. Where there is no `room`, nothing
        is made.
        """
        self.path = path
        #: Why the data set cannot be kept, or None.
        self.failure: StoreUnavailable | InstanceRefused | None = None
        #: Where the data set begins in the file.
        self.data_set_offset = len(file_meta)
        #: Of the data set alone.
        self.data_set_bytes = 0
        self._maximum_bytes = maximum_bytes
        self._digest = hashlib.sha256()
        self._file: FileIO | None = None
        self._room = room if room is not None else unlimited()
        self._taken_bytes = 0
        try:
            self._room.admit()
            failpoint(Failpoint.RECEIVE_BEFORE_FILE)
            self._file = path.open("xb", buffering=0)
            self._append(self._file, file_meta)
        except IntakeStopped as stopped:
            self._give_up(stopped)
        except OSError as error:
            self._give_up(StoreUnavailable(f"the instance cannot be received: {error.strerror}"))

    @property
    def sha256(self) -> str:
        """Hexadecimal sha256 of the data set so far."""
        return self._digest.hexdigest()

    @property
    def file_bytes(self) -> int:
        """Size of the whole file so far."""
        return self.data_set_offset + self.data_set_bytes

    def write(self, fragment: memoryview) -> None:
        """Append one fragment of the data set."""
        if self._file is None:
            return
        self.data_set_bytes += len(fragment)
        if self.data_set_bytes > self._maximum_bytes:
            limit = f"data set larger than {self._maximum_bytes} bytes"
            self._give_up(InstanceRefused(Status.CANNOT_UNDERSTAND, limit))
            return
        self._digest.update(fragment)
        try:
            self._room.take(len(fragment))
            self._taken_bytes += len(fragment)
            failpoint(Failpoint.RECEIVE_BEFORE_WRITE)
            self._append(self._file, fragment)
        except IntakeStopped as stopped:
            self._give_up(stopped)
        except OSError as error:
            self._give_up(StoreUnavailable(f"the instance cannot be received: {error.strerror}"))

    def refuse(self, refusal: InstanceRefused) -> None:
        """Decide beforehand that the data set is not kept, whatever it holds."""
        self._give_up(refusal)

    def finish(self) -> None:
        """Close the complete file; raises what went wrong on the way (StoreUnavailable, InstanceRefused)."""
        try:
            self._close()
        except OSError as error:
            raise StoreUnavailable(f"the instance cannot be received: {error.strerror}") from error
        if self.failure:
            raise self.failure

    def discard(self) -> None:
        """Delete the file, if it is still where it was made."""
        self._room.answered(self._taken_bytes)
        self._taken_bytes = 0
        try:
            self._close()
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("temporary_file_left", file=self.path.name, reason=error.strerror)

    def _give_up(self, failure: StoreUnavailable | InstanceRefused) -> None:
        self.failure = failure
        self.discard()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @staticmethod
    def _append(file: FileIO, data: bytes | memoryview) -> None:
        """Write it all: an unbuffered write may take less than it is given."""
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
