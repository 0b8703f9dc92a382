"""The service's clock: the machine's, unless a drill moves it."""

from datetime import UTC, datetime

from domain.failpoints import FAILPOINTS


def utc_now() -> datetime:
    """Give the time now, aware, UTC."""
    return datetime.now(UTC) + FAILPOINTS.clock_offset()
