"""Which transfer syntaxes are offered: those that can be decoded, less the one that cannot be received as it is."""

from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_gateway.decode import SUPPORTED_TRANSFER_SYNTAXES

_DECODABLE = [uid for uid in SUPPORTED_TRANSFER_SYNTAXES if uid != ExplicitVRLittleEndian]

#: In the order in which they are taken when a peer proposes several in one context: the one that keeps every VR and
#: costs nothing to decode comes first. Deflated is left out: its header cannot be checked before all of it is inflated.
RECEIVED_TRANSFER_SYNTAXES: tuple[str, ...] = (
    str(ExplicitVRLittleEndian),
    *(uid for uid in _DECODABLE if not UID(uid).is_deflated),
)
