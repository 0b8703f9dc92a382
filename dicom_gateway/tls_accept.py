"""The first words on a TLS port. Runs in the thread of the connection: whoever stalls here holds up nobody else."""

import socket
import ssl
import time

import structlog

from dicom_gateway.tls_words import words_of

_log = structlog.get_logger()
#: RFC 8446 section 5.1: content type of a record with a handshake message.
HANDSHAKE_RECORD = 0x16


def handshake(connection: ssl.SSLSocket, peer_address: str, seconds: float) -> bool:
    """Do the handshake, in `seconds` at most; says whether the connection may be used. The log says why not.

    `connection` is an accepted one, wrapped and with its handshake still to come. A peer that closes without a word
    is a health check, and no failure.
    """
    deadline = time.monotonic() + seconds
    try:
        connection.settimeout(seconds)
        if not _begins_tls(connection, peer_address):
            return False
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        connection.do_handshake()  # its time-out is for the whole of it
    except OSError as error:
        _log.warning("tls_handshake_failed", peer_address=peer_address, reason=words_of(error))
        return False
    return True


def close_notify(connection: socket.socket) -> None:
    """Tell the peer that no more will come (RFC 8446 section 6.1), without waiting for its answer."""
    if not isinstance(connection, ssl.SSLSocket):
        return
    try:
        connection.settimeout(0)
        connection.unwrap()
    except (OSError, ValueError):  # it would wait, the peer is gone, or there never was a session
        pass


def _begins_tls(connection: ssl.SSLSocket, peer_address: str) -> bool:
    """Look at the first byte, and leave it there."""
    try:
        # Below TLS: SSLSocket itself knows no flags.
        first = socket.socket.recv(connection, 1, socket.MSG_PEEK)
    except ConnectionError:
        return False
    except TimeoutError:
        _log.info("connection_silent", peer_address=peer_address)
        return False
    if not first:
        return False
    if first[0] != HANDSHAKE_RECORD:
        words = "plain bytes on the TLS port: the sender must use TLS, or call the port without it"
        _log.warning("tls_handshake_failed", peer_address=peer_address, reason=words)
        return False
    return True
