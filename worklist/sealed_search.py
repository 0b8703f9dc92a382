"""What is searched for, sealed for an address: browsers and proxies keep addresses, and what is typed may be a name."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
#: Of a sealed text: the longest that is typed has 64 characters, each of four bytes at most.
LONGEST_SEALED = 500


def seal(secret: str, text: str) -> str:
    """Give the text as only a session with the same secret can read it; nothing for nothing."""
    return _fernet(secret).encrypt(text.encode()).decode() if text else ""


def unseal(secret: str, sealed: str) -> str | None:
    """Give the text back; None when it is none, or of another session."""
    if not sealed:
        return ""
    try:
        return _fernet(secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet(secret: str) -> Fernet:
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"worklist search").derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
