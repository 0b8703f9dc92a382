"""Heat maps, reports in several forms, and which of them a destination got; our own output coming back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heat_map",
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("levels", sa.LargeBinary(), nullable=False),
        sa.Column("hottest", sa.Float(), nullable=False),
        sa.Column("quarter_turns", sa.Integer(), nullable=False),
        sa.Column("inverted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"], ["result.id"], name=op.f("fk_heat_map_result_id_result"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_heat_map")),
    )
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_own_output", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shows_heat_map", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.drop_constraint(op.f("uq_report_result_id_sop_class_uid"), type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_report_result_id_sop_class_uid_shows_heat_map"), ["result_id", "sop_class_uid", "shows_heat_map"]
        )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("report_uid", sa.String(length=64), nullable=True))
    # Until now a result had one report, and whoever was sent one was sent that.
    op.execute(
        "UPDATE delivery SET report_uid = "
        "(SELECT sop_instance_uid FROM report WHERE report.result_id = delivery.result_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_column("report_uid")
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_report_result_id_sop_class_uid_shows_heat_map"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_report_result_id_sop_class_uid"), ["result_id", "sop_class_uid"])
        batch_op.drop_column("shows_heat_map")
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.drop_column("is_own_output")
    op.drop_table("heat_map")
