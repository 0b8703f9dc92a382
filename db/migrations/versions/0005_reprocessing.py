"""Reprocessing in the background, by a version of choice."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.add_column(sa.Column("queue_priority", sa.String(length=32), nullable=False, server_default="LIVE"))
        batch_op.add_column(sa.Column("wanted_version", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("reprocess_run", sa.String(length=32), nullable=True))
        batch_op.create_index(op.f("ix_study_reprocess_run"), ["reprocess_run"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_study_reprocess_run"))
        batch_op.drop_column("reprocess_run")
        batch_op.drop_column("wanted_version")
        batch_op.drop_column("queue_priority")
