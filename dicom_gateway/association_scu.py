"""Asking a peer for an association, and what its answer means."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context, build_role

from dicom_gateway.calling_entity import CallingEntity, TlsDialer
from dicom_gateway.scp_config import DEFAULT_MAXIMUM_PDU_BYTES
from dicom_gateway.socket_options import prepare
from dicom_gateway.tls import ClientTls, client_context
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from domain.errors import ConfigurationInvalid, PeerUnavailable

#: PS3.8 section 9.3.2.2: context identifiers are odd and at most 255.
MAXIMUM_CONTEXTS = 128
#: PS3.5 6.2: an AE title has at most 16 characters.
_AE_TITLE_LENGTH = 16
_PORTS = range(1, 1 << 16)
#: What a peer must take at least: no command set fits in less without being cut to shreds.
_LEAST_MAXIMUM_PDU_BYTES = 128


@dataclass(frozen=True, slots=True)
class Destination:
    """A peer that is sent to. Raises ConfigurationInvalid at once when a value cannot work."""

    #: For people and logs.
    name: str
    #: Called AE title.
    ae_title: str
    host: str
    port: int
    calling_ae_title: str
    connect_timeout_seconds: float = 10.0
    #: Answer to the association request and to its release.
    acse_timeout_seconds: float = 30.0
    #: Transfer of one instance and the answer to it.
    dimse_timeout_seconds: float = 60.0
    #: Longest silence on an open association, and longest time that the peer may refuse to read.
    network_timeout_seconds: float = 60.0
    #: None sends in the clear.
    tls: ClientTls | None = None
    #: Longest PDU that we offer to take, and that we send.
    maximum_pdu_bytes: int = DEFAULT_MAXIMUM_PDU_BYTES

    def __post_init__(self) -> None:
        for title in (self.ae_title, self.calling_ae_title):
            is_title = title.strip() and title.isascii() and title.isprintable() and "\\" not in title
            if not is_title or len(title) > _AE_TITLE_LENGTH:
                raise ConfigurationInvalid(f"{self.name}: {title!r} is not an AE title")
        if self.port not in _PORTS:
            raise ConfigurationInvalid(f"{self.name}: {self.port} is not a port")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context to propose."""

    sop_class_uid: str
    #: In order of preference; the peer chooses one.
    transfer_syntax_uids: tuple[str, ...]
    #: We are its SCP, though it is we who ask for the association (PS3.7 D.3.3.4).
    as_scp: bool = False


class NoContextAccepted(PeerUnavailable):
    """The peer accepted the association, but none of the presentation contexts."""


@contextlib.contextmanager
def associated(
    destination: Destination, proposals: Sequence[Proposal], handlers: Sequence[evt.EventHandlerType] = ()
) -> Iterator[Association]:
    """Open an association, and release it at the end (abort it on an exception).

    Proposes exactly `proposals`, at most 128; `handlers` serve what the peer asks on it. Raises NoContextAccepted,
    or PeerUnavailable with the reason in words: not reachable, no TLS, rejected (with the peer's reason), aborted,
    or no answer in time.
    """
    assoc = _request(destination, proposals, handlers)
    try:
        yield assoc
    except BaseException:
        if assoc.is_established:
            assoc.abort()
        raise
    if assoc.is_established:
        assoc.release()


def accepted_pairs(assoc: Association) -> set[tuple[str, str]]:
    """Give the accepted (SOP Class UID, Transfer Syntax UID) pairs."""
    return {(str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in assoc.accepted_contexts}


def _contexts(proposals: Sequence[Proposal]) -> list[PresentationContext]:
    return [build_context(p.sop_class_uid, list(p.transfer_syntax_uids)) for p in proposals]


def _request(
    destination: Destination, proposals: Sequence[Proposal], handlers: Sequence[evt.EventHandlerType]
) -> Association:
    connected = threading.Event()
    dialer = _dialer(destination)

    def on_open(event: evt.Event) -> None:
        connection = event.assoc.dul.socket.socket
        prepare(connection)
        # pynetdicom leaves it without one: a peer that stops reading would hold this thread for ever.
        connection.settimeout(destination.network_timeout_seconds)
        connected.set()

    try:
        assoc = _application_entity(destination).associate(
            destination.host,
            destination.port,
            _contexts(proposals),
            destination.ae_title,
            max_pdu=destination.maximum_pdu_bytes,
            ext_neg=[build_role(p.sop_class_uid, scp_role=True) for p in proposals if p.as_scp],
            tls_args=None if dialer is None else (dialer, _server_name(destination)),
            evt_handlers=[(evt.EVT_CONN_OPEN, on_open), *handlers],
        )
    except OSError as error:
        raise PeerUnavailable(f"{destination.name}: {destination.host} cannot be resolved") from error
    except (LookupError, ValueError) as error:  # pynetdicom found no words for the peer's rejection
        raise PeerUnavailable(f"{destination.name}: answer to the association request not understood") from error
    if not assoc.is_established:
        if dialer is not None and dialer.failure:
            raise PeerUnavailable(f"{destination.name}: TLS: {dialer.failure}")
        raise _failure(destination, assoc, connected=connected.is_set())
    if 0 < (assoc.acceptor.maximum_length or 0) < _LEAST_MAXIMUM_PDU_BYTES:
        assoc.abort()
        raise PeerUnavailable(f"{destination.name}: takes PDUs of {assoc.acceptor.maximum_length} bytes only")
    return assoc


def _dialer(destination: Destination) -> TlsDialer | None:
    """Read the files anew for each association, so that a renewed certificate needs no restart."""
    if destination.tls is None:
        return None
    try:
        return TlsDialer(client_context(destination.tls))
    except ConfigurationInvalid as error:
        # Found at the start already, if it was so then: now somebody is at the files, and no report is lost by it.
        raise PeerUnavailable(f"{destination.name}: {error}") from error


def _server_name(destination: Destination) -> str:
    named = destination.tls.server_name if destination.tls is not None else None
    return destination.host if named is None else named


def _application_entity(destination: Destination) -> CallingEntity:
    ae = CallingEntity(destination.calling_ae_title, destination.maximum_pdu_bytes)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = destination.connect_timeout_seconds
    ae.acse_timeout = destination.acse_timeout_seconds
    ae.dimse_timeout = destination.dimse_timeout_seconds
    ae.network_timeout = destination.network_timeout_seconds
    return ae


def _failure(destination: Destination, assoc: Association, *, connected: bool) -> PeerUnavailable:
    """Say why there is no association."""
    if not connected:
        return PeerUnavailable(f"{destination.name}: no connection to {destination.host}:{destination.port}")
    answer = assoc.acceptor.primitive
    if assoc.is_rejected:
        words = f"{answer.result_str}, {answer.source_str}, {answer.reason_str}"
        return PeerUnavailable(f"{destination.name}: association rejected: {words}")
    if answer is not None and not assoc.accepted_contexts:
        return NoContextAccepted(f"{destination.name}: no presentation context accepted")
    return PeerUnavailable(f"{destination.name}: association aborted, or not answered in time")
