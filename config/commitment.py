"""Storage commitment: how destinations are asked, and how senders are answered."""

import re
from typing import Annotated

from pydantic import AfterValidator, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from config.section import AeTitle, Section

_ADDRESS = re.compile(r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$")
_PORTS = range(1, 1 << 16)


def _checked(value: str) -> str:
    match = _ADDRESS.match(value)
    if match is None or int(match[2]) not in _PORTS:
        message = f"{value!r} is no address: write HOST:PORT, e.g. 192.0.2.7:104"
        raise ValueError(message)
    return value


HostAndPort = Annotated[str, AfterValidator(_checked)]


class CommitmentSettings(Section):
    """Both sides of storage commitment."""

    request_attempts: PositiveInt
    request_answer_seconds: PositiveFloat
    hold_seconds: NonNegativeFloat
    query_attempts: PositiveInt
    resend_attempts: NonNegativeInt
    offer: bool
    sender_addresses: dict[AeTitle, HostAndPort]
    answer_attempts: PositiveInt

    def address_of(self, ae_title: str) -> tuple[str, int] | None:
        """Give host and port of a sender; None when none is set."""
        address = self.sender_addresses.get(ae_title)
        if address is None:
            return None
        host, _, port = address.rpartition(":")
        return host.strip("[]"), int(port)
