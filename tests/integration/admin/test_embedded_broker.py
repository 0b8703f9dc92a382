import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from admin.embedded_broker import broker_command
from config.load import load_settings
from worker.queue import embedded_socket


def test_a_long_data_folder_gets_a_short_socket_and_the_broker_answers_there(tmp_path: Path) -> None:
    """The kernel takes 107 bytes; hospitals take longer paths."""
    data_dir = tmp_path / ("long" * 30)
    settings = load_settings(None, {"service": {"data_dir": data_dir}})
    settings.run_dir.mkdir(parents=True)
    socket = embedded_socket(settings)
    assert len(str(socket)) <= 107
    with subprocess.Popen(broker_command(settings), stdout=subprocess.DEVNULL) as process:
        try:
            assert _answers(socket)
            assert socket.parent.stat().st_mode & 0o077 == 0
        finally:
            process.terminate()
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()


def test_a_short_data_folder_keeps_its_socket_beside_the_data(tmp_path: Path) -> None:
    """The usual case leaves nothing elsewhere."""
    settings = load_settings(None, {"service": {"data_dir": tmp_path}})
    assert embedded_socket(settings) == tmp_path / "run" / "valkey.sock"


def _answers(socket: Path) -> bool:
    client = Redis(unix_socket_path=str(socket))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return bool(client.ping())
        except NotThere:
            time.sleep(0.05)
    return False
