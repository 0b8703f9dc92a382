"""One part of a STOW-RS request: its file meta is read as it arrives, then its data set goes to a spool."""

from collections.abc import Callable

from dicom_gateway.file_meta import FileMeta, FileMetaReader, no_dicom_file, own_file_meta
from dicom_gateway.instance_identity import InstanceRefused
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from dicom_gateway.uids import is_valid_uid


class StowPart:
    """Grows piece by piece until `complete`; what is wrong with it is kept in the spool, as with C-STORE."""

    def __init__(self, new_spool: Callable[[bytes], Spool], accepts_sop_class: Callable[[str], bool]) -> None:
        """`new_spool` makes a spool that begins with the given bytes."""
        self._new_spool = new_spool
        self._accepts_sop_class = accepts_sop_class
        self._reader = FileMetaReader()
        #: What the part says that it is; empty until its file meta was read.
        self.meta = FileMeta()
        #: None until the file meta was read, or refused.
        self.spool: Spool | None = None

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        if self.spool is not None:
            self.spool.write(data)
            return
        try:
            read = self._reader.take(data)
        except InstanceRefused as refusal:
            self.refuse(refusal)
            return
        if read is not None:
            self.meta, rest = read
            self._open(rest)

    def complete(self) -> Spool:
        """Give the spool of the whole part."""
        if self.spool is None:
            self.refuse(no_dicom_file())
        assert self.spool is not None  # noqa: S101 - `refuse` makes one
        return self.spool

    def refuse(self, refusal: InstanceRefused) -> None:
        """Decide that the part is not kept, whatever it holds."""
        if self.spool is None:
            self.spool = self._new_spool(b"")
        self.spool.refuse(refusal)

    def _open(self, rest: memoryview) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self.refuse(refusal)
            return
        self.spool = self._new_spool(own_file_meta(self.meta))
        if rest:
            self.spool.write(rest)

    def _refusal(self) -> InstanceRefused | None:
        """Say what C-STORE would say, or what would keep its presentation context from being accepted."""
        meta = self.meta
        if not is_valid_uid(meta.sop_instance_uid):
            return InstanceRefused(Status.INVALID_SOP_INSTANCE, "Media Storage SOP Instance UID invalid")
        if not self._accepts_sop_class(meta.sop_class_uid):
            return InstanceRefused(Status.SOP_CLASS_NOT_SUPPORTED, "SOP class not supported")
        if meta.transfer_syntax_uid not in RECEIVED_TRANSFER_SYNTAXES:
            return InstanceRefused(Status.TRANSFER_SYNTAX_NOT_SUPPORTED, "transfer syntax not supported")
        return None
