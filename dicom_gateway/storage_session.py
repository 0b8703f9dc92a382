"""An open association to one PACS: first what it takes is known, then instances are sent one by one.

For who must know what the peer accepts before there is anything to send. Nothing is retried here.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from dicom_gateway.association_scu import Destination, NoContextAccepted, Proposal, accepted_pairs, associated
from dicom_gateway.status import Status
from dicom_gateway.storage_scu import SendOutcome, send_in_association
from domain.errors import ReportRefused


class StorageSession:
    """Sends instances in Explicit VR Little Endian, or in implicit where the peer takes only that."""

    def __init__(self, destination: Destination, assoc: Association, folder: Path) -> None:
        self._destination = destination
        self._assoc = assoc
        self._folder = folder
        self._sent = 0
        #: SOP classes that the peer takes, in either transfer syntax.
        self.accepted = frozenset(sop_class for sop_class, _ in accepted_pairs(assoc))

    def send(self, instance: bytes) -> SendOutcome:
        """Send one DICOM file; returns when the peer has stored it. Raises as `send_instances` does."""
        path = self._folder / f"{self._sent}.dcm"
        path.write_bytes(instance)
        outcome = send_in_association(self._destination, self._assoc, path, self._sent)
        self._sent += 1
        return outcome


@contextmanager
def storage_session(destination: Destination, sop_class_uids: Sequence[str]) -> Iterator[StorageSession]:
    """Open an association that proposes these SOP classes, each in explicit and in implicit VR little endian.

    Raises ReportRefused (0122) when the peer takes none of them, PeerUnavailable as `associated` does.
    """
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    proposals = [Proposal(sop_class, (syntax,)) for sop_class in sop_class_uids for syntax in syntaxes]
    try:
        with tempfile.TemporaryDirectory() as folder, associated(destination, proposals) as assoc:
            yield StorageSession(destination, assoc, Path(folder))
    except NoContextAccepted as error:
        raise ReportRefused(Status.SOP_CLASS_NOT_SUPPORTED, "no presentation context accepted") from error
