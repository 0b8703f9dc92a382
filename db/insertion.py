"""Rows that may be there already."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.tables import Base


def insert_unless_there(session: Session, table: type[Base], **values: object) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; say whether a row was added."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return session.connection().execute(statement).rowcount == 1
