"""Storage commitment: what destinations are asked, and what senders ask."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COUNTS = ("confirm_attempts", "misses", "losses")


def upgrade() -> None:
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("confirm_at", sa.DateTime(), nullable=True))
        for name in _COUNTS:
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("confirmation", sa.Text(), nullable=True))
        batch_op.create_index(op.f("ix_delivery_state_confirm_at"), ["state", "confirm_at"])
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("promised_at", sa.DateTime(), nullable=True))
    op.create_table(
        "commitment_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_commitment_question_delivery_id_delivery")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_question")),
        sa.UniqueConstraint("transaction_uid", name=op.f("uq_commitment_question_transaction_uid")),
    )
    op.create_index(op.f("ix_commitment_question_delivery_id"), "commitment_question", ["delivery_id"])
    _create_requests()


def _create_requests() -> None:
    op.create_table(
        "commitment_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("calling_ae_title", sa.String(length=16), nullable=False),
        sa.Column("called_ae_title", sa.String(length=16), nullable=False),
        sa.Column("peer_address", sa.String(length=45), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claim_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("queued_at", sa.DateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_request")),
        sa.UniqueConstraint(
            "calling_ae_title",
            "transaction_uid",
            name=op.f("uq_commitment_request_calling_ae_title_transaction_uid"),
        ),
    )
    op.create_index(
        op.f("ix_commitment_request_state_next_attempt_at"), "commitment_request", ["state", "next_attempt_at"]
    )


def downgrade() -> None:
    # What the destination confirmed is sent, as far as the schema before this one can say it.
    op.execute("UPDATE delivery SET state = 'SENT' WHERE state IN ('COMMITTED', 'VERIFIED')")
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.drop_column("promised_at")
    op.drop_table("commitment_request")
    op.drop_table("commitment_question")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_delivery_state_confirm_at"))
        for name in ("confirmation", *reversed(_COUNTS), "confirm_at"):
            batch_op.drop_column(name)
