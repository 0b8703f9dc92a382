"""Whether a destination can be asked what it keeps: seen before the first report is on its way."""

from config.destinations import DestinationSettings
from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment import STORAGE_COMMITMENT
from dicom_gateway.verification import accepted_sop_classes
from dicom_gateway.verification_find import STUDY_ROOT_FIND
from domain.errors import Rejected

MEND_KEEPING = (
    "name its AE title in listener.accepted_calling_ae_titles, or give it a table [peers.NAME]; "
    'or set commitment = "off" for it'
)


def how_it_confirms(settings: DestinationSettings, policy: AssociationPolicy, peer: Destination) -> str:
    """Say in words how it is known that a destination keeps what it takes.

    Raises Rejected when its answers would find our listener closed, PeerUnavailable when it cannot be asked.
    """
    wanted = {STORAGE_COMMITMENT: settings.commitment == "auto", STUDY_ROOT_FIND: settings.verification == "auto"}
    accepted = accepted_sop_classes(peer, [uid for uid, is_wanted in wanted.items() if is_wanted])
    ways = []
    if STORAGE_COMMITMENT in accepted:
        if not policy.serves_title(settings.ae_title):
            raise Rejected(f"it offers storage commitment, but {settings.ae_title} may not call our listener to answer")
        ways.append("storage commitment (it must know our AE title, host and port)")
    if STUDY_ROOT_FIND in accepted:
        ways.append("C-FIND")
    return ", else ".join(ways) if ways else "not known: no storage commitment, no C-FIND; its deliveries stay SENT"
