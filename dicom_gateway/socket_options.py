"""Socket options of DICOM connections.

A sender that leaves Nagle's algorithm on waits for our delayed acknowledgement, 40 ms an image,
unless acknowledgements are sent at once (tcp(7), TCP_QUICKACK; the kernel forgets it, so it is re-armed).
"""

import contextlib
import socket
from pathlib import Path

#: What a listening socket asks for; accepted connections inherit it.
RECEIVE_BUFFER_BYTES = 4 << 20
_KERNEL_LIMIT = Path("/proc/sys/net/core/rmem_max")


def prepare(connection: socket.socket) -> None:
    """Send small packets at once, acknowledge at once, notice a peer that died."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    rearm_quickack(connection)


def rearm_quickack(connection: socket.socket) -> None:
    """Acknowledge what comes next without delay; does nothing where the system cannot."""
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def widen_receive_buffer(listener: socket.socket) -> bool:
    """Ask for a large receive buffer, and say whether it was asked for.

    Only where the kernel grants it whole: a smaller fixed buffer is worse than the kernel's own tuning.
    """
    try:
        granted = int(_KERNEL_LIMIT.read_text())
    except (OSError, ValueError):
        return False
    if granted < RECEIVE_BUFFER_BYTES:
        return False
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return True
