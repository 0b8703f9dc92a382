"""Settings of STOW-RS: what is taken, of whom, and how much of it."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, SecretStr, field_validator, model_validator

from config.section import AeTitle, Seconds
from config.web import WebPlace, existing_file

#: Of the service below its address; /studies follows.
DICOMWEB_PATH = "/dicomweb"
#: A token that nobody guesses has more; this keeps out what people make up.
_SHORTEST_TOKEN = 16


class DicomwebSettings(WebPlace):
    """The STOW-RS origin server; off as delivered."""

    enabled: bool
    ae_title: AeTitle
    bearer_token: SecretStr
    client_ca: str
    #: Each holds a thread while it writes.
    maximum_requests: Annotated[int, Field(gt=0, le=32)]
    maximum_parts: PositiveInt
    maximum_request_megabytes: PositiveInt
    idle_seconds: Seconds
    request_seconds: Seconds

    @field_validator("client_ca")
    @classmethod
    def _authorities_exist(cls, value: str) -> str:
        return existing_file(value)

    @model_validator(mode="after")
    def _knows_its_senders(self) -> Self:
        token = self.bearer_token.get_secret_value()
        if token and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token):
            message = f"bearer_token must have {_SHORTEST_TOKEN} characters or more of ASCII, without spaces"
            raise ValueError(message)
        if self.client_ca and not self.tls_certificate:
            message = "client_ca needs tls_certificate and tls_key: who speaks no TLS shows no certificate"
            raise ValueError(message)
        if self.enabled and not (token or self.client_ca):
            message = "enabled needs bearer_token or client_ca: anybody could send images otherwise"
            raise ValueError(message)
        return self
