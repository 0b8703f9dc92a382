"""Sending instances: reports to the PACS, and files for tests and the `send` command.

Nothing is retried here: the delivery queue is the one layer that does.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import _config
from pynetdicom.association import Association

from dicom_gateway.association_scu import (
    MAXIMUM_CONTEXTS,
    Destination,
    NoContextAccepted,
    Proposal,
    accepted_pairs,
    associated,
)
from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.status import Status, StatusFamily, classify, status_words
from domain.errors import InstanceInvalid, PeerBusy, PeerUnavailable, ReportRefused

_log = structlog.get_logger()

# pynetdicom's documented switch: a *path* given to send_c_store is then sent as it is encoded, in
# fragments, instead of being decoded and encoded anew. It has no other effect; nothing here resets it.
_config.STORE_SEND_CHUNKED_DATASET = True

#: PS3.7 9.3.1.1: DIMSE Priority, medium.
_MEDIUM = 0


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """An instance that the peer has stored."""

    sop_instance_uid: str
    #: Success or a warning, PS3.4 Annex B.2.3.
    status: int
    #: The warning in words, else empty.
    note: str


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file that was to be sent."""

    path: Path
    #: Empty when the file is no DICOM file.
    sop_instance_uid: str
    #: The peer's answer; None when there was none.
    status: int | None
    #: Why the peer has not stored it; empty when it has.
    error: str

    @property
    def is_stored(self) -> bool:
        """Whether the peer answered with success or a warning."""
        return not self.error


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A DICOM file to send."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.sop_class_uid, self.transfer_syntax_uid


def send_report(destination: Destination, report: bytes) -> SendOutcome:
    """Send one report, given as a DICOM file in memory; see `send_instances`."""
    (outcome,) = send_instances(destination, [report])
    return outcome


