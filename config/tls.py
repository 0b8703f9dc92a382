"""TLS of the listener and of one destination. Files are PEM; an empty name means none."""

from typing import Self

from pydantic import model_validator

from config.section import ListenPort, OptionalFile, OptionalHost, Section


class ListenerTlsSettings(Section):
    """The TLS port of the Storage SCP; off as long as there is no certificate."""

    certificate: OptionalFile
    key: OptionalFile
    ca: OptionalFile
    require_client_certificate: bool
    port: ListenPort
    also_plain: bool

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            message = "certificate and key belong together"
            raise ValueError(message)
        if self.is_on and self.require_client_certificate and not self.ca:
            message = "require_client_certificate needs ca, the authorities of the senders"
            raise ValueError(message)
        return self

    @property
    def is_on(self) -> bool:
        """Whether there is a TLS port."""
        return bool(self.certificate)


class DestinationTlsSettings(Section):
    """TLS to one peer that we call."""

    ca: OptionalFile = ""
    certificate: OptionalFile = ""
    key: OptionalFile = ""
    check_server_name: bool = True
    server_name: OptionalHost = ""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            message = "certificate and key belong together"
            raise ValueError(message)
        return self
