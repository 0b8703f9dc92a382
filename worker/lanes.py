"""How many associations may be under way at once, and how long a peer that fails is left alone, by the settings."""

from config.settings import DeliverySettings
from db.lanes import Lanes
from db.peers import Pauses


def lanes_of(settings: DeliverySettings) -> Lanes:
    """Give the limits: destinations that fail get one process fewer than there are, where there are several."""
    return Lanes(each=settings.parallel_sends, failing=max(1, settings.processes - 1))


def pauses_of(settings: DeliverySettings) -> Pauses:
    """Give the pauses, which are no longer than the waits of a single report."""
    longest = min(settings.longest_pause_seconds, settings.longest_retry_seconds)
    return Pauses(settings.first_retry_seconds, longest)
