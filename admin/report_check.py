"""What a destination will be sent: asked of it before the first report is on its way."""

from config.destinations import DestinationSettings
from dicom_gateway.association_scu import Destination
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.report import BASIC_TEXT_SR, COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, ENHANCED_SR
from dicom_gateway.verification import accepted_sop_classes
from domain.errors import Rejected
from worker.bootstrap_work import report_sop_classes

_WORDS = {
    COMPREHENSIVE_3D_SR: "Comprehensive 3D SR",
    COMPREHENSIVE_SR: "Comprehensive SR",
    ENHANCED_SR: "Enhanced SR",
    BASIC_TEXT_SR: "Basic Text SR",
}
MEND_REPORTS = "let the PACS take what it lacks, or change report_format or heat_map of this destination"


def what_it_gets(settings: DestinationSettings, peer: Destination) -> str:
    """Say in words what a destination will be sent.

    Raises Rejected when it takes no report, or no heat map where one is wanted, and PeerUnavailable when it cannot be
    asked.
    """
    wanted = report_sop_classes(settings)
    accepted = accepted_sop_classes(peer, [*wanted, SECONDARY_CAPTURE])
    best = next((sop_class for sop_class in wanted if sop_class in accepted), None)
    if best is None:
        raise Rejected(f"it takes none of {', '.join(_WORDS[uid] for uid in wanted)}")
    if settings.heat_map and SECONDARY_CAPTURE not in accepted:
        raise Rejected(f"it gets {_WORDS[best]}, but takes no Secondary Capture: no heat maps")
    return f"{_WORDS[best]} and heat maps" if settings.heat_map else _WORDS[best]
