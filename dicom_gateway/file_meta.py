"""What precedes a data set in a DICOM file (PS3.10 section 7.1): ours is written, a sender's is read as it arrives."""

from dataclasses import dataclass
from io import BytesIO

from pydicom.filereader import read_dataset
from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from dicom_gateway.instance_identity import MALFORMED, InstanceRefused
from dicom_gateway.status import Status
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_PREAMBLE = b"\0" * 128 + b"DICM"
#: Preamble, prefix, and (0002,0000) UL with the length of the rest of group 2.
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_GROUP_LENGTH_END = len(_PREAMBLE) + len(_GROUP_LENGTH) + 4
#: File meta has some two hundred bytes; private information (0002,0102) may add to it.
_LONGEST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a sender's file meta says of its data set; nothing is checked. Empty where it says nothing."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""


def own_file_meta(meta: FileMeta) -> bytes:
    """Encode preamble, prefix and the file meta of an instance that this service keeps."""
    made = create_file_meta(
        sop_class_uid=UID(meta.sop_class_uid),
        sop_instance_uid=UID(meta.sop_instance_uid),
        transfer_syntax=UID(meta.transfer_syntax_uid),
        implementation_uid=UID(IMPLEMENTATION_CLASS_UID),
        implementation_version=IMPLEMENTATION_VERSION_NAME,
    )
    encoded: bytes = encode_file_meta(made)
    return _PREAMBLE + encoded


class FileMetaReader:
    """Collects the beginning of a file until its file meta is complete."""

    def __init__(self) -> None:
        self._head = bytearray()

    def take(self, data: bytes | memoryview) -> tuple[FileMeta, memoryview] | None:
        """Give the file meta and the first bytes of the data set; None as long as more is needed.

        Raises InstanceRefused (C000) when this is no DICOM file.
        """
        self._head += data
        if len(self._head) < _GROUP_LENGTH_END:
            return None
        end = self._end()
        if len(self._head) < end:
            return None
        head = bytes(self._head)
        return _read(head[len(_PREAMBLE) : end]), memoryview(head)[end:]

    def _end(self) -> int:
        start = len(_PREAMBLE)
        starts_right = self._head[start - 4 : start] == b"DICM" and self._head[start:].startswith(_GROUP_LENGTH)
        length = int.from_bytes(self._head[_GROUP_LENGTH_END - 4 : _GROUP_LENGTH_END], "little")
        if not starts_right or length > _LONGEST_BYTES:
            raise no_dicom_file()
        return _GROUP_LENGTH_END + length


def no_dicom_file() -> InstanceRefused:
    """Give what is said of bytes that are no DICOM file."""
    return InstanceRefused(Status.CANNOT_UNDERSTAND, "not a DICOM file")


def _read(group: bytes) -> FileMeta:
    try:
        elements = read_dataset(BytesIO(group), is_implicit_VR=False, is_little_endian=True)
        return FileMeta(
            str(elements.get("MediaStorageSOPClassUID", "")),
            str(elements.get("MediaStorageSOPInstanceUID", "")),
            str(elements.get("TransferSyntaxUID", "")),
        )
    except (*MALFORMED, OSError) as error:
        raise no_dicom_file() from error
