"""The settings of TLS and of named peers as the values that the gateway takes."""

from pathlib import Path

import structlog

from config.dicomweb import DicomwebSettings
from config.peers import PeerSettings
from config.settings import Settings
from config.tls import DestinationTlsSettings, ListenerTlsSettings
from dicom_gateway.association_policy import PeerProfile
from dicom_gateway.received_sop_classes import SOP_CLASSES_BY_NAME
from dicom_gateway.tls import ClientTls, ServerTls, own_certificate
from domain.clock import utc_now

_log = structlog.get_logger()
#: Days before the end of a certificate from which on the log and `doctor` speak of it.
RENEW_DAYS = 30


def server_tls(settings: ListenerTlsSettings) -> ServerTls | None:
    """Give the TLS of the listener; None when it is off."""
    if not settings.is_on:
        return None
    return ServerTls(
        certificate=Path(settings.certificate),
        key=Path(settings.key),
        authorities=_path(settings.ca),
        requires_client_certificate=settings.require_client_certificate,
    )


def dicomweb_tls(settings: DicomwebSettings) -> ServerTls | None:
    """Give the TLS of STOW-RS; None when it is off, or done by a proxy."""
    if not settings.tls_certificate:
        return None
    return ServerTls(
        certificate=Path(settings.tls_certificate),
        key=Path(settings.tls_key),
        authorities=_path(settings.client_ca),
        requires_client_certificate=bool(settings.client_ca),
    )


def client_tls(settings: DestinationTlsSettings | None) -> ClientTls | None:
    """Give the TLS to one peer that we call; None when it is off."""
    if settings is None:
        return None
    return ClientTls(
        authorities=_path(settings.ca),
        certificate=_path(settings.certificate),
        key=_path(settings.key),
        checks_name=settings.check_server_name,
        server_name=settings.server_name if settings.server_name else None,
    )


def peer_profile(name: str, settings: PeerSettings) -> PeerProfile:
    """Give what the gateway must know of a named peer."""
    classes = frozenset(uid for sop_class in settings.sop_classes for uid in SOP_CLASSES_BY_NAME[sop_class])
    return PeerProfile(
        name=name,
        ae_title=settings.ae_title,
        networks=settings.addresses,
        sop_classes=classes if classes else None,
        maximum_associations=settings.maximum_associations,
        requires_tls=settings.require_tls,
        echo_only=settings.echo_only,
    )


def all_tls(settings: Settings) -> dict[str, ServerTls | ClientTls]:
    """Give every use of TLS that is switched on, by what it is for."""
    uses: dict[str, ServerTls | ClientTls | None] = {"listener": server_tls(settings.listener.tls)}
    uses |= {"dicomweb": dicomweb_tls(settings.dicomweb)} if settings.dicomweb.enabled else {}
    uses |= {d.name: client_tls(d.tls) for d in (*settings.destinations, *settings.ups_destinations)}
    uses |= {d.name: client_tls(d.tls) for d in settings.dicomweb_destinations}
    answered = {name: peer.answer_to for name, peer in settings.peers.items() if peer.answer_to is not None}
    uses |= {f"answers to {name}": client_tls(place.tls) for name, place in answered.items()}
    return {name: tls for name, tls in uses.items() if tls is not None}


def require_tls_files(settings: Settings) -> None:
    """Try every certificate and key; the log says which runs out soon. Raises ConfigurationInvalid."""
    for name, tls in all_tls(settings).items():
        validity = own_certificate(tls)
        if validity is not None and (days := validity.days_left(utc_now())) < RENEW_DAYS:
            _log.warning("certificate_runs_out_soon", used_for=name, days_left=days)


def _path(name: str) -> Path | None:
    return Path(name) if name else None
