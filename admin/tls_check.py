"""What `doctor` says of certificates and keys."""

from config.settings import Settings
from dicom_gateway.tls import ClientTls, ServerTls, own_certificate
from domain.clock import utc_now
from domain.errors import ConfigurationInvalid
from worker.gateway_values import RENEW_DAYS, all_tls

MEND_TLS = "check the files in [listener.tls] and in the destination's tls; renew what runs out"


def tls_uses(settings: Settings) -> dict[str, ServerTls | ClientTls]:
    """Give each use of TLS by the name of its check."""
    return {f"TLS {name}": tls for name, tls in all_tls(settings).items()}


def what_it_shows(tls: ServerTls | ClientTls) -> str:
    """Say for how long our certificate holds. Raises ConfigurationInvalid, also when that is not long."""
    validity = own_certificate(tls)
    if validity is None:
        return "no certificate of ours is shown"
    days = validity.days_left(utc_now())
    found = f"certificate holds until {validity.last:%Y-%m-%d}, {days} days left"
    if days < RENEW_DAYS:
        raise ConfigurationInvalid(found)
    return found
