"""Passwords: Argon2id with the library's parameters (RFC 9106, low memory)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import Rejected

#: NIST SP 800-63B-4 asks for 15 characters of a password that stands alone; 12 here, where attempts are few.
SHORTEST, _LONGEST = 12, 256
_hasher = PasswordHasher()

#: Compared with where there is no account, so that the time taken does not tell which names exist.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Give what is kept of a password. Raises Rejected when it is too short or too long."""
    if not SHORTEST <= len(password) <= _LONGEST:
        raise Rejected(f"a password has {SHORTEST} to {_LONGEST} characters")
    return _hasher.hash(password)


def is_right(password_hash: str | None, password: str) -> bool:
    """Say whether this is the password; with no account, or one that signs in by link only, it never is."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password[:_LONGEST]) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False
