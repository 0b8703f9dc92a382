"""Data sets of any bytes, read as the listener and then a worker read them."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from dicom_gateway.decode import decode_pixels
from dicom_gateway.header import image_header, ordered_priority, read_header, read_instance
from dicom_gateway.instance_identity import InstanceRefused, read_identity
from domain.errors import InstanceInvalid, NotAnalysable
from tests.integration.gateway.instances import UIDS

#: One file a data set, without file meta information, that is read on every run.
CORPUS = Path(__file__).parent / "corpus" / "data_sets"


def read(data: bytes, file: Path) -> None:
    """Read a data set in both native encodings; `file` is written for it. Raises what is no coded refusal."""
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        with suppress(InstanceRefused):
            read_identity(BytesIO(data), len(data), str(syntax))
        file.write_bytes(_before_data_set(syntax) + data)
        with suppress(InstanceInvalid, NotAnalysable):
            ds = read_header(file)
            image_header(ds)
            ordered_priority(ds)
        with suppress(InstanceInvalid, NotAnalysable):
            decode_pixels(read_instance(file))


def _before_data_set(syntax: str) -> bytes:
    """Encode what precedes a data set in a file, PS3.10 7.1."""
    meta = create_file_meta(
        sop_class_uid=UIDS.sop_class, sop_instance_uid=UIDS.sop_instance, transfer_syntax=UID(syntax)
    )
    return b"\0" * 128 + b"DICM" + bytes(encode_file_meta(meta))
