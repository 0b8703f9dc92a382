from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from db import heat_maps, instances, reports, results, schema, studies
from db.session import make_engine, reading, transaction
from db.worklist_tables import Base
from domain.errors import ConfigurationInvalid, StoreUnavailable

FIRST_SCHEMA_ROWS = """
    INSERT INTO study (id, study_instance_uid, revision, status, first_received_at, last_received_at, attempts)
    VALUES (1, '1.2.3', 1, 'ANALYSED', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1);
    INSERT INTO result (id, study_id, revision, model_version, assessment, probability, considered, notes,
                        reading_priority, created_at)
    VALUES (1, 1, 1, 'm1', 'suspected', 0.5, '[]', '[]', 'HIGH', '2026-01-01 00:00:00')
"""
SECOND_SCHEMA_ROWS = """
    INSERT INTO association (id, calling_ae_title, called_ae_title, peer_address, current_study_id, opened_at, seen_at)
    VALUES ('a1', 'A', 'B', '::1', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO instance (id, study_id, association_id, sop_instance_uid, sop_class_uid, series_instance_uid,
                          transfer_syntax_uid, relative_path, size_bytes, sha256, received_at)
    VALUES (1, 1, 'a1', '1.2.3.1.1', '1.2', '1.2.3.1', '1.2', 'x', 1, 'x', '2026-01-01 00:00:00');
    INSERT INTO report (id, result_id, sop_class_uid, sop_instance_uid, series_instance_uid, content, created_at)
    VALUES (1, 1, '1.2.840.10008.5.1.4.1.1.88.34', '2.25.1', '2.25.2', '', '2026-01-01 00:00:00');
    INSERT INTO delivery (id, result_id, destination, state, attempts, next_attempt_at, created_at)
    VALUES (1, 1, 'pacs', 'SENT', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')
"""


def test_the_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    """Nothing is in the tables' module that no migration brings, nor the other way round."""
    with reading(engine) as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    """The upgrade may be run at every start."""
    assert schema.upgrade(engine) == schema.newest_revision() == schema.current_revision(engine)


def test_a_database_of_the_first_schema_is_migrated_with_its_rows(sqlite_url: str) -> None:
    """A result from before shadow versions counts as the active one's."""
    engine = make_engine(sqlite_url)
    schema.upgrade(engine, "0001")
    with transaction(engine) as session:
        for statement in FIRST_SCHEMA_ROWS.split(";"):
            session.execute(text(statement))
    schema.upgrade(engine)
    (result,) = results.of_study(engine, 1)
    assert (result.probability, result.is_shadow) == (0.5, False)


def test_reports_sent_before_there_were_several_forms_stay_chosen(sqlite_url: str, postgres_url: str) -> None:
    """A destination that got a report of schema 2 gets that one again; old instances are whole, and not ours."""
    for url in (sqlite_url, postgres_url):
        engine = make_engine(url)
        schema.upgrade(engine, "0002")
        with transaction(engine) as session:
            for statement in (FIRST_SCHEMA_ROWS + ";" + SECOND_SCHEMA_ROWS).split(";"):
                session.execute(text(statement))
        schema.upgrade(engine)
        kept = reports.chosen_report(engine, 1, "pacs")
        assert kept is not None
        assert (kept.sop_instance_uid, kept.shows_heat_map) == ("2.25.1", False)
        assert heat_maps.of_result(engine, 1) is None
        (instance,) = instances.newest_of_study(engine, 1)
        assert instance.damaged_at is None
        engine.dispose()


def test_a_database_without_tables_is_refused_with_the_remedy(sqlite_url: str) -> None:
    """A process that needs the tables says which command makes them."""
    with pytest.raises(ConfigurationInvalid, match="cxr-triage db upgrade"):
        schema.require_newest(make_engine(sqlite_url))


def test_a_database_of_a_newer_version_is_left_as_it_is(engine: Engine) -> None:
    """After a downgrade of the program nothing is migrated, and the words do not send anybody to `db upgrade`."""
    with transaction(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (schema.require_newest, schema.upgrade):
        with pytest.raises(ConfigurationInvalid, match=r"9999.* newer version"):
            use(engine)
    assert schema.current_revision(engine) == "9999"


def test_sqlite_keeps_every_commit_on_disk(sqlite_url: str) -> None:
    """Write-ahead log with synchronous FULL: promise 1 rests on it."""
    engine = make_engine(sqlite_url)
    schema.upgrade(engine)
    with reading(engine) as session:
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


def test_an_error_does_not_quote_the_values_of_its_statement(engine: Engine) -> None:
    """They may be a patient's."""
    with pytest.raises((DBAPIError, StoreUnavailable)) as refused, transaction(engine) as session:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "DOE^JANE"})
    assert "nowhere" in str(refused.value)
    assert "DOE" not in f"{refused.value} {refused.value.__cause__}"


def test_a_database_that_is_away_is_a_transient_error() -> None:
    """Callers wait and try again instead of failing."""
    engine = make_engine("postgresql://nobody@/none?host=/nonexistent")
    with pytest.raises(StoreUnavailable):
        studies.listed(engine, None, 1)


def test_a_postgresql_that_does_not_answer_is_a_transient_error(postgres_url: str) -> None:
    """Nobody waits for ever, for the server or for a lock; the next transaction has a new connection."""
    engine = make_engine(postgres_url, answer_seconds=0.5)
    with pytest.raises(StoreUnavailable, match="connection lost"), transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(60)"))
    with reading(engine) as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_an_unusable_url_is_refused() -> None:
    """A URL that no driver here understands stops the start."""
    with pytest.raises(ConfigurationInvalid, match=r"database\.url"):
        make_engine("oracle+nothing://x")
