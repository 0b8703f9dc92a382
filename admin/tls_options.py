"""TLS options of the commands that send or receive without a settings file."""

from pathlib import Path
from typing import Annotated

import typer

from dicom_gateway.tls import ClientTls, ServerTls, own_certificate
from domain.errors import ConfigurationInvalid

TlsOption = Annotated[bool, typer.Option("--tls", help="Use TLS (on by itself with any option below).")]
TlsCaOption = Annotated[
    Path | None,
    typer.Option("--tls-ca", metavar="PEM", help="Authorities of the peer's certificate.", show_default=False),
]
TlsCertificateOption = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="PEM", help="Our certificate; needs --tls-key.", show_default=False),
]
TlsKeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="PEM", help="Its private key.", show_default=False)
]
TlsNoNameCheckOption = Annotated[
    bool, typer.Option("--tls-no-name-check", help="Do not compare the peer's name with its certificate.")
]


def calling_tls(
    is_on: bool,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    no_name_check: bool,
) -> ClientTls | None:
    """Give TLS for one who calls; None when no option asks for it. Raises ConfigurationInvalid."""
    if not (is_on or ca or certificate or key or no_name_check):
        return None
    tls = ClientTls(ca, certificate, key, checks_name=not no_name_check)
    own_certificate(tls)
    return tls


def called_tls(calling: ClientTls | None) -> ServerTls | None:
    """Give TLS for one who is called, from the same options: with --tls-ca callers must show a certificate."""
    if calling is None:
        return None
    if calling.certificate is None or calling.key is None:
        raise ConfigurationInvalid("to listen by TLS, --tls-cert and --tls-key are needed")
    return ServerTls(calling.certificate, calling.key, calling.authorities, calling.authorities is not None)
