"""The Storage and Verification SCP: what the modalities and the PACS send to."""

import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from dicom_gateway.association_policy import AssociationRequest, Rejection
from dicom_gateway.associations import (
    AssociationClosed,
    AssociationEnd,
    AssociationOpened,
    AssociationRejected,
    OpenAssociations,
)
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.live_associations import LiveAssociations
from dicom_gateway.offered_service import OfferedService, dispatching
from dicom_gateway.receiving_association import ReceivingAssociation, ReceivingServer, ReceptionLimits
from dicom_gateway.reception import Answer, ReceivedInstance, Reception, StoreRequest
from dicom_gateway.room import Room, unlimited
from dicom_gateway.scp_config import ScpConfig
from dicom_gateway.status import Status
from dicom_gateway.tls import own_certificate, server_context
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from domain.errors import ConfigurationInvalid, CxrTriageError

_log = structlog.get_logger()
_Told = TypeVar("_Told")

#: Connections beyond the associations: probes of load balancers, peers that are being rejected.
_SPARE_CONNECTIONS = 32
#: How often the accept thread looks whether it should stop.
_POLL_SECONDS = 0.1


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
        room: Room | None = None,
        services: Sequence[OfferedService] = (),
    ) -> None:
        """Prepare to listen.

        `on_instance` commits the row of an instance on disk; success is answered when it returns, A700 on
        StoreUnavailable, 0110 on any other error. The others are told; a CxrTriageError of theirs is logged.
        All of them are called from many threads at once. Where there is no `room`, A700 is answered before anything
        is written, and C-ECHO still works; None: as much as the disk takes. `services` are offered beside storage.
        """
        self._config = config
        self._store = store
        self._reception = Reception(store, on_instance)
        self._on_open = on_association_open
        self._on_closed = on_association_closed
        self._on_rejected = on_association_rejected
        self._open = OpenAssociations(config.policy)
        self._room = room if room is not None else unlimited()
        self._live = LiveAssociations()
        self._plain: ReceivingServer | None = None
        self._secure: ReceivingServer | None = None
        self._services = services
        self._contexts = _contexts(config)
        #: What is served beside C-STORE (for `ReceivingAssociation`).
        self.handlers = dispatching(services)
        self.more_sop_classes = {uid: service.sop_classes for service in services for uid in service.sop_classes}

    @property
    def address(self) -> tuple[str, int]:
        """Host and actual port, that of TLS where there is no other; raises RuntimeError before `start`."""
        address = _address(self._plain or self._secure)
        if address is None:
            raise RuntimeError("the SCP has not been started")
        return address

    @property
    def tls_address(self) -> tuple[str, int] | None:
        """Host and actual port of TLS; None where it is not used."""
        return _address(self._secure)

    def start(self) -> None:
        """Bind, listen and serve in threads.

        Raises ConfigurationInvalid when an address cannot be bound, or a file of TLS cannot be used.
        """
        config = self._config
        context = None
        if config.tls is not None:
            own_certificate(config.tls)
            context = server_context(config.tls)
        if config.port is not None:
            self._plain = self._listen(config.port, None)
        if context is not None:
            self._secure = self._listen(config.tls_port, context)
        for server in self._servers():
            arguments = (_POLL_SECONDS,)
            threading.Thread(target=server.serve_forever, args=arguments, name="storage-scp", daemon=True).start()
        _log.info("scp_listening", ae_title=config.ae_title, address=self.address, tls_address=self.tls_address)

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Listen no more, let open associations finish for `grace_seconds`, then abort them."""
        servers = self._servers()
        for server in servers:
            server.shutdown()
        if servers:
            self._live.end(grace_seconds)
            _log.info("scp_stopped", ae_title=self._config.ae_title)

    def _servers(self) -> list[ReceivingServer]:
        return [server for server in (self._plain, self._secure) if server is not None]

    def _listen(self, port: int, context: ssl.SSLContext | None) -> ReceivingServer:
        config = self._config
        limits = ReceptionLimits(
            maximum_pdu_bytes=config.maximum_pdu_bytes,
            maximum_object_bytes=config.maximum_object_bytes,
            maximum_connections=config.policy.maximum_associations + _SPARE_CONNECTIONS,
            room=self._room,
        )
        try:
            return ReceivingServer(
                _application_entity(config),
                (config.host, port),
                self._contexts,
                host=self,
                limits=limits,
                live=self._live,
                new_temporary=self._store.new_temporary,
                tls=context,
            )
        except OSError as error:
            for server in self._servers():
                server.server_close()
            raise ConfigurationInvalid(f"cannot listen on {config.host}:{port}: {error.strerror}") from error

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
            calling_ae_title=primitive.calling_ae_title.strip(),
            called_ae_title=primitive.called_ae_title.strip(),
            peer_address=assoc.requestor.address,
            is_secure=assoc.is_secure,
        )
        decision = self._open.admit(assoc.association_id, request)
        if isinstance(decision, AssociationRejected):
            _log.warning("association_rejected", reason=decision.rejection.words, **_facts(decision))
            _tell(self._on_rejected, decision)
            return decision.rejection
        assoc.acceptor.supported_contexts = self._contexts_for(request)
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

    def _contexts_for(self, request: AssociationRequest) -> list[PresentationContext]:
        accepts = self._config.policy.accepts_sop_class
        titled = [service for service in self._services if service.serves(request.calling_ae_title)]
        contexts = [*self._contexts, *(context for service in titled for context in service.contexts)]
        return [cx for cx in contexts if accepts(request, str(cx.abstract_syntax))]


def _address(server: ReceivingServer | None) -> tuple[str, int] | None:
    if server is None:
        return None
    host, port = server.server_address[:2]
    return str(host), int(port)


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


def _facts(association: AssociationOpened | AssociationRejected) -> dict[str, str | bool]:
    named: dict[str, str | bool] = {"peer": association.peer_name} if association.peer_name else {}
    return named | {
        "association_id": association.association_id,
        "calling_ae_title": association.request.calling_ae_title,
        "called_ae_title": association.request.called_ae_title,
        "peer_address": association.request.peer_address,
        "tls": association.request.is_secure,
    }


def _tell(callback: Callable[[_Told], None] | None, what: _Told) -> None:
    if callback is None:
        return
    try:
        callback(what)
    except CxrTriageError as error:
        _log.warning("association_callback_failed", reason=str(error))
