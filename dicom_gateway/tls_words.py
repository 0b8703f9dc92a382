"""What a failed TLS handshake means, in words for a log: the library's own are for programmers."""

import ssl

#: RFC 8446 section 6: the peer's alerts about the certificate that we showed, as OpenSSL calls them.
_REFUSES_OURS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED")
_WORDS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer has shown no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer asks for a certificate of ours, and none is configured",
    "NO_SHARED_CIPHER": "no cipher suite in common (see docs/conformance.md)",
    "UNSUPPORTED_PROTOCOL": "the peer has neither TLS 1.2 nor 1.3",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer has neither TLS 1.2 nor 1.3",
    "WRONG_VERSION_NUMBER": "the peer's answer is not TLS; is this its port without TLS?",
    "HTTP_REQUEST": "the peer does not speak TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer found nothing in common, or wants a certificate of ours",
}
_CLOSED = "the connection was closed in the handshake"


def words_of(error: OSError) -> str:
    """Say why a handshake failed; no text of the peer's, no traceback."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "the handshake was not finished in time"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError):
        return _CLOSED
    reason = error.reason or "unknown"
    if reason.endswith(_REFUSES_OURS):
        return f"the peer refuses our certificate: {_readable(reason)}"
    return _WORDS.get(reason, _readable(reason))


def _readable(reason: str) -> str:
    return reason.lower().replace("_", " ")
