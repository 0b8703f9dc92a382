"""Where results go: one table of the settings file for each destination, by the way that it is reached."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from config.section import AeTitle, Host, PduBytes, PeerPort, Seconds, Section, is_loopback_url
from config.tls import DestinationTlsSettings

#: For logs and listings; unique among all destinations of every kind.
_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
#: HL7 HD as a name space: no delimiter of the message, no control character.
_Hl7Name = Annotated[str, Field(max_length=180, pattern=r"^[^|^&~\\\x00-\x1f]*$")]


class CalledPeerSettings(Section):
    """How one DICOM peer is called."""

    name: _Name
    ae_title: AeTitle
    host: Host
    port: PeerPort
    connect_timeout_seconds: Seconds = 10.0
    response_timeout_seconds: Seconds = 60.0
    association_timeout_seconds: Seconds = 30.0
    network_timeout_seconds: Seconds = 60.0
    maximum_pdu_bytes: PduBytes = 262144
    tls: DestinationTlsSettings | None = None

    @property
    def place(self) -> str:
        """Where it is, and which way results go there."""
        return f"{self.ae_title}@{self.host}:{self.port}"


class DestinationSettings(CalledPeerSettings):
    """One PACS that reports go to."""

    report_format: Literal["measurement_report", "basic_text"] = "measurement_report"
    heat_map: bool = False
    commitment: Literal["auto", "off"] = "auto"
    verification: Literal["auto", "off"] = "auto"


class UpsDestinationSettings(CalledPeerSettings):
    """One worklist manager that is asked to have studies read (UPS Push)."""

    retrieve_ae_title: AeTitle | Literal[""] = ""
    report_destination: str = ""
    worklist_label: Annotated[str, Field(min_length=1, max_length=64)] = "AI triage"
    cancel_replaced: bool = True

    @property
    def place(self) -> str:
        """Where it is, and which way results go there."""
        return f"{super().place} by UPS Push"


class Hl7DestinationSettings(Section):
    """One RIS or PACS that results go to as HL7 v2 ORU^R01 by MLLP."""

    name: _Name
    host: Host
    port: PeerPort
    connect_timeout_seconds: Seconds = 10.0
    response_timeout_seconds: Seconds = 60.0
    sending_application: _Hl7Name = "CXR_TRIAGE"
    sending_facility: _Hl7Name = ""
    receiving_application: _Hl7Name = ""
    receiving_facility: _Hl7Name = ""
    processing_id: Literal["P", "T", "D"] = "P"

    @property
    def place(self) -> str:
        """Where it is, and which way results go there."""
        return f"{self.host}:{self.port} by HL7"


class DicomwebDestinationSettings(Section):
    """One DICOMweb server that reports go to by STOW-RS."""

    name: _Name
    url: Annotated[str, Field(max_length=1024)]
    bearer_token: SecretStr = SecretStr("")
    connect_timeout_seconds: Seconds = 10.0
    response_timeout_seconds: Seconds = 60.0
    tls: DestinationTlsSettings | None = None
    report_format: Literal["measurement_report", "basic_text"] = "measurement_report"
    heat_map: bool = False

    @model_validator(mode="after")
    def _goes_where_it_may(self) -> Self:
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.query or parts.fragment or "@" in parts.netloc or not self.url.isprintable():
            message = "url must be the http:// or https:// address of the service, without user, query or fragment"
            raise ValueError(message)
        if parts.scheme == "http" and self.tls is not None:
            message = "tls needs a url that begins with https://"
            raise ValueError(message)
        token = self.bearer_token.get_secret_value()
        if parts.scheme == "http" and token and not is_loopback_url(self.url):
            message = "bearer_token would cross the network in the clear: url must begin with https://"
            raise ValueError(message)
        if not token.isascii() or (token and not token.isprintable()) or " " in token:
            message = "bearer_token must be ASCII, without spaces"
            raise ValueError(message)
        return self

    @property
    def place(self) -> str:
        """Where it is, and which way results go there."""
        return f"{self.url} by STOW-RS"
