"""The simulated PACS's DICOMweb server: our own STOW-RS over a store of its own, which takes reports too."""

import secrets
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

from config.dicomweb import DICOMWEB_PATH
from config.load import load_settings
from config.published import DICOMWEB, published
from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.pacs_sop_classes import ALL_SOP_CLASSES, REPORT_SOP_CLASSES
from dicom_gateway.reception import ReceivedInstance
from dicom_gateway.room import unlimited
from dicom_gateway.stow_reception import StowConfig, StowReception
from domain.errors import Rejected

_AE_TITLES = ("STOW_RS", "SIMWEB")
_MOST_BYTES, _MOST_PARTS, _MOST_REQUESTS = 10**9, 1000, 32
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02


class SimulatedDicomweb:
    """Listens on a free port of the loopback as a context manager, and remembers what it took. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Keep what arrives below `folder`."""
        #: What senders show.
        self.token = secrets.token_urlsafe()
        place = {"enabled": True, "port": 0, "bearer_token": self.token, "maximum_requests": _MOST_REQUESTS}
        self._settings = load_settings(None, {"service": {"data_dir": folder}, "dicomweb": place})
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._taken: list[ReceivedInstance] = []

    def __enter__(self) -> Self:
        # Here, not above: the other commands do without the web libraries.
        from worklist.dicomweb import run_dicomweb  # noqa: PLC0415

        file = self._settings.run_dir / DICOMWEB
        file.unlink(missing_ok=True)
        arguments = (self._settings, self._reception(), None, self._stop)
        self._thread = threading.Thread(target=run_dicomweb, args=arguments, name="simulated-dicomweb", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (told := published(file)) is None:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Rejected("the simulated DICOMweb server did not start")
            time.sleep(_POLL_SECONDS)
        #: Of its service, to which /studies is added.
        self.url = f"{told['address']}{DICOMWEB_PATH}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def reports(self) -> Counter[tuple[str, str]]:
        """How often each report was taken, by Study Instance UID and SOP Instance UID."""
        with self._lock:
            reports = [one for one in self._taken if one.sop_class_uid in REPORT_SOP_CLASSES]
        return Counter((one.study_instance_uid, one.sop_instance_uid) for one in reports)

    def _reception(self) -> StowReception:
        called, calling = _AE_TITLES[1], _AE_TITLES[0]
        policy = AssociationPolicy(maximum_associations=_MOST_REQUESTS)
        config = StowConfig(calling, called, policy, _MOST_BYTES, _MOST_PARTS, frozenset(ALL_SOP_CLASSES))
        store = InstanceStore(self._settings.service.data_dir)
        return StowReception(config, store, unlimited(), self._take, on_open=_unnoted, on_closed=_unnoted)

    def _take(self, received: ReceivedInstance) -> None:
        with self._lock:
            self._taken.append(received)


def _unnoted(_: object) -> None:
    """No study waits for the end of a request here."""
