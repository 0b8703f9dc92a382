"""Pauses of peers that fail, senders among them; what is claimed is found fast, however much was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_IS_HELD = sa.text("lease_until IS NOT NULL")


def upgrade() -> None:
    # What it knew is found out again by the next attempt.
    op.drop_table("destination_health")
    op.create_table(
        "peer_health",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("failing_since", sa.DateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_peer_health")),
    )
    op.create_index(
        op.f("ix_delivery_lease_until"),
        "delivery",
        ["lease_until"],
        sqlite_where=_IS_HELD,
        postgresql_where=_IS_HELD,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_delivery_lease_until"), "delivery")
    op.drop_table("peer_health")
    op.create_table(
        "destination_health",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("failing_since", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destination_health")),
    )
