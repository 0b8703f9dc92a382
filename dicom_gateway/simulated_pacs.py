"""A PACS for tests and for the `simulate-pacs` command: real DICOM on a real socket, with faults on demand.

It takes reports and images, remembers every attempt, and sends studies to the service as a modality would.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Self, TypeVar
from weakref import WeakSet

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification

from dicom_gateway.association_scu import Destination
from dicom_gateway.offered_service import dispatching
from dicom_gateway.pacs_associations import OpenAssociations
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.pacs_faults import NO_FAULTS, FaultLedger, Faults, holds_data
from dicom_gateway.pacs_server import PacsServer
from dicom_gateway.pacs_sop_classes import ALL_SOP_CLASSES, DEFAULT_TRANSFER_SYNTAXES, REPORT_SOP_CLASSES
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from dicom_gateway.status import Status
from dicom_gateway.storage_scu import FileOutcome, send_files
from dicom_gateway.tls import ServerTls, server_context
from dicom_gateway.uids import is_valid_uid
from dicom_gateway.ups_scp import UpsScp

__all__ = ["DEFAULT_TRANSFER_SYNTAXES", "Faults", "SimulatedPacs", "StoreAttempt"]

_log = structlog.get_logger()
_Seen = TypeVar("_Seen")

#: A-ASSOCIATE-RJ, PS3.8 Table 9-21: rejected transient, presentation, temporary congestion.
_CONGESTION = (2, 3, 1)


@dataclass(frozen=True, slots=True)
class StoreAttempt:
    """One C-STORE that reached the PACS."""

    sop_instance_uid: str
    sop_class_uid: str
    calling_ae_title: str
    #: Aware, UTC.
    received_at: datetime
    #: What was answered; None for an abort.
    status: int | None
    is_kept: bool
    #: Hexadecimal, of the data set; empty when it was not kept.
    sha256: str = ""


class SimulatedPacs:
    """A PACS that listens between `start` and `stop`; it may be started again on the same port. Thread-safe."""

    def __init__(
        self,
        ae_title: str = "PACS",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        folder: Path | None = None,
        faults: Faults = NO_FAULTS,
        sop_classes: Sequence[str] = ALL_SOP_CLASSES,
        transfer_syntaxes: Sequence[str] = DEFAULT_TRANSFER_SYNTAXES,
        on_kept: Callable[[bytes], None] | None = None,
        tls: ServerTls | None = None,
        confirming: PacsConfirming | None = None,
        workitems: SimulatedWorkitems | None = None,
    ) -> None:
        """Prepare to listen; port 0 takes any free one. What arrives is also written below `folder`, if given.

        `on_kept` is told of each file that is kept, once it is, in the thread of its association. What it holds it
        tells by `confirming`. `workitems` make it a UPS SCP too.
        """
        self.ae_title = ae_title
        self._address = (host, port)
        self._folder = folder
        self._on_kept = on_kept
        self._tls = None if tls is None else server_context(tls)
        self._contexts = [build_context(Verification)]
        self._contexts += [build_context(uid, list(transfer_syntaxes)) for uid in sop_classes]
        self._confirming = confirming if confirming is not None else PacsConfirming()
        self._confirming.attach(self._kept_now)
        services = self._confirming.services()
        if workitems is not None:
            services.append(UpsScp(workitems, workitems.create).service())
        self._contexts += [context for service in services for context in service.contexts]
        self._more_handlers = dispatching(services)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._server: PacsServer | None = None
        self._faults = FaultLedger(faults)
        self._aborted: WeakSet[Association] = WeakSet()
        self._attempts: list[StoreAttempt] = []
        self._kept: dict[str, Dataset] = {}
        self._open = self._most_open = 0
        self._associations = OpenAssociations()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the port is known once started."""
        return self._address

    @property
    def attempts(self) -> tuple[StoreAttempt, ...]:
        """Every store that came, in order, whatever was answered."""
        with self._changed:
            return tuple(self._attempts)

    @property
    def instances(self) -> tuple[Dataset, ...]:
        """What was kept, once per SOP Instance UID, in order of first arrival."""
        with self._changed:
            return tuple(self._kept.values())

    def _kept_now(self) -> dict[str, Dataset]:
        with self._changed:
            return dict(self._kept)

    @property
    def reports(self) -> tuple[Dataset, ...]:
        """The structured reports among `instances`."""
        return tuple(ds for ds in self.instances if ds.SOPClassUID in REPORT_SOP_CLASSES)

    @property
    def most_open(self) -> int:
        """The most connections that were open at one time."""
        with self._changed:
            return self._most_open

    @property
    def most_associations(self) -> int:
        """The most associations that callers had at one time, on connections of which more may be open for a moment."""
        return self._associations.most

    @property
    def captures(self) -> tuple[Dataset, ...]:
        """The secondary captures among `instances`."""
        return tuple(ds for ds in self.instances if ds.SOPClassUID == SecondaryCaptureImageStorage)

    def times_sent(self, sop_instance_uid: str) -> int:
        """Count how often this instance was sent."""
        return sum(attempt.sop_instance_uid == sop_instance_uid for attempt in self.attempts)

    def set_faults(self, faults: Faults) -> None:
        """Change what goes wrong from here on (`away_seconds` counts at the next start)."""
        self._faults.set(faults)

    def wait_for_attempts(self, number: int, timeout_seconds: float) -> tuple[StoreAttempt, ...]:
        """Wait until so many stores came; raises TimeoutError."""
        return self._wait(lambda: self.attempts, number, timeout_seconds)

    def wait_for_reports(self, number: int, timeout_seconds: float) -> tuple[Dataset, ...]:
        """Wait until so many different reports are kept; raises TimeoutError."""
        return self._wait(lambda: self.reports, number, timeout_seconds)

    def as_destination(self, calling_ae_title: str = "CXR_TRIAGE") -> Destination:
        """Describe this PACS to a sender."""
        host, port = self._address
        return Destination(self.ae_title, self.ae_title, host, port, calling_ae_title)

    def send_studies(
        self,
        destination: Destination,
        files: Path | Sequence[Path],
        on_progress: Callable[[FileOutcome], None] | None = None,
    ) -> list[FileOutcome]:
        """Send files, or all files below a folder, as a modality would."""
        if isinstance(files, Path):
            files = sorted(path for path in files.rglob("*") if path.is_file())
        return send_files(destination, files, on_progress)

    def start(self) -> None:
        """Take the port, and listen on it at once or after `away_seconds`; raises OSError."""
        handlers = [
            (evt.EVT_CONN_OPEN, lambda _: self._count_open(1)),
            (evt.EVT_CONN_CLOSE, lambda _: self._count_open(-1)),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_PDU_RECV, self._on_pdu),
            (evt.EVT_C_STORE, self._on_store),
            *self._associations.handlers(),
            *self._more_handlers,
        ]
        self._stopping.clear()
        self._server = PacsServer(self.ae_title, self._address, self._contexts, handlers, self._tls)
        self._address = (self._address[0], int(self._server.server_address[1]))
        if (seconds := self._faults.now.away_seconds) > 0:
            away = (self._server, seconds)
            threading.Thread(target=self._listen_later, args=away, daemon=True).start()
        else:
            self._server.listen()

    def stop(self) -> None:
        """Close the port and abort what is open."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen_later(self, server: PacsServer, seconds: float) -> None:
        if not self._stopping.wait(seconds):
            server.listen()

    def _wait(self, seen: Callable[[], tuple[_Seen, ...]], number: int, timeout_seconds: float) -> tuple[_Seen, ...]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(seen()) >= number, timeout_seconds):
                raise TimeoutError(f"{len(seen())} of {number} came in {timeout_seconds} s")
            return seen()

    def _count_open(self, change: int) -> None:
        with self._changed:
            self._open += change
            self._most_open = max(self._most_open, self._open)

    def _on_requested(self, event: evt.Event) -> None:
        if self._faults.now.refuse_association and self._faults.take().refuse_association:
            event.assoc.acse.send_reject(*_CONGESTION)
            event.assoc.kill()

    def _on_pdu(self, event: evt.Event) -> None:
        """Abort when a data set begins to come in; runs in the DUL's thread, before the PDU is taken."""
        if not self._faults.now.abort_in_transfer or event.assoc in self._aborted or not holds_data(event.pdu):
            return
        message = event.assoc.dimse.message
        if isinstance(message, C_STORE_RQ) and self._faults.take().abort_in_transfer:
            self._abort(event.assoc, message.command_set)

    def _on_store(self, event: evt.Event) -> int:
        if event.assoc in self._aborted:
            return int(Status.SUCCESS)  # not sent: the association is gone
        faults = self._faults.take()
        if faults.abort_in_transfer:  # command and data set came in one PDU
            self._abort(event.assoc, event.request)
            return int(Status.SUCCESS)
        if faults.answer_delay_seconds > 0:
            self._stopping.wait(faults.answer_delay_seconds)
        if faults.refuse_status is not None:
            self._note(event.assoc, event.request, faults.refuse_status)
            return faults.refuse_status
        kept = None if faults.answer_and_drop else event.encoded_dataset()
        self._note(event.assoc, event.request, int(Status.SUCCESS), kept)
        return int(Status.SUCCESS)

    def _abort(self, assoc: Association, request: Dataset | C_STORE) -> None:
        self._aborted.add(assoc)
        assoc.abort(block=False)
        self._note(assoc, request, None)

    def _note(
        self, assoc: Association, request: Dataset | C_STORE, status: int | None, encoded: bytes | None = None
    ) -> None:
        """Remember one store; `encoded` is the file that is kept of it."""
        attempt = StoreAttempt(
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            sop_class_uid=str(request.AffectedSOPClassUID),
            calling_ae_title=assoc.requestor.ae_title,
            received_at=datetime.now(UTC),
            status=status,
            is_kept=encoded is not None,
            sha256="" if encoded is None else hashlib.sha256(encoded).hexdigest(),
        )
        with self._changed:
            self._attempts.append(attempt)
            if encoded is not None:
                self._kept[attempt.sop_instance_uid] = self._keep(encoded)
            self._changed.notify_all()
        if encoded is not None and self._on_kept is not None:
            self._on_kept(encoded)
        _log.info("pacs_store", sop_instance_uid=attempt.sop_instance_uid, status=status, is_kept=attempt.is_kept)

    def _keep(self, encoded: bytes) -> Dataset:
        dataset = dcmread(BytesIO(encoded))
        study_uid, sop_uid = str(dataset.StudyInstanceUID), str(dataset.SOPInstanceUID)
        if self._folder is not None and is_valid_uid(study_uid) and is_valid_uid(sop_uid):
            folder = self._folder / study_uid
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{sop_uid}.dcm").write_bytes(encoded)
        return dataset
