"""The data sets of the Storage Commitment Push Model, PS3.4 Annex J: written for peers, and read from them."""

from collections.abc import Iterable
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode, encode

from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.status import Status
from dicom_gateway.uids import is_valid_uid
from domain.commitment import CommitmentReply, SopReference

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
#: PS3.4 J.3.5: the one, well-known instance that requests are made of.
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
#: PS3.4 Table J.3-1: Request Storage Commitment.
REQUEST_ACTION = 1
#: PS3.4 Table J.3-3: Storage Commitment Request Successful; Complete - Failures Exist.
ALL_COMMITTED_EVENT, FAILURES_EVENT = 1, 2


class CommitmentInvalid(Exception):
    """A request or an answer that cannot be used; `status` is what its sender is told."""

    def __init__(self, status: Status, words: str) -> None:
        super().__init__(words)
        self.status = status


def action_information(transaction_uid: str, instances: Iterable[SopReference]) -> Dataset:
    """Write what an N-ACTION asks, PS3.4 Table J.3-2."""
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    dataset.ReferencedSOPSequence = [_item(reference) for reference in instances]
    return dataset


def event_information(reply: CommitmentReply) -> Dataset:
    """Write what an N-EVENT-REPORT answers, PS3.4 Table J.3-4; a sequence without items is left out."""
    dataset = Dataset()
    dataset.TransactionUID = reply.transaction_uid
    if reply.committed:
        dataset.ReferencedSOPSequence = [_item(reference) for reference in reply.committed]
    if reply.failed:
        dataset.FailedSOPSequence = [_item(reference, reason) for reference, reason in reply.failed]
    return dataset


def event_type(reply: CommitmentReply) -> int:
    """Give the Event Type ID of an answer."""
    return FAILURES_EVENT if reply.failed else ALL_COMMITTED_EVENT


def encoded(dataset: Dataset, transfer_syntax: UID) -> BytesIO:
    """Encode a data set that was made here."""
    content = encode(dataset, transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian)
    if content is None:
        raise ValueError("a data set of ours cannot be encoded")
    return BytesIO(content)


def read_action(content: BytesIO | None, transfer_syntax: UID) -> tuple[str, tuple[SopReference, ...]]:
    """Read Transaction UID and instances of a request. Raises CommitmentInvalid."""
    dataset = _decoded(content, transfer_syntax)
    instances = _references(dataset, "ReferencedSOPSequence")
    if not instances:
        raise CommitmentInvalid(Status.INVALID_ARGUMENT_VALUE, "Referenced SOP Sequence missing or empty")
    return _transaction_uid(dataset), tuple(reference for reference, _ in instances)


def read_event(content: BytesIO | None, transfer_syntax: UID) -> CommitmentReply:
    """Read an answer. Raises CommitmentInvalid."""
    dataset = _decoded(content, transfer_syntax)
    committed = tuple(reference for reference, _ in _references(dataset, "ReferencedSOPSequence"))
    return CommitmentReply(_transaction_uid(dataset), committed, tuple(_references(dataset, "FailedSOPSequence")))


def _item(reference: SopReference, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if reason is not None:
        item.FailureReason = reason
    return item


def _decoded(content: BytesIO | None, transfer_syntax: UID) -> Dataset:
    if content is None or not content.getbuffer().nbytes:
        raise CommitmentInvalid(Status.NO_SUCH_ARGUMENT, "data set missing")
    try:
        dataset: Dataset = decode(content, transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian)
        # pydicom reads lazily: what is broken shows now, not when somebody looks.
        for _ in dataset.iterall():
            pass
    except (OSError, *MALFORMED) as error:  # OSError: pydicom's word for a sequence that ends too soon
        raise CommitmentInvalid(Status.MISTYPED_ARGUMENT, "data set unreadable") from error
    return dataset


def _transaction_uid(dataset: Dataset) -> str:
    return _uid(dataset, "TransactionUID", "Transaction UID missing or invalid")


def _references(dataset: Dataset, keyword: str) -> list[tuple[SopReference, int]]:
    """Read a sequence of references; a failure reason that is not there counts as 0110."""
    try:
        items = list(dataset.get(keyword) or [])
        reasons = [int(item.get("FailureReason", Status.PROCESSING_FAILURE)) for item in items]
    except MALFORMED as error:
        raise CommitmentInvalid(Status.INVALID_ARGUMENT_VALUE, f"{keyword} unreadable") from error
    return [(_reference(item), reason) for item, reason in zip(items, reasons, strict=True)]


def _reference(item: Dataset) -> SopReference:
    words = "Referenced SOP Class or Instance UID missing or invalid"
    return SopReference(_uid(item, "ReferencedSOPClassUID", words), _uid(item, "ReferencedSOPInstanceUID", words))


def _uid(dataset: Dataset, keyword: str, words: str) -> str:
    uid = str(dataset.get(keyword) or "").strip("\0 ")
    if not is_valid_uid(uid):
        raise CommitmentInvalid(Status.INVALID_ARGUMENT_VALUE, words)
    return uid
