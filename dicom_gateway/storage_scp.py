"""The Storage and Verification SCP: what the modalities and the PACS send to."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from dicom_gateway.association_policy import AssociationPolicy, AssociationRequest, Rejection
from dicom_gateway.associations import (
    AssociationClosed,
    AssociationEnd,
    AssociationOpened,
    AssociationRejected,
    OpenAssociations,
)
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.offered_service import OfferedService, dispatching
from dicom_gateway.receiving_association import ReceivingAssociation, ReceivingServer, ReceptionLimits
from dicom_gateway.reception import Answer, ReceivedInstance, Reception, StoreRequest
from dicom_gateway.status import Status
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from domain.errors import ConfigurationInvalid, CxrTriageError

_log = structlog.get_logger()
_Told = TypeVar("_Told")

#: What is received. No SR and no multi-frame Secondary Capture: no routing loops, nothing that cannot be scored.
RECEIVED_SOP_CLASSES: tuple[str, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
#: Measured with 10 MB images: 128 and 256 KiB take half the CPU of 1 MiB and a third less than 16 KiB, because
#: a PDU's copies stay in the cache. "No limit" (0) makes pynetdicom senders build one PDU of the whole image.
DEFAULT_MAXIMUM_PDU_BYTES = 256 << 10
#: Connections beyond the associations: probes of load balancers, peers that are being rejected.
_SPARE_CONNECTIONS = 32
#: How often the accept thread looks whether it should stop.
_POLL_SECONDS = 0.1
#: How long an aborted association may take to go before its socket is closed under it.
_ABORT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ScpConfig:
    """How to listen. Raises ConfigurationInvalid at once when a value cannot work."""

    host: str
    #: 0 takes any free port.
    port: int
    ae_title: str
    policy: AssociationPolicy
    #: In order of preference: the first that a peer proposes is taken.
    transfer_syntaxes: tuple[str, ...]
    #: Largest data set; a larger one is refused with C000.
    maximum_object_bytes: int
    #: Association request, rejection and release.
    acse_timeout_seconds: float
    #: Between two PDUs, and from the first to the last byte of one.
    network_timeout_seconds: float
    sop_classes: tuple[str, ...] = RECEIVED_SOP_CLASSES
    maximum_pdu_bytes: int = DEFAULT_MAXIMUM_PDU_BYTES

    def __post_init__(self) -> None:
        if not self.transfer_syntaxes or any(UID(uid).is_deflated for uid in self.transfer_syntaxes):
            raise ConfigurationInvalid("transfer syntaxes: at least one, and not a deflated one")
        if min(self.maximum_object_bytes, self.maximum_pdu_bytes) <= 0:
            raise ConfigurationInvalid("maximum object and PDU sizes must be above 0")
        if min(self.acse_timeout_seconds, self.network_timeout_seconds) <= 0:
            raise ConfigurationInvalid("time-outs must be above 0")


class StorageScp:
    """Receives instances until stopped. `start` and `stop` once each, or use it as a context manager."""

    def __init__(
        self,
        config: ScpConfig,
        store: InstanceStore,
        on_instance: Callable[[ReceivedInstance], None],
        *,
        on_association_open: Callable[[AssociationOpened], None] | None = None,
        on_association_closed: Callable[[AssociationClosed], None] | None = None,
        on_association_rejected: Callable[[AssociationRejected], None] | None = None,
        services: Sequence[OfferedService] = (),
    ) -> None:
        """Prepare to listen.

        `on_instance` commits the row of an instance on disk; success is answered when it returns, A700 on
        StoreUnavailable, 0110 on any other error. The others are told; a CxrTriageError of theirs is logged.
        All of them are called from many threads at once. `services` are offered beside storage.
        """
        self._config = config
        self._store = store
        self._reception = Reception(store, on_instance)
        self._on_open = on_association_open
        self._on_closed = on_association_closed
        self._on_rejected = on_association_rejected
        self._open = OpenAssociations(config.policy)
        self._services = services
        self._contexts = _contexts(config)
        #: What is served beside C-STORE (for `ReceivingAssociation`).
        self.handlers = dispatching(services)
        self.more_sop_classes = frozenset(uid for service in services for uid in service.sop_classes)
        self._server: ReceivingServer | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and actual port; raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the SCP has not been started")
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Bind, listen and serve in threads; raises ConfigurationInvalid when the address cannot be bound."""
        config = self._config
        limits = ReceptionLimits(
            maximum_pdu_bytes=config.maximum_pdu_bytes,
            maximum_object_bytes=config.maximum_object_bytes,
            maximum_connections=config.policy.maximum_associations + _SPARE_CONNECTIONS,
        )
        try:
            self._server = ReceivingServer(
                _application_entity(config),
                (config.host, config.port),
                self._contexts,
                host=self,
                limits=limits,
                new_temporary=self._store.new_temporary,
            )
        except OSError as error:
            raise ConfigurationInvalid(f"cannot listen on {config.host}:{config.port}: {error.strerror}") from error
        threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="storage-scp", daemon=True
        ).start()
        _log.info("scp_listening", ae_title=config.ae_title, address=self.address)

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Listen no more, let open associations finish for `grace_seconds`, then abort them."""
        if self._server is None:
            return
        self._server.shutdown()
        _join(self._server.live_associations(), grace_seconds)
        for assoc in self._server.live_associations():
            if assoc.is_established:
                assoc.abort(block=False)
        _join(self._server.live_associations(), _ABORT_SECONDS)
        for assoc in self._server.live_associations():
            assoc.cut()
        _log.info("scp_stopped", ae_title=self._config.ae_title)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(grace_seconds=0)

    def admit(self, assoc: ReceivingAssociation) -> Rejection | None:
        """Apply the policy to a requested association (for `ReceivingAssociation`)."""
        # requestor.ae_title is still empty here: pynetdicom 3 sets it during negotiation.
        primitive = assoc.requestor.primitive
        request = AssociationRequest(
            primitive.calling_ae_title.strip(), primitive.called_ae_title.strip(), assoc.requestor.address
        )
        decision = self._open.admit(assoc.association_id, request)
        if isinstance(decision, AssociationRejected):
            _log.warning("association_rejected", reason=decision.rejection.words, **_facts(decision))
            _tell(self._on_rejected, decision)
            return decision.rejection
        assoc.acceptor.supported_contexts = self._contexts_for(request.calling_ae_title)
        return None

    def established(self, assoc: ReceivingAssociation) -> None:
        """Tell of an association that stands (for `ReceivingAssociation`)."""
        opened = self._open.opened(assoc.association_id)
        _log.info("association_opened", **_facts(opened))
        _tell(self._on_open, opened)

    def ended(self, assoc: ReceivingAssociation) -> None:
        """Tell of an association that is over (for `ReceivingAssociation`)."""
        end = AssociationEnd.RELEASED if assoc.is_released else AssociationEnd.ABORTED
        closed = self._open.close(assoc.association_id, end)
        if closed is None:
            return
        _log.info(
            "association_closed", end=end.value, stored=closed.stored, refused=closed.refused, **_facts(closed.opened)
        )
        _tell(self._on_closed, closed)

    def store(self, event: evt.Event) -> Dataset:
        """Answer one C-STORE request (for `ReceivingAssociation`)."""
        request, assoc = event.request, event.assoc
        answer = self._reception.answer(
            StoreRequest(
                sop_class_uid=str(request.AffectedSOPClassUID),
                sop_instance_uid=str(request.AffectedSOPInstanceUID),
                transfer_syntax_uid=str(event.context.transfer_syntax),
                spool=request.spool,
                association=self._open.opened(assoc.association_id),
            )
        )
        if request.spool is not None:
            assoc.dimse.answered(request.spool)
        self._open.count(assoc.association_id, stored=answer.status is Status.SUCCESS)
        return _status_elements(answer)

    def _contexts_for(self, calling_ae_title: str) -> list[PresentationContext]:
        accepts = self._config.policy.accepts_sop_class
        stored = [cx for cx in self._contexts if accepts(calling_ae_title, str(cx.abstract_syntax))]
        return stored + [
            cx for service in self._services if service.serves(calling_ae_title) for cx in service.contexts
        ]


def _contexts(config: ScpConfig) -> list[PresentationContext]:
    images = [build_context(uid, list(config.transfer_syntaxes)) for uid in config.sop_classes]
    return [build_context(Verification), *images]


def _application_entity(config: ScpConfig) -> ApplicationEntity:
    ae = ApplicationEntity(config.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.acse_timeout = config.acse_timeout_seconds
    ae.network_timeout = config.network_timeout_seconds
    # The policy counts associations; pynetdicom would also count connections that are none yet.
    ae.maximum_associations = config.policy.maximum_associations + _SPARE_CONNECTIONS
    return ae


def _status_elements(answer: Answer) -> Dataset:
    elements = Dataset()
    elements.Status = int(answer.status)
    if answer.comment:
        elements.ErrorComment = answer.comment
    if answer.offending_element is not None:
        elements.OffendingElement = [answer.offending_element]
    return elements


def _facts(association: AssociationOpened | AssociationRejected) -> dict[str, str]:
    return {
        "association_id": association.association_id,
        "calling_ae_title": association.request.calling_ae_title,
        "called_ae_title": association.request.called_ae_title,
        "peer_address": association.request.peer_address,
    }


def _tell(callback: Callable[[_Told], None] | None, what: _Told) -> None:
    if callback is None:
        return
    try:
        callback(what)
    except CxrTriageError as error:
        _log.warning("association_callback_failed", reason=str(error))


def _join(associations: list[ReceivingAssociation], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for assoc in associations:
        assoc.join(max(0.0, deadline - time.monotonic()))
