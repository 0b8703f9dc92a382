"""Certificates and keys in PEM files: whether they can be used, and until when. No key ever reaches a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from domain.clock import utc_now
from domain.errors import ConfigurationInvalid


@dataclass(frozen=True, slots=True)
class Validity:
    """The time for which a certificate holds."""

    #: Aware, UTC; both ends belong to it.
    first: datetime
    last: datetime

    def days_left(self, now: datetime) -> int:
        """Give the whole days until the end; negative when it is over."""
        return (self.last - now).days


def read_certificates(file: Path) -> Sequence[x509.Certificate]:
    """Read every certificate of a PEM file, at least one. Raises ConfigurationInvalid."""
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise ConfigurationInvalid(f"certificate {file} is not a file")
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise ConfigurationInvalid(f"certificate {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationInvalid(f"{file} holds no certificate in PEM form") from error


def own_validity(file: Path) -> Validity:
    """Give the validity of the first certificate of a file, which is the owner's (RFC 8446 section 4.4.2).

    Raises ConfigurationInvalid when it cannot be read, has run out, or does not hold yet.
    """
    certificate = read_certificates(file)[0]
    validity = Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    now = utc_now()
    if now > validity.last:
        raise ConfigurationInvalid(f"certificate {file} has run out on {validity.last:%Y-%m-%d %H:%M} UTC")
    if now < validity.first:
        raise ConfigurationInvalid(f"certificate {file} does not hold before {validity.first:%Y-%m-%d %H:%M} UTC")
    return validity


def require_key(file: Path) -> None:
    """Raise ConfigurationInvalid when a key file cannot be read; what is in it is for the TLS library to judge."""
    if file.exists() and not file.is_file():
        raise ConfigurationInvalid(f"private key {file} is not a file")
    try:
        file.read_bytes()
    except OSError as error:
        raise ConfigurationInvalid(f"private key {file} cannot be read: {error.strerror}") from error
