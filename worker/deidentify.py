"""Pseudonyms for exports: the same for the same UID and key, and of no use to find the UID without the key."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from domain.errors import ConfigurationInvalid

_KEY_BYTES = 32
#: Hexadecimal digits of a pseudonym: 128 bits.
_DIGITS = 32


class Pseudonyms:
    """HMAC-SHA256 under one key (RFC 2104)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_file(cls, file: Path | None) -> "Pseudonyms":
        """Take the key from a file, made if it is missing; without a file, a key that nobody keeps.

        Raises ConfigurationInvalid for a file that is no key.
        """
        if file is None:
            return cls(secrets.token_bytes(_KEY_BYTES))
        try:
            if not file.exists():
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as made:
                    made.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
            key = bytes.fromhex(file.read_text().strip())
        except (OSError, ValueError) as error:
            raise ConfigurationInvalid(f"{file} is no key file: {type(error).__name__}") from None
        if len(key) < _KEY_BYTES:
            raise ConfigurationInvalid(f"{file} is no key file: at least {_KEY_BYTES} bytes, in hexadecimal")
        return cls(key)

    def of(self, identifier: str) -> str:
        """Give the pseudonym of a UID."""
        return hmac.new(self._key, identifier.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
