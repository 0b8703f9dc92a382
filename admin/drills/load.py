"""Load: senders that do real C-STOREs, and keep what was not acknowledged until it is, as a modality does."""

import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from admin.drills.rig import PATIENCE_SECONDS, Rig
from admin.drills.xrays import Xray, write_studies
from dicom_gateway.storage_scu import FileOutcome, send_files

_PAUSE_SECONDS = 0.2


class Load:
    """Senders at work; as a context manager it ends when everything is acknowledged, or patience is over."""

    def __init__(
        self,
        rig: Rig,
        xrays: Sequence[Xray],
        senders: int = 2,
        pause_seconds: float = 0.0,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Share `xrays` among so many senders; each waits `pause_seconds` after an image."""
        self._rig = rig
        self._patience_seconds = patience_seconds
        self._pause_seconds = pause_seconds
        self._xrays = {xray.path: xray for xray in xrays}
        self._threads = [
            threading.Thread(target=self._send, args=(list(xrays[start::senders]),), daemon=True)
            for start in range(senders)
        ]

    @property
    def study_uids(self) -> list[str]:
        """The studies that are sent."""
        return sorted({xray.study_instance_uid for xray in self._xrays.values()})

    @property
    def xrays(self) -> set[Xray]:
        """The images that are sent."""
        return set(self._xrays.values())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.join()

    def start(self) -> None:
        """Start the senders."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until everything is acknowledged, or patience is over."""
        deadline = time.monotonic() + self._patience_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _send(self, xrays: list[Xray]) -> None:
        """Send until all are acknowledged."""
        deadline = time.monotonic() + self._patience_seconds
        while xrays and time.monotonic() < deadline:
            outcomes = self._send_once([xray.path for xray in xrays])
            if outcomes is not None:
                xrays = [self._xrays[outcome.path] for outcome in outcomes if not outcome.is_stored]
            if xrays:
                time.sleep(_PAUSE_SECONDS)

    def _send_once(self, files: Sequence[Path]) -> Sequence[FileOutcome] | None:
        """Send by one association, and note each answer; None while nobody listens."""
        listener = self._rig.listener()
        return None if listener is None else send_files(listener, files, self._note)

    def _note(self, outcome: FileOutcome) -> None:
        if outcome.is_stored:
            self._rig.ledger.acknowledge(self._xrays[outcome.path])
        else:
            self._rig.ledger.turn_away()
        if self._pause_seconds:
            time.sleep(self._pause_seconds)


def new_load(rig: Rig, name: str, studies: int = 4, images: int = 2) -> Load:
    """Make a load of new studies, whose names begin with `name`."""
    names = [f"{name}-{number}" for number in range(studies)]
    return Load(rig, write_studies(rig.folder / "to-send", names, images))


def send(rig: Rig, xrays: Sequence[Xray]) -> list[str]:
    """Send X-rays by one sender until they are acknowledged; give their Study Instance UIDs."""
    with Load(rig, xrays, senders=1) as load:
        return load.study_uids


def sleep_at_random(chance: random.Random, longest_seconds: float) -> None:
    """Let a random time pass: the moment at which something breaks must not be one of our choice."""
    time.sleep(chance.uniform(0, longest_seconds))
