"""Which destinations fail, so that they cannot hold up the others."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destination_health",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("failing_since", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destination_health")),
    )


def downgrade() -> None:
    op.drop_table("destination_health")
