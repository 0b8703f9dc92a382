"""How often somebody may try to sign in: by account and by address, within this process."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: Minutes that attempts are counted over.
WINDOW_MINUTES = 5


class SignInLimit:
    """Counts attempts."""

    def __init__(self, attempts: int) -> None:
        """Allow so many attempts in five minutes."""
        self._limit = RateLimitItemPerMinute(attempts, WINDOW_MINUTES)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allows(self, name: str, address: str) -> bool:
        """Count an attempt; False when there were too many, for this account or from this address."""
        keys = (("address", address), ("name", name.casefold()))
        return all(self._limiter.hit(self._limit, *key) for key in keys)
