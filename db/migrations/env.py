"""Alembic's entry: run the migrations in one transaction on the engine that db.schema hands over."""

from alembic import context
from sqlalchemy import Engine, text

from db.session import transaction
from db.worklist_tables import Base

#: Any number, the same in every process: one migrates, the others wait.
_LOCK = 0x43585254

engine: Engine = context.config.attributes["engine"]
with transaction(engine) as session:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()
