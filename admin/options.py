"""Options that several commands share, and how they become settings."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from config.load import load_settings, words_of
from config.section import AeTitle, Host, PeerPort, Section
from config.settings import Settings
from domain.errors import ConfigurationInvalid

ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar="CXR_CONFIG", help="TOML settings file.", show_default=False)
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder for all that is kept (service.data_dir).", show_default=False),
]
PortOption = Annotated[
    int | None, typer.Option("--dicom-port", help="Port of the Storage SCP; 0 takes a free one.", show_default=False)
]
AeTitleOption = Annotated[str | None, typer.Option("--ae-title", help="Our AE title.", show_default=False)]
PacsOption = Annotated[
    str | None,
    typer.Option("--pacs", metavar="AET@HOST:PORT", help="Send reports there, and only there.", show_default=False),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="From this time on, ISO 8601; local unless it names a zone.", show_default=False),
]
UntilOption = Annotated[str | None, typer.Option("--until", help="Before this time, ISO 8601.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

_PEER = re.compile(r"(?P<ae_title>[^@]+)@(?P<host>\[[0-9a-fA-F:.]+\]|[^:@]+):(?P<port>[0-9]{1,5})")


class _Peer(Section):
    ae_title: AeTitle
    host: Host
    port: PeerPort


def parse_peer(text: str) -> dict[str, Any]:
    """Split AET@host:port into ae_title, host and port. Raises ConfigurationInvalid."""
    match = _PEER.fullmatch(text)
    if match is None:
        raise ConfigurationInvalid(f"{text!r} is no peer: write AET@HOST:PORT, e.g. ORTHANC@192.0.2.7:4242")
    parts = {"ae_title": match["ae_title"], "host": match["host"].strip("[]"), "port": match["port"]}
    try:
        return _Peer.model_validate(parts).model_dump()
    except ValidationError as error:
        reasons = "; ".join(f"{problem['loc'][0]} {words_of(problem)}" for problem in error.errors())
        raise ConfigurationInvalid(f"{text!r} is no peer AET@HOST:PORT: {reasons}") from None


def ae_title_of(option: str, text: str) -> str:
    """Give `text` back where it is an AE title. Raises ConfigurationInvalid that names the option."""
    try:
        return TypeAdapter(AeTitle).validate_python(text)
    except ValidationError as error:
        raise ConfigurationInvalid(f"{option} {text!r} {words_of(error.errors()[0])}") from None


def settings_from(
    config: Path | None,
    data_dir: Path | None = None,
    dicom_port: int | None = None,
    ae_title: str | None = None,
    pacs: str | None = None,
) -> Settings:
    """Load the settings with what the command line changes. Raises ConfigurationInvalid."""
    overrides: dict[str, Any] = {}
    if data_dir is not None:
        overrides["service"] = {"data_dir": data_dir}
    listener = {"port": dicom_port, "ae_title": ae_title}
    if given := {key: value for key, value in listener.items() if value is not None}:
        overrides["listener"] = given
    if pacs is not None:
        overrides["destinations"] = [{"name": "pacs", **parse_peer(pacs)}]
    return load_settings(config, overrides)


def moment(text: str | None) -> datetime | None:
    """Read an ISO 8601 time; local time unless it names a zone. Raises ConfigurationInvalid."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise ConfigurationInvalid(f"{text!r} is no ISO 8601 time, e.g. 2026-11-22T08:00") from None
