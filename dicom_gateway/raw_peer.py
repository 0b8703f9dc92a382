"""A peer without manners, for drills and tests: it negotiates on a plain socket, and then sends what it is told."""

import socket
import struct
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom.dataset import Dataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode, split_dataset
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification

from domain.errors import PeerUnavailable

ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RP, ABORT = 2, 3, 4, 6, 7
COMMAND, DATA_SET, LAST = 1, 0, 2
IMAGE_CONTEXT, ECHO_CONTEXT = 1, 3
C_STORE_RQ, C_FIND_RQ, C_ECHO_RQ = 0x0001, 0x0020, 0x0030
_WAIT_SECONDS = 20.0


class RawPeer:
    """A connection without manners."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=_WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def associate(self, called_ae_title: str = "CXR", sop_class: str = ComputedRadiographyImageStorage) -> Self:
        """Negotiate a class in explicit VR under context 1 and Verification under 3; raises PeerUnavailable."""
        self.send(association_request(called_ae_title, sop_class))
        self._expect(ASSOCIATE_AC)
        return self

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """Read one PDU; (0, b"") when the peer closed."""
        try:
            whole = read_pdu(self.socket)
        except (EOFError, ConnectionError):
            return 0, b""
        return whole[0], whole[6:]

    def receive_response(self) -> Dataset:
        """Read the command set of one response; raises PeerUnavailable where there is none."""
        elements: Dataset = decode(BytesIO(self._expect(DATA)[6:]), True, True)
        return elements

    def _expect(self, wanted: int) -> bytes:
        kind, body = self.receive()
        if kind != wanted:
            raise PeerUnavailable(f"PDU type {kind} instead of {wanted}")
        return body

    def ended(self) -> bool:
        """Wait until the peer aborts or closes."""
        return self.receive()[0] in {ABORT, 0}


def read_pdu(connection: socket.socket) -> bytes:
    """Read one whole PDU; raises EOFError when the peer closes before its end."""
    head = _read(connection, 6)
    return head + _read(connection, struct.unpack(">L", head[2:])[0])


def _read(connection: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        part = connection.recv(number - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def association_request(
    called_ae_title: str = "CXR", sop_class: str = ComputedRadiographyImageStorage, calling_ae_title: str = "RAW"
) -> bytes:
    """Encode an A-ASSOCIATE-RQ."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling_ae_title, called_ae_title
    image = build_context(sop_class, ExplicitVRLittleEndian)
    echo = build_context(Verification)
    image.context_id, echo.context_id = IMAGE_CONTEXT, ECHO_CONTEXT
    request.presentation_context_definition_list = [image, echo]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = UID("1.2.3.4")
    request.user_information = [length, implementation]
    return bytes(A_ASSOCIATE_RQ(request).encode())


def pdu(kind: int, body: bytes) -> bytes:
    """Frame a PDU."""
    return struct.pack(">BBL", kind, 0, len(body)) + body


def value(control: int, data: bytes, context_id: int = IMAGE_CONTEXT) -> bytes:
    """Frame a presentation data value."""
    return struct.pack(">LBB", len(data) + 2, context_id, control) + data


def data_pdu(control: int, data: bytes, context_id: int = IMAGE_CONTEXT) -> bytes:
    """Frame a P-DATA-TF with one value."""
    return pdu(DATA, value(control, data, context_id))


def command(**elements: object) -> bytes:
    """Encode the command set of a C-STORE request; None leaves an element out."""
    values: dict[str, object] = {
        "CommandGroupLength": 0,
        "AffectedSOPClassUID": ComputedRadiographyImageStorage,
        "CommandField": C_STORE_RQ,
        "MessageID": 1,
        "Priority": 0,
        "CommandDataSetType": 1,
        "AffectedSOPInstanceUID": "1.2.826.0.1.1",
    }
    ds = Dataset()
    for keyword, element in (values | elements).items():
        if element is not None:
            setattr(ds, keyword, element)
    return bytes(encode(ds, True, True) or b"")


def release_request() -> bytes:
    """Encode an A-RELEASE-RQ."""
    return pdu(5, b"\0\0\0\0")


def data_set_of(path: Path) -> bytes:
    """Give the data set of a file as it is encoded, without the file meta information."""
    _, offset = split_dataset(path)
    return path.read_bytes()[offset:]
