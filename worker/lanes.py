"""How many reports may be on their way at once, by the settings."""

from config.settings import DeliverySettings
from db.lanes import Lanes


def lanes_of(settings: DeliverySettings) -> Lanes:
    """Give the limits: destinations that fail get one process fewer than there are, where there are several."""
    return Lanes(each=settings.parallel_sends, failing=max(1, settings.processes - 1))
