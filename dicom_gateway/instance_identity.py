"""Who an instance says it is: the few elements that decide whether it can be kept.

Only the top level is walked, only the wanted values are read, and no pixel is touched (under 1 ms an image).
"""

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from dicom_gateway.status import Status
from dicom_gateway.uids import MANUFACTURER_MODEL_NAME, is_own_series, is_valid_uid
from domain.errors import InstanceInvalid

#: What reading hostile or broken DICOM bytes with pydicom can raise; anything else is a mistake of ours.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
MODALITY = 0x00080060
MANUFACTURER_MODEL_NAME_TAG = 0x00081090
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
PIXEL_DATA = 0x7FE00010
_WANTED: list[BaseTag | int] = [
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    MODALITY,
    MANUFACTURER_MODEL_NAME_TAG,
    STUDY_INSTANCE_UID,
    SERIES_INSTANCE_UID,
]
#: Float Pixel Data, Double Float Pixel Data, Pixel Data.
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})
_UNDEFINED_LENGTH = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_SEQUENCE_DELIMITER = 0xFFFEE0DD
#: PS3.5 6.2: at most 16 characters in a CS.
_CODE_STRING_LENGTH = 16


class InstanceRefused(InstanceInvalid):
    """The instance cannot be kept; the status says why to the sender."""

    def __init__(self, status: Status, comment: str, offending_element: int | None = None) -> None:
        super().__init__(comment)
        #: DIMSE status, PS3.4 Annex B.2.3.
        self.status = status
        #: Error Comment: at most 64 characters, no patient data.
        self.comment = comment
        #: Tag of the element at fault.
        self.offending_element = offending_element


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """The identifying elements of one data set; its UIDs are valid."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    #: As sent; empty when the header lacks it.
    modality: str
    #: This service made it: by its equipment, or by a series that is derived from the study.
    is_own_output: bool = False


def read_identity(file: BinaryIO, size_bytes: int, transfer_syntax_uid: str) -> InstanceIdentity:
    """Read the identity of the data set that starts at the file's position and ends at `size_bytes`.

    Raises InstanceRefused with C000 when the data set cannot be parsed, ends before it says, or lacks
    a valid Study or Series Instance UID; OSError when the file cannot be read.
    """
    try:
        values = _read_values(file, size_bytes, UID(transfer_syntax_uid))
    except (*MALFORMED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's; pydicom's own OSError, for a sequence that is cut off, has no number
        raise InstanceRefused(Status.CANNOT_UNDERSTAND, "data set cannot be parsed") from error
    study_uid = _valid_uid(values, STUDY_INSTANCE_UID, "Study Instance UID")
    series_uid = _valid_uid(values, SERIES_INSTANCE_UID, "Series Instance UID")
    made_here = values.get(MANUFACTURER_MODEL_NAME_TAG, "").lower() == MANUFACTURER_MODEL_NAME
    return InstanceIdentity(
        sop_class_uid=values.get(SOP_CLASS_UID, ""),
        sop_instance_uid=values.get(SOP_INSTANCE_UID, ""),
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        modality=values.get(MODALITY, "")[:_CODE_STRING_LENGTH],
        is_own_output=made_here or is_own_series(study_uid, series_uid),
    )


def _valid_uid(values: dict[int, str], tag: int, name: str) -> str:
    uid = values.get(tag, "")
    if not is_valid_uid(uid):
        problem = "invalid" if uid else "missing"
        raise InstanceRefused(Status.CANNOT_UNDERSTAND, f"{name} {problem}", tag)
    return uid


def _read_values(file: BinaryIO, size_bytes: int, transfer_syntax: UID) -> dict[int, str]:
    pixels = _PixelElement(file)
    elements = data_element_generator(
        file,
        transfer_syntax.is_implicit_VR,
        transfer_syntax.is_little_endian,
        stop_when=pixels.found,
        specific_tags=_WANTED,
    )
    values: dict[int, str] = {}
    for element in elements:
        if isinstance(element, RawDataElement) and element.tag in _WANTED:
            values[int(element.tag)] = _text(element)
    end = pixels.end(transfer_syntax.is_little_endian) if pixels.value_start else file.tell()
    if end > size_bytes:
        raise InstanceRefused(Status.CANNOT_UNDERSTAND, "data set ends before it says")
    return values


def _text(element: RawDataElement) -> str:
    value = element.value or b""
    if len(value) < element.length:
        raise EOFError
    return value.decode("ascii", errors="replace").strip("\0 ")


class _PixelElement:
    """Notes where the pixel element begins and how long it claims to be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.value_start = 0
        self._length = 0

    def found(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        """Stop the walk at the pixels (the signature is pydicom's `stop_when`)."""
        if tag not in _PIXEL_TAGS:
            return False
        if vr is not None and vr not in EXPLICIT_VR_LENGTH_32:
            raise ValueError("the VR of the pixel element has no 32 bit length")
        self.value_start = self._file.tell()
        self._length = length
        return True

    def end(self, is_little_endian: bool) -> int:
        """Give the offset at which the pixel element ends by its own account."""
        if self._length != _UNDEFINED_LENGTH:
            return self.value_start + self._length
        return self._end_of_items("<HHL" if is_little_endian else ">HHL")

    def _end_of_items(self, layout: str) -> int:
        """Walk the items of encapsulated pixels (PS3.5 A.4); raises EOFError without a delimiter."""
        position = self.value_start
        while True:
            self._file.seek(position)
            head = self._file.read(8)
            if len(head) < struct.calcsize(layout):
                raise EOFError
            fields: tuple[int, int, int] = struct.unpack(layout, head)
            group, number, length = fields
            tag = group << 16 | number
            position += len(head) + length
            if tag == _SEQUENCE_DELIMITER:
                return position
            if tag != _ITEM:
                raise ValueError("an item was expected in the pixel element")
