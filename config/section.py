"""What the settings' sections have in common."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_AE_TITLE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")


def _is_ae_title(text: str) -> str:
    if not _AE_TITLE.fullmatch(text):
        message = "must be an AE title: 1 to 16 ASCII characters, no backslash, no control character, no outer space"
        raise ValueError(message)
    return text


#: VR AE, PS3.5 Table 6.2-1.
AeTitle = Annotated[str, AfterValidator(_is_ae_title)]

#: A week: no wait of this service is longer, and every clock, socket and timer can count it.
_LONGEST_SECONDS = 7 * 24 * 3600
#: Seconds, fractions allowed.
Seconds = Annotated[float, Field(gt=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]
#: The same, where 0 means not at all.
SecondsOrNone = Annotated[float, Field(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]
#: Seconds, where the library that counts them takes whole ones only.
WholeSeconds = Annotated[int, Field(gt=0, le=_LONGEST_SECONDS)]
#: Operating system processes of one kind.
Processes = Annotated[int, Field(gt=0, le=256)]


def _is_host(text: str) -> str:
    try:
        text.encode("idna")  # as sockets do: no empty and no overlong label
    except UnicodeError:
        text = ""
    if not text or not text.isprintable() or any(character in " /@" for character in text):
        message = "must be a host name or an IP address"
        raise ValueError(message)
    return text


#: Host name or IP address, as a socket takes it.
Host = Annotated[str, AfterValidator(_is_host)]


def _is_host_or_empty(text: str) -> str:
    return _is_host(text) if text else text


#: The same, where an empty one means none.
OptionalHost = Annotated[str, AfterValidator(_is_host_or_empty)]


def _is_file_name(text: str) -> str:
    if text and not text.isprintable():
        message = "must be a file's path"
        raise ValueError(message)
    return text


#: Path of a file; an empty one means none.
OptionalFile = Annotated[str, AfterValidator(_is_file_name)]

#: TCP port of a peer.
PeerPort = Annotated[int, Field(ge=1, le=65535)]

#: TCP port; 0 takes any free one.
ListenPort = Annotated[int, Field(ge=0, le=65535)]

#: Longest PDU. Every AE should take 4 KiB; more than 1 MiB only costs copies.
PduBytes = Annotated[int, Field(ge=4096, le=1 << 20)]


class Section(BaseModel):
    """One table of the settings file: every key known, every value fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_loopback_url(url: str) -> bool:
    """Say whether a URL leads to this machine, by address or as localhost."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
