"""From a complete data set in a temporary file to an answer that may be relied on.

The order is the promise: file synced, renamed, folder synced, row committed, and only then 0x0000.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from dicom_gateway.associations import AssociationOpened
from dicom_gateway.bounded_reader import BoundedReader
from dicom_gateway.instance_identity import (
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    InstanceIdentity,
    InstanceRefused,
    read_identity,
)
from dicom_gateway.instance_store import InstanceStore, StoredFile
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from domain import traces
from domain.clock import utc_now
from domain.errors import InstanceInvalid, IntakeStopped, StoreUnavailable
from domain.failpoints import Failpoint, failpoint

_log = structlog.get_logger()

#: PS3.7 Table E.1-1: Error Comment is an LO.
_COMMENT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """An instance that is safe on disk; its UIDs are valid."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    #: As sent; empty when the header lacks it.
    modality: str
    #: In the instance store.
    relative_path: str
    #: Of the whole file.
    size_bytes: int
    #: Hexadecimal, of the data set alone: what the sender sent, whatever file meta precedes it.
    sha256: str
    calling_ae_title: str
    called_ae_title: str
    #: Numeric IP address.
    peer_address: str
    association_id: str
    #: Aware, UTC.
    received_at: datetime
    #: This service made it, and it came back.
    is_own_output: bool = False


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One C-STORE request, or one part of a STOW-RS request, with its data set on disk."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    #: None when the request came without a data set.
    spool: Spool | None
    association: AssociationOpened
    #: The one study that the request is about; empty for any.
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to put in the C-STORE response."""

    status: Status
    #: Error Comment (0000,0902), at most 64 characters of ASCII.
    comment: str = ""
    #: Offending Element (0000,0901): a tag.
    offending_element: int | None = None


class Reception:
    """Checks, keeps and announces what arrives."""

    def __init__(self, store: InstanceStore, on_instance: Callable[[ReceivedInstance], None]) -> None:
        """Keep instances in `store`; `on_instance` commits the row, or raises StoreUnavailable."""
        self._store = store
        self._on_instance = on_instance

    def answer(self, request: StoreRequest) -> Answer:
        """Keep one instance and say what to answer; raises nothing.

        Success only after `on_instance` returned. A file that is in place when `on_instance` fails stays
        there: the sender tries again, and the same content takes the same place.
        """
        try:
            received = self._keep(request)
            self._on_instance(received)
        except InstanceRefused as refused:
            answer = Answer(refused.status, refused.comment[:_COMMENT_LENGTH], refused.offending_element)
        except InstanceInvalid:
            answer = Answer(Status.CANNOT_UNDERSTAND, "instance cannot be stored")
        except IntakeStopped as stopped:  # told once, when it stopped, and not for each instance
            return Answer(Status.OUT_OF_RESOURCES, str(stopped)[:_COMMENT_LENGTH])
        except StoreUnavailable:
            answer = Answer(Status.OUT_OF_RESOURCES, "out of resources, try again later")
        except Exception as error:  # noqa: BLE001 - whatever `on_instance` raises ends here: the sender must hear
            _log_failure(request, error)
            answer = Answer(Status.PROCESSING_FAILURE, "processing failure, try again later")
        else:
            answer = Answer(Status.SUCCESS)
        _log_answer(request, answer)
        failpoint(Failpoint.RECEIVE_BEFORE_ANSWER)
        return answer

    def _keep(self, request: StoreRequest) -> ReceivedInstance:
        received_at = utc_now()
        spool = request.spool
        if spool is None:
            raise InstanceRefused(Status.CANNOT_UNDERSTAND, "no data set")
        spool.finish()
        identity = _identify(request, spool)
        stored = self._store.place(spool.path, identity.study_instance_uid, identity.sop_instance_uid, spool.sha256)
        return _received(request, identity, stored, spool.sha256, received_at)


def _identify(request: StoreRequest, spool: Spool) -> InstanceIdentity:
    """Read the identity and hold it against the command set; raises InstanceRefused, StoreUnavailable."""
    try:
        with BoundedReader(spool.path) as file:
            file.seek(spool.data_set_offset)
            identity = read_identity(file, spool.file_bytes, request.transfer_syntax_uid)
    except OSError as error:
        raise StoreUnavailable(f"the instance cannot be read back: {error.strerror}") from error
    mismatch = Status.DATA_SET_DOES_NOT_MATCH
    if identity.sop_class_uid != request.sop_class_uid:
        raise InstanceRefused(mismatch, "SOP Class UID differs from the command set", SOP_CLASS_UID)
    if identity.sop_instance_uid != request.sop_instance_uid:
        raise InstanceRefused(mismatch, "SOP Instance UID differs from the command set", SOP_INSTANCE_UID)
    if request.study_instance_uid not in ("", identity.study_instance_uid):
        raise InstanceRefused(mismatch, "Study Instance UID differs from the address", STUDY_INSTANCE_UID)
    return identity


def _received(
    request: StoreRequest, identity: InstanceIdentity, stored: StoredFile, sha256: str, received_at: datetime
) -> ReceivedInstance:
    peer = request.association.request
    return ReceivedInstance(
        sop_instance_uid=identity.sop_instance_uid,
        sop_class_uid=identity.sop_class_uid,
        study_instance_uid=identity.study_instance_uid,
        series_instance_uid=identity.series_instance_uid,
        transfer_syntax_uid=request.transfer_syntax_uid,
        modality=identity.modality,
        relative_path=stored.relative_path,
        size_bytes=stored.size_bytes,
        sha256=sha256,
        calling_ae_title=peer.calling_ae_title,
        called_ae_title=peer.called_ae_title,
        peer_address=peer.peer_address,
        association_id=request.association.association_id,
        received_at=received_at,
        is_own_output=identity.is_own_output,
    )


def _log_failure(request: StoreRequest, error: Exception) -> None:
    """Say what failed and where, but not the error's own words: a database quotes its values in them."""
    _log.error("instance_failed", sop_instance_uid=request.sop_instance_uid, reason=traces.told(error))


def _log_answer(request: StoreRequest, answer: Answer) -> None:
    facts = {
        "association_id": request.association.association_id,
        "calling_ae_title": request.association.request.calling_ae_title,
        "sop_instance_uid": request.sop_instance_uid,
    }
    if answer.status is Status.SUCCESS:
        _log.info("instance_stored", **facts)
    else:
        _log.warning("instance_refused", status=f"0x{answer.status:04X}", reason=answer.comment, **facts)
