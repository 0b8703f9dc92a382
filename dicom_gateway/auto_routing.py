"""A PACS that routes on: whatever it keeps is sent to another peer, as hospitals' routing rules do."""

import queue
import tempfile
import threading
from pathlib import Path
from typing import Self

from dicom_gateway.association_scu import Destination
from dicom_gateway.storage_scu import FileOutcome, send_files


class AutoRouter:
    """Sends each file that it is given to one peer, in order, from a thread of its own, and keeps what was answered."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._files: queue.Queue[bytes | None] = queue.Queue()
        self._changed = threading.Condition()
        self._outcomes: list[FileOutcome] = []
        self._thread = threading.Thread(target=self._run, name="auto-router", daemon=True)

    def route(self, file: bytes) -> None:
        """Send one DICOM file soon; a peer that cannot be reached is in its outcome."""
        self._files.put(file)

    @property
    def outcomes(self) -> tuple[FileOutcome, ...]:
        """What became of each file, in order."""
        with self._changed:
            return tuple(self._outcomes)

    def wait_for_outcomes(self, number: int, timeout_seconds: float) -> tuple[FileOutcome, ...]:
        """Wait until so many files were answered; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._outcomes) >= number, timeout_seconds):
                raise TimeoutError(f"{len(self._outcomes)} of {number} were routed in {timeout_seconds} s")
            return tuple(self._outcomes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._files.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (file := self._files.get()) is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "routed.dcm")
                path.write_bytes(file)
                outcomes = send_files(self._destination, [path])
            with self._changed:
                self._outcomes += outcomes
                self._changed.notify_all()
