"""TLS as DICOM asks for it: PS3.15 section B.12, the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile.

TLS 1.2 and 1.3 only; of TLS 1.2 the suites of RFC 9325 section 4.2: ephemeral keys, authenticated encryption.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.certificates import Validity, own_validity, read_certificates, require_key
from domain.errors import ConfigurationInvalid

#: For TLS 1.2, as OpenSSL calls them; all suites of TLS 1.3 are as good.
CIPHER_SUITES: tuple[str, ...] = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
MINIMUM_VERSION = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How the listener shows who it is, and whom it believes. Files are PEM."""

    #: Ours first, then those of the authorities between it and the root.
    certificate: Path
    key: Path
    #: Authorities of the senders' certificates; needed when senders must show one.
    authorities: Path | None = None
    requires_client_certificate: bool = True

    def __post_init__(self) -> None:
        if self.requires_client_certificate and self.authorities is None:
            raise ConfigurationInvalid("TLS: to require a certificate of senders needs the authorities that sign them")


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How we reach a peer by TLS. Files are PEM."""

    #: Authorities of the peer's certificate; None believes those that the system does.
    authorities: Path | None = None
    #: What we show to a peer that asks; both or none.
    certificate: Path | None = None
    key: Path | None = None
    #: Whether the peer's certificate must carry its name; that of an authority is needed in any case.
    checks_name: bool = True
    #: The name in the peer's certificate, where it is not the host that is called.
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationInvalid("TLS: certificate and key belong together")


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """Make the context of a listener; raises ConfigurationInvalid that names the file that cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    _show(context, tls.certificate, tls.key)
    if tls.authorities is not None:
        _believe(context, tls.authorities)
        context.verify_mode = ssl.CERT_REQUIRED if tls.requires_client_certificate else ssl.CERT_OPTIONAL
    # No session is taken up again, so no ticket has to travel before the first PDU.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Make the context of one who calls; raises ConfigurationInvalid that names the file that cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.checks_name
    if tls.authorities is None:
        context.load_default_certs()
    else:
        _believe(context, tls.authorities)
    if tls.certificate is not None and tls.key is not None:
        _show(context, tls.certificate, tls.key)
    return context


def own_certificate(tls: ServerTls | ClientTls) -> Validity | None:
    """Try every file, and give for how long our own certificate holds (None: we show none).

    Raises ConfigurationInvalid when a file is missing or unreadable, key and certificate do not belong together,
    or our certificate has run out.
    """
    server_context(tls) if isinstance(tls, ServerTls) else client_context(tls)
    return None if tls.certificate is None else own_validity(tls.certificate)


def _context(protocol: int) -> ssl.SSLContext:
    # Not ssl.create_default_context: what that checks differs from one Python to the next.
    context = ssl.SSLContext(protocol)
    context.minimum_version = MINIMUM_VERSION
    context.set_ciphers(":".join(CIPHER_SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    read_certificates(certificate)
    require_key(key)
    try:
        context.load_cert_chain(certificate, key, password=_no_pass_phrase)
    except _PassPhraseWanted:
        raise ConfigurationInvalid(f"private key {key} has a pass phrase; the service needs one without") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationInvalid(f"private key {key} does not belong to certificate {certificate}") from error
        reason = error.reason or "not a key in PEM form"
        raise ConfigurationInvalid(f"private key {key} cannot be used with {certificate}: {reason}") from error


def _believe(context: ssl.SSLContext, authorities: Path) -> None:
    read_certificates(authorities)
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        raise ConfigurationInvalid(f"certificates of authorities in {authorities}: {error.reason}") from error


class _PassPhraseWanted(Exception):
    """OpenSSL asked for a pass phrase; without this it would ask the terminal."""


def _no_pass_phrase() -> str:
    raise _PassPhraseWanted
