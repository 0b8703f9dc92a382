"""Where something is offered by HTTP, and that passwords and patient data do not cross a network in the clear."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork, field_validator, model_validator

from config.section import Host, Section


class WebPlace(Section):
    """An address to listen on, with the TLS that it needs."""

    host: Host
    port: Annotated[int, Field(ge=0, le=65535)]
    tls_certificate: str
    tls_key: str
    trusted_proxies: tuple[IPvAnyNetwork, ...]

    @field_validator("tls_certificate", "tls_key")
    @classmethod
    def _is_a_file(cls, value: str) -> str:
        return existing_file(value)

    @model_validator(mode="after")
    def _is_offered_safely(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            message = "tls_certificate and tls_key belong together: set both or neither"
            raise ValueError(message)
        if not (self.is_loopback or self.tls_certificate or self.trusted_proxies):
            message = (
                f"host {self.host} is reached from other machines, and passwords and patient names would cross the "
                "network in the clear: set tls_certificate and tls_key, or trusted_proxies to the proxy that does TLS, "
                "or host to 127.0.0.1"
            )
            raise ValueError(message)
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def has_tls(self) -> bool:
        """Whether peers speak TLS, with us or with the proxy before us."""
        return bool(self.tls_certificate or self.trusted_proxies)


def existing_file(value: str) -> str:
    """Give the path of a file that exists, or nothing for nothing; raises ValueError."""
    if not value:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        message = f"there is no file {value}"
        raise ValueError(message)
    return str(path)
