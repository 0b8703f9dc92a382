"""STOW-RS without its HTTP (PS3.18 section 10.5): each part goes the way of a C-STORE."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dicom_gateway.association_policy import AssociationPolicy, AssociationRequest
from dicom_gateway.associations import AssociationClosed, AssociationEnd, AssociationOpened
from dicom_gateway.instance_identity import InstanceRefused
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.multipart_related import RelatedParser
from dicom_gateway.received_sop_classes import NAMED_SENDERS_ONLY, RECEIVED_SOP_CLASSES
from dicom_gateway.reception import ReceivedInstance, Reception, StoreRequest
from dicom_gateway.room import Room
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from dicom_gateway.stow_part import StowPart
from dicom_gateway.stow_response import PartOutcome
from domain.clock import utc_now
from domain.errors import StoreUnavailable

_log = structlog.get_logger()
#: A part that does not say what it is passes for what the whole message is said to be.
_DICOM = {"", "application/dicom"}


@dataclass(frozen=True, slots=True)
class StowConfig:
    """What STOW-RS requests are held to."""

    #: As what the senders' instances are known: HTTP has no AE titles.
    calling_ae_title: str
    called_ae_title: str
    policy: AssociationPolicy
    #: Largest data set; a larger one is refused with C000.
    maximum_object_bytes: int
    #: Most parts of one request.
    maximum_parts: int
    #: What is taken at all; the policy says of whom.
    sop_classes: frozenset[str] = frozenset(RECEIVED_SOP_CLASSES + NAMED_SENDERS_ONLY)


class StowReception:
    """Begins transactions; safe for threads."""

    def __init__(
        self,
        config: StowConfig,
        store: InstanceStore,
        room: Room,
        on_instance: Callable[[ReceivedInstance], None],
        *,
        on_open: Callable[[AssociationOpened], None],
        on_closed: Callable[[AssociationClosed], None],
    ) -> None:
        """`on_instance` commits the row, as for the Storage SCP; a request counts as an association to the others."""
        self.config = config
        self.room = room
        self.store = store
        self.reception = Reception(store, on_instance)
        self._on_open = on_open
        self.on_closed = on_closed

    def begin(self, boundary: bytes, peer_address: str, *, is_secure: bool, study_uid: str = "") -> "StowTransaction":
        """Begin one request, whose every part must be of the study `study_uid` if one is named."""
        request = AssociationRequest(
            self.config.calling_ae_title, self.config.called_ae_title, peer_address, is_secure=is_secure
        )
        opened = AssociationOpened(uuid.uuid4().hex, request, utc_now())
        self._on_open(opened)
        _log.info("stow_begun", association_id=opened.association_id, peer_address=peer_address)
        return StowTransaction(self, opened, boundary, study_uid)


class StowTransaction:
    """One request: feed it, then finish or abandon it. For one thread at a time."""

    def __init__(self, host: StowReception, opened: AssociationOpened, boundary: bytes, study_uid: str) -> None:
        self._host = host
        self._opened = opened
        self._study_uid = study_uid
        self._parser = RelatedParser(boundary, self, host.config.maximum_parts)
        self._part: StowPart | None = None
        self._is_over = False
        self.outcomes: list[PartOutcome] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body. Raises MessageMalformed; parts that were complete stay."""
        self._parser.feed(data)

    def finish(self) -> list[PartOutcome]:
        """Give what became of each part. Raises MessageMalformed when the body is not complete."""
        self._parser.finish()
        self.close()
        return self.outcomes

    def close(self) -> None:
        """End the request, whatever came of it; nothing of a part that is not complete is left."""
        if self._is_over:
            return
        self._is_over = True
        if self._part is not None and self._part.spool is not None:
            self._part.spool.discard()
        stored = sum(outcome.status is Status.SUCCESS for outcome in self.outcomes)
        refused = len(self.outcomes) - stored
        _log.info("stow_ended", association_id=self._opened.association_id, stored=stored, refused=refused)
        try:
            closed = AssociationClosed(self._opened, utc_now(), AssociationEnd.RELEASED, stored, refused)
            self._host.on_closed(closed)
        except StoreUnavailable as error:  # as with an association: its signs of life end, which says the same
            _log.warning("association_callback_failed", reason=str(error))

    def begin(self, media_type: str) -> None:
        """Begin a part (for `RelatedParser`)."""
        self._part = StowPart(self._new_spool, self._accepts)
        if media_type not in _DICOM:
            self._part.refuse(InstanceRefused(Status.CANNOT_UNDERSTAND, "part is not application/dicom"))

    def write(self, data: memoryview) -> None:
        """Take bytes of the part (for `RelatedParser`)."""
        if self._part is not None:
            self._part.write(data)

    def end(self) -> None:
        """Keep the part, and note what came of it (for `RelatedParser`)."""
        part, self._part = self._part, None
        if part is None:  # a part without headers' end
            return
        spool = part.complete()
        try:
            answer = self._host.reception.answer(
                StoreRequest(
                    sop_class_uid=part.meta.sop_class_uid,
                    sop_instance_uid=part.meta.sop_instance_uid,
                    transfer_syntax_uid=part.meta.transfer_syntax_uid,
                    spool=spool,
                    association=self._opened,
                    study_instance_uid=self._study_uid,
                )
            )
        finally:
            spool.discard()
        self.outcomes.append(PartOutcome(part.meta.sop_class_uid, part.meta.sop_instance_uid, answer.status))

    def _new_spool(self, file_meta: bytes) -> Spool:
        host = self._host
        return Spool(host.store.new_temporary(), file_meta, host.config.maximum_object_bytes, host.room)

    def _accepts(self, sop_class_uid: str) -> bool:
        accepts = self._host.config.policy.accepts_sop_class(self._opened.request, sop_class_uid)
        return accepts and sop_class_uid in self._host.config.sop_classes
