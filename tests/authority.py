"""A certificate authority of a test, with files as a hospital would have them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for 127.0.0.1 and localhost."""

    def __init__(self, folder: Path, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
        """Make a new authority whose files lie in `folder`."""
        self._folder = folder
        self._key_type = key_type
        self._authority = trustme.CA(key_type=key_type)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(
        self, name: str, *, host: str = "127.0.0.1", from_days: float = -1, to_days: float = 30, encrypted: bool = False
    ) -> Issued:
        """Sign a certificate that holds from and to so many days from now."""
        now = datetime.now(UTC)
        first, last = now + timedelta(days=from_days), now + timedelta(days=to_days)
        made = self._authority.issue_cert(host, not_before=first, not_after=last, key_type=self._key_type)
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        issued.certificate.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        key = made.private_key_pem.bytes()
        issued.key.write_bytes(_encrypted(key) if encrypted else key)
        return issued


def _encrypted(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - one test alone needs it

    method = serialization.BestAvailableEncryption(b"secret")
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, method
    )
