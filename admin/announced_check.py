"""Whether the places beside PACS can be reached: worklist managers, receivers of HL7, DICOMweb servers."""

from collections.abc import Callable, Iterator

from config.destinations import DicomwebDestinationSettings, Hl7DestinationSettings, UpsDestinationSettings
from config.settings import Settings
from dicom_gateway import stow_scu
from dicom_gateway.ups_push import check_takes_push
from hl7_gateway.sending import check_reachable
from worker.bootstrap import destination
from worker.bootstrap_work import hl7_peer, web_destination

MEND_ANNOUNCED = (
    "check host and port, or url; AE titles or token; and that the peer knows us (docs/priority.md, docs/dicomweb.md)"
)


def announced_checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give each place with what tries it, which raises PeerUnavailable."""
    for ups in settings.ups_destinations:
        yield f"UPS Push {ups.name}", _ups_check(ups, settings.listener.ae_title)
    for hl7 in settings.hl7_destinations:
        yield f"HL7 {hl7.name}", _hl7_check(hl7)
    for web in settings.dicomweb_destinations:
        yield f"STOW-RS {web.name}", _stow_check(web)


def _ups_check(settings: UpsDestinationSettings, calling_ae_title: str) -> Callable[[], str]:
    def check() -> str:
        check_takes_push(destination(settings, calling_ae_title))
        return "takes workitems by UPS Push"

    return check


def _hl7_check(settings: Hl7DestinationSettings) -> Callable[[], str]:
    def check() -> str:
        check_reachable(hl7_peer(settings))
        return f"listens on {settings.host}:{settings.port}; nothing was sent"

    return check


def _stow_check(settings: DicomwebDestinationSettings) -> Callable[[], str]:
    def check() -> str:
        return stow_scu.check(web_destination(settings))

    return check
