"""How the listener listens: values, checked at once."""

from dataclasses import dataclass

from pydicom.uid import UID

from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.received_sop_classes import NAMED_SENDERS_ONLY, RECEIVED_SOP_CLASSES
from dicom_gateway.tls import ServerTls
from domain.errors import ConfigurationInvalid

#: Measured with 10 MB images: 128 and 256 KiB take half the CPU of 1 MiB and a third less than 16 KiB, because
#: a PDU's copies stay in the cache. "No limit" (0) makes pynetdicom senders build one PDU of the whole image.
DEFAULT_MAXIMUM_PDU_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class ScpConfig:
    """How to listen. Raises ConfigurationInvalid at once when a value cannot work."""

    host: str
    #: 0 takes any free port, None listens by TLS alone.
    port: int | None
    ae_title: str
    policy: AssociationPolicy
    #: In order of preference: the first that a peer proposes is taken.
    transfer_syntaxes: tuple[str, ...]
    #: Largest data set; a larger one is refused with C000.
    maximum_object_bytes: int
    #: Association request, rejection and release.
    acse_timeout_seconds: float
    #: Between two PDUs, and from the first to the last byte of one.
    network_timeout_seconds: float
    sop_classes: tuple[str, ...] = RECEIVED_SOP_CLASSES + NAMED_SENDERS_ONLY
    maximum_pdu_bytes: int = DEFAULT_MAXIMUM_PDU_BYTES
    #: A port for TLS, beside the other one or instead of it.
    tls: ServerTls | None = None
    #: 0 takes any free port.
    tls_port: int = 0

    def __post_init__(self) -> None:
        if not self.transfer_syntaxes or any(UID(uid).is_deflated for uid in self.transfer_syntaxes):
            raise ConfigurationInvalid("transfer syntaxes: at least one, and not a deflated one")
        if min(self.maximum_object_bytes, self.maximum_pdu_bytes) <= 0:
            raise ConfigurationInvalid("maximum object and PDU sizes must be above 0")
        if min(self.acse_timeout_seconds, self.network_timeout_seconds) <= 0:
            raise ConfigurationInvalid("time-outs must be above 0")
        if self.port is None and self.tls is None:
            raise ConfigurationInvalid("neither a port nor TLS: there would be nothing to listen on")
