from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from db import schema, studies
from db.session import make_engine, reading, transaction
from db.tables import Base
from domain.errors import ConfigurationInvalid, StoreUnavailable


def test_the_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    """Nothing is in the tables' module that no migration brings, nor the other way round."""
    with reading(engine) as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    """The upgrade may be run at every start."""
    assert schema.upgrade(engine) == schema.newest_revision() == schema.current_revision(engine)


def test_a_database_without_tables_is_refused_with_the_remedy(sqlite_url: str) -> None:
    """A process that needs the tables says which command makes them."""
    with pytest.raises(ConfigurationInvalid, match="cxr-triage db upgrade"):
        schema.require_newest(make_engine(sqlite_url))


def test_sqlite_keeps_every_commit_on_disk(sqlite_url: str) -> None:
    """Write-ahead log with synchronous FULL: promise 1 rests on it."""
    with reading(make_engine(sqlite_url)) as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2


def test_an_error_in_a_transaction_leaves_nothing_behind(engine: Engine) -> None:
    """All or nothing."""

    def fail_half_way() -> Iterator[None]:
        with transaction(engine) as session:
            session.execute(text("INSERT INTO event (at, kind, detail) VALUES ('2026-01-01 00:00:00', 'x', '{}')"))
            yield

    steps = fail_half_way()
    next(steps)
    with pytest.raises(ZeroDivisionError):
        steps.throw(ZeroDivisionError())
    with reading(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM event")) == 0


def test_a_database_that_is_away_is_a_transient_error() -> None:
    """Callers wait and try again instead of failing."""
    engine = make_engine("postgresql://nobody@/none?host=/nonexistent")
    with pytest.raises(StoreUnavailable):
        studies.listed(engine, None, 1)


def test_an_unusable_url_is_refused() -> None:
    """A URL that no driver here understands stops the start."""
    with pytest.raises(ConfigurationInvalid, match=r"database\.url"):
        make_engine("oracle+nothing://x")
