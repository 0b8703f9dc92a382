"""Signs of life of the service's processes; results and associations by time."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "process",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process")),
    )
    op.create_index(op.f("ix_result_created_at"), "result", ["created_at"], unique=False)
    op.create_index(op.f("ix_association_opened_at"), "association", ["opened_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_association_opened_at"), table_name="association")
    op.drop_index(op.f("ix_result_created_at"), table_name="result")
    op.drop_table("process")
