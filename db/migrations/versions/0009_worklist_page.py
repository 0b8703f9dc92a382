"""The worklist's page: what it shows, accounts, feedback."""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: `ReadingPriority.rank`, as of this migration.
_RANKS = {"STAT": 0, "HIGH": 1, "ROUTINE": 2}


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.Enum("reader", "admin", name="role", native_enum=False, length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("form_token", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_account_id_account")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_account_id"), ["account_id"], unique=False)

    op.create_table(
        "sign_in_link",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_link_account_id_account")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in_link")),
    )
    op.create_table(
        "thumbnail",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_thumbnail_study_id_study")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_thumbnail")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum("agree", "disagree", "unsure", name="verdict", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("finding", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_feedback_account_id_account")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_feedback_result_id_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feedback_result_id"), ["result_id"], unique=False)

    op.create_table(
        "worklist_entry",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column(
            "reading_state",
            sa.Enum("WAITING", "READING", "READ", name="readingstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reader_id", sa.Integer(), nullable=True),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(), nullable=False),
        sa.Column(
            "reading_priority",
            sa.Enum("STAT", "HIGH", "ROUTINE", name="readingpriority", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("waiting_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("facts_instance_id", sa.Integer(), nullable=True),
        sa.Column("patient_name", sa.String(length=200), nullable=False),
        sa.Column("patient_key", sa.String(length=200), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("birth_date", sa.String(length=8), nullable=False),
        sa.Column("sex", sa.String(length=16), nullable=False),
        sa.Column("study_moment", sa.String(length=14), nullable=False),
        sa.Column("accession_number", sa.String(length=64), nullable=False),
        sa.Column("study_description", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["facts_instance_id"], ["instance.id"], name=op.f("fk_worklist_entry_facts_instance_id_instance")
        ),
        sa.ForeignKeyConstraint(["reader_id"], ["account.id"], name=op.f("fk_worklist_entry_reader_id_account")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_worklist_entry_result_id_result")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_worklist_entry_study_id_study")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_worklist_entry")),
        sa.UniqueConstraint("token", name=op.f("uq_worklist_entry_token")),
    )
    with op.batch_alter_table("worklist_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_worklist_entry_accession_number"), ["accession_number"], unique=False)
        batch_op.create_index(batch_op.f("ix_worklist_entry_facts_instance_id"), ["facts_instance_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_worklist_entry_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(
            "ix_worklist_entry_reading_order", ["reading_state", "rank", "waiting_since_ms", "study_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_worklist_entry_reading_state_patient_key"), ["reading_state", "patient_key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_worklist_entry_reading_state_study_moment"), ["reading_state", "study_moment"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_worklist_entry_result_id"), ["result_id"], unique=False)

    _put_on_the_list()


def _put_on_the_list() -> None:
    """Put what came in before there was a page on it, unread: nothing is hidden that nobody has looked at."""
    connection = op.get_bind()
    study = sa.table("study", sa.column("id"), sa.column("first_received_at", sa.DateTime()))
    result = sa.table(
        "result",
        sa.column("id"),
        sa.column("study_id"),
        sa.column("is_shadow", sa.Boolean()),
        sa.column("reading_priority"),
        sa.column("probability"),
    )
    instance = sa.table("instance", sa.column("study_id"), sa.column("is_own_output", sa.Boolean()))
    newest = sa.select(sa.func.max(result.c.id)).where(result.c.study_id == study.c.id, ~result.c.is_shadow)
    rows = connection.execute(
        sa.select(study.c.id, study.c.first_received_at, result.c.id, result.c.reading_priority, result.c.probability)
        .select_from(study.outerjoin(result, result.c.id == newest.correlate(study).scalar_subquery()))
        .where(sa.exists().where(instance.c.study_id == study.c.id, ~instance.c.is_own_output))
    ).all()
    now = datetime.now(UTC).replace(tzinfo=None)
    entries = [_entry(now, *row) for row in rows]
    if entries:
        connection.execute(sa.insert(_entry_table()), entries)


def _entry_table() -> sa.Table:
    return sa.Table("worklist_entry", sa.MetaData(), autoload_with=op.get_bind())


def _entry(
    now: datetime,
    study_id: int,
    arrived: datetime,
    result_id: int | None,
    priority: str | None,
    probability: float | None,
) -> dict[str, object]:
    known = priority if priority is not None else "ROUTINE"
    texts = (
        "reader",
        "patient_name",
        "patient_key",
        "patient_id",
        "birth_date",
        "sex",
        "study_moment",
        "accession_number",
        "study_description",
    )
    return {
        **dict.fromkeys(texts, ""),
        "study_id": study_id,
        "token": secrets.token_hex(16),
        "reading_state": "WAITING",
        "state_changed_at": now,
        "reading_priority": known,
        "rank": _RANKS[known],
        "waiting_since_ms": round(arrived.replace(tzinfo=UTC).timestamp() * 1000),
        "result_id": result_id,
        "probability": probability,
    }


def downgrade() -> None:
    for table in ("worklist_entry", "feedback", "thumbnail", "sign_in_link", "sign_in", "account"):
        op.drop_table(table)
