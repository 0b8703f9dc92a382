"""Where reports go: one table of the settings file for each destination."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import AeTitle, Host, PeerPort, Seconds, Section


class DestinationSettings(Section):
    """One PACS that reports go to."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
    ae_title: AeTitle
    host: Host
    port: PeerPort
    connect_timeout_seconds: Seconds = 10.0
    response_timeout_seconds: Seconds = 60.0
    report_format: Literal["measurement_report", "basic_text"] = "measurement_report"
    heat_map: bool = False
