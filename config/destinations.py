"""Where results go: one table of the settings file for each destination, by the way that it is reached."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import AeTitle, Host, PduBytes, PeerPort, Seconds, Section
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
