"""Where reports go: one table of the settings file for each destination."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import AeTitle, Host, PduBytes, PeerPort, Seconds, Section
from config.tls import DestinationTlsSettings


class DestinationSettings(Section):
    """One PACS that reports go to."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
    ae_title: AeTitle
    host: Host
    port: PeerPort
    connect_timeout_seconds: Seconds = 10.0
    response_timeout_seconds: Seconds = 60.0
    association_timeout_seconds: Seconds = 30.0
    network_timeout_seconds: Seconds = 60.0
    maximum_pdu_bytes: PduBytes = 262144
    tls: DestinationTlsSettings | None = None
    report_format: Literal["measurement_report", "basic_text"] = "measurement_report"
    heat_map: bool = False
    commitment: Literal["auto", "off"] = "auto"
    verification: Literal["auto", "off"] = "auto"
