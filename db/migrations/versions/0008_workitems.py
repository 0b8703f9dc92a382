"""Workitems of the reading worklist."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")
_PRIORITIES = ("STAT", "HIGH", "ROUTINE")


def upgrade() -> None:
    op.create_table(
        "workitem",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Enum(*_STATES, name="workitemstate", native_enum=False, length=32), nullable=False),
        sa.Column(
            "reading_priority",
            sa.Enum(*_PRIORITIES, name="readingpriority", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("waiting_since", sa.DateTime(), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("performer_ae_title", sa.String(length=16), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_workitem_result_id_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workitem")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_workitem_sop_instance_uid")),
    )
    with op.batch_alter_table("workitem", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_workitem_state_waiting_since"), ["state", "waiting_since"], unique=False)


def downgrade() -> None:
    op.drop_table("workitem")
