"""Settings of the worklist's page, and where it may be offered."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork, field_validator, model_validator

from config.section import Host, Section

#: A day has no more.
_MINUTES_OF_A_DAY = 24 * 60
Minutes = Annotated[int, Field(gt=0, le=_MINUTES_OF_A_DAY)]
_PLACEHOLDERS = {"study_instance_uid", "accession_number"}


class WorklistSettings(Section):
    """The page that radiologists look at."""

    enabled: bool
    host: Host
    port: Annotated[int, Field(ge=0, le=65535)]
    max_wait_minutes: Annotated[int, Field(ge=0, le=7 * _MINUTES_OF_A_DAY)]
    claim_minutes: Annotated[int, Field(ge=0, le=7 * _MINUTES_OF_A_DAY)]
    rows_a_page: Annotated[int, Field(gt=0, le=500)]
    psi_alarm: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    expected_pneumonia_share: Annotated[float, Field(ge=0, le=1)]
    idle_minutes: Minutes
    session_minutes: Minutes
    sign_in_attempts: Annotated[int, Field(gt=0, le=1000)]
    api_requests_a_minute: Annotated[int, Field(gt=0, le=100_000)]
    viewer_url: str
    tls_certificate: str
    tls_key: str
    trusted_proxies: tuple[IPvAnyNetwork, ...]

    @field_validator("viewer_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if not value:
            return value
        if not value.startswith(("https://", "http://")):
            message = "must begin with https:// or http://"
            raise ValueError(message)
        try:
            value.format(**dict.fromkeys(_PLACEHOLDERS, ""))
        except (KeyError, IndexError, ValueError):
            message = f"may hold {' and '.join('{' + name + '}' for name in sorted(_PLACEHOLDERS))} in braces, no other"
            raise ValueError(message) from None
        return value

    @field_validator("tls_certificate", "tls_key")
    @classmethod
    def _is_a_file(cls, value: str) -> str:
        if value and not Path(value).expanduser().is_file():
            message = f"there is no file {value}"
            raise ValueError(message)
        return str(Path(value).expanduser()) if value else value

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
        """Whether only this machine reaches the page."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def has_tls(self) -> bool:
        """Whether browsers speak TLS, with us or with the proxy before us."""
        return bool(self.tls_certificate or self.trusted_proxies)
