"""How often somebody may try to sign in, or call the API; counted within this process."""

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

    def is_shut(self, address: str) -> bool:
        """Say, without counting, whether there were too many from this address."""
        return not self._limiter.test(self._limit, "address", address)

    def note_refused(self, address: str) -> None:
        """Count an attempt that was refused."""
        self._limiter.hit(self._limit, "address", address)


class RequestLimit:
    """Counts requests to the API."""

    def __init__(self, requests_a_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(requests_a_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allows(self, account_name: str) -> bool:
        """Count a request; False when there were too many for this account."""
        return self._limiter.hit(self._limit, account_name)
