import socket
from pathlib import Path

import pytest

from dicom_gateway import socket_options


def test_a_connection_sends_at_once_and_notices_the_dead() -> None:
    """TCP_NODELAY and SO_KEEPALIVE are on after `prepare`."""
    with socket.socket() as connection:
        socket_options.prepare(connection)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_closed_connection_is_no_error() -> None:
    """The peer may be gone before its options are set."""
    connection = socket.socket()
    connection.close()
    socket_options.prepare(connection)
    socket_options.rearm_quickack(connection)


@pytest.mark.parametrize(("granted", "asked"), [("4194304\n", True), ("212992\n", False), ("nonsense", False)])
def test_a_small_fixed_buffer_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, granted: str, *, asked: bool
) -> None:
    """Where the kernel would cut the buffer short, its own tuning is left alone."""
    limit = tmp_path / "rmem_max"
    limit.write_text(granted)
    monkeypatch.setattr(socket_options, "_KERNEL_LIMIT", limit)
    with socket.socket() as listener:
        assert socket_options.widen_receive_buffer(listener) is asked