def send_instances(destination: Destination, instances: Sequence[bytes | Path]) -> tuple[SendOutcome, ...]:
    """Send DICOM files on one association, in order; returns when the peer has stored them all.

    Each goes as it is encoded; explicit VR little endian becomes implicit when the peer takes only that.
    Raises at the first that fails: ReportRefused for good (also when the peer takes no such SOP class, 0122),
    PeerBusy and PeerUnavailable for now, InstanceInvalid for bytes that are no DICOM file. What was stored
    before the failure may be sent again: same UID, same bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        outgoing = [_outgoing(_as_file(instance, Path(folder), n)) for n, instance in enumerate(instances)]
        try:
            with associated(destination, _proposals(outgoing, with_implicit=True)) as assoc:
                return tuple(_send_or_raise(destination, assoc, item, n) for n, item in enumerate(outgoing))
        except NoContextAccepted as error:
            raise ReportRefused(Status.SOP_CLASS_NOT_SUPPORTED, "no presentation context accepted") from error


def send_in_association(destination: Destination, assoc: Association, path: Path, index: int) -> SendOutcome:
    """Send one file, the `index`th on this association; raises as `send_instances` does."""
    return _send_or_raise(destination, assoc, _outgoing(path), index)


def send_files(
    destination: Destination,
    paths: Sequence[Path],
    on_progress: Callable[[FileOutcome], None] | None = None,
) -> list[FileOutcome]:
    """Send DICOM files as they are encoded, and say of each what became of it.

    One association, or several when the files need more than 128 presentation contexts. Raises nothing:
    what cannot be read, is refused, or finds no peer has an error in its outcome.
    """
    outcomes = []
    for outcome in _send_files(destination, paths):
        outcomes.append(outcome)
        if on_progress is not None:
            on_progress(outcome)
    return outcomes


def _send_files(destination: Destination, paths: Sequence[Path]) -> Iterator[FileOutcome]:
    readable = []
    for path in paths:
        try:
            readable.append(_outgoing(path))
        except InstanceInvalid as error:
            yield FileOutcome(path, "", None, str(error))
    pairs = list(dict.fromkeys(item.pair for item in readable))
    for first in range(0, len(pairs), MAXIMUM_CONTEXTS):
        batch = set(pairs[first : first + MAXIMUM_CONTEXTS])
        yield from _send_batch(destination, [item for item in readable if item.pair in batch])


def _send_batch(destination: Destination, batch: list[_Outgoing]) -> Iterator[FileOutcome]:
    answered = 0
    try:
        with associated(destination, _proposals(batch, with_implicit=False)) as assoc:
            accepted = accepted_pairs(assoc)
            for item in batch:
                yield _send_file(destination, assoc, item, answered, is_accepted=item.pair in accepted)
                answered += 1
    except PeerUnavailable as error:
        for item in batch[answered:]:
            yield FileOutcome(item.path, item.sop_instance_uid, None, str(error))


def _send_file(
    destination: Destination, assoc: Association, item: _Outgoing, index: int, *, is_accepted: bool
) -> FileOutcome:
    if not is_accepted:
        return FileOutcome(item.path, item.sop_instance_uid, None, "presentation context not accepted")
    status = _store(destination, assoc, item.path, index)
    is_stored = classify(status) in (StatusFamily.SUCCESS, StatusFamily.WARNING)
    return FileOutcome(item.path, item.sop_instance_uid, status, "" if is_stored else status_words(status))


def _send_or_raise(destination: Destination, assoc: Association, item: _Outgoing, index: int) -> SendOutcome:
    status = _store(destination, assoc, _in_accepted_syntax(assoc, item), index)
    family = classify(status)
    if family is StatusFamily.TRANSIENT:
        raise PeerBusy(status, status_words(status))
    if family is StatusFamily.REFUSED:
        raise ReportRefused(status, status_words(status))
    note = status_words(status) if family is StatusFamily.WARNING else ""
    _log.info("instance_sent", destination=destination.name, sop_instance_uid=item.sop_instance_uid, note=note)
    return SendOutcome(item.sop_instance_uid, status, note)


def _store(destination: Destination, assoc: Association, path: Path, index: int) -> int:
    """Send one file and give the status; raises PeerUnavailable when there is no answer."""
    try:
        # PS3.7 Table E.1-1: a Message ID is an unsigned short.
        answer = assoc.send_c_store(path, msg_id=1 + index % 0xFFFF, priority=_MEDIUM)
    except RuntimeError as error:
        raise PeerUnavailable(f"{destination.name}: association lost") from error
    if "Status" not in answer:
        raise PeerUnavailable(f"{destination.name}: association lost, or no answer to C-STORE in time")
    return int(answer.Status)


def _in_accepted_syntax(assoc: Association, item: _Outgoing) -> Path:
    """Give the file to send: as it is, or in implicit VR when the peer takes only that."""
    accepted = accepted_pairs(assoc)
    if item.pair in accepted:
        return item.path
    if (item.sop_class_uid, ImplicitVRLittleEndian) not in accepted or not _can_be_implicit(item):
        raise ReportRefused(Status.SOP_CLASS_NOT_SUPPORTED, "presentation context not accepted")
    implicit = item.path.with_suffix(".implicit.dcm")
    dataset = dcmread(item.path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(implicit, enforce_file_format=True)
    return implicit


def _can_be_implicit(item: _Outgoing) -> bool:
    return item.transfer_syntax_uid == ExplicitVRLittleEndian


def _proposals(outgoing: Sequence[_Outgoing], *, with_implicit: bool) -> list[Proposal]:
    """Propose each pair that is needed, in a context of its own, and implicit VR beside explicit where it may help."""
    pairs = [item.pair for item in outgoing]
    if with_implicit:
        pairs += [(item.sop_class_uid, ImplicitVRLittleEndian) for item in outgoing if _can_be_implicit(item)]
    return [Proposal(sop_class, (transfer_syntax,)) for sop_class, transfer_syntax in dict.fromkeys(pairs)]


def _as_file(instance: bytes | Path, folder: Path, number: int) -> Path:
    """Put the file into our own folder, where its implicit twin may be written too."""
    path = folder / f"{number}.dcm"
    if isinstance(instance, Path):
        path.symlink_to(instance.resolve())
    else:
        path.write_bytes(instance)
    return path


def _outgoing(path: Path) -> _Outgoing:
    """Read the file meta; raises InstanceInvalid when it is no DICOM file, or lacks an element."""
    try:
        meta = read_file_meta_info(path)
        return _Outgoing(
            path,
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
        )
    except OSError as error:
        raise InstanceInvalid(f"cannot be read: {error.strerror}") from error
    except MALFORMED as error:
        raise InstanceInvalid("not a DICOM file with complete file meta") from error
