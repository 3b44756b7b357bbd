"""What is told of members is written once, by parts of months, and stays as it was told.

Nothing is told at once: the first run of the job `member-figures` closes the parts of months that
are over, from the totals as they are then. Going down forgets what was told.

Revision ID: 0007
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("part_closed", "told_total", "told_team")


def upgrade() -> None:
    op.create_table(
        "part_closed",
        sa.Column("part", sqlmodel.sql.sqltypes.AutoString(length=9), nullable=False),
        sa.Column("closed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_part_closed")),
    )
    op.create_table(
        "told_total",
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("period", sqlmodel.sql.sqltypes.AutoString(length=9), nullable=False),
        sa.Column("behavior_id", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("reduction_g", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "people >= 10 AND records IS NOT NULL AND reduction_g IS NOT NULL OR "
            "people IS NULL AND records IS NULL AND reduction_g IS NULL",
            name=op.f("ck_told_total_enough"),
        ),
        sa.PrimaryKeyConstraint(
            "institution_id", "period", "behavior_id", name=op.f("pk_told_total")
        ),
    )
    op.create_table(
        "told_team",
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("part", sqlmodel.sql.sqltypes.AutoString(length=9), nullable=False),
        sa.Column("behavior_id", sa.Integer(), nullable=False),
        sa.Column("team", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "people >= 10 OR behavior_id = 0 AND records = 0", name=op.f("ck_told_team_enough")
        ),
        sa.PrimaryKeyConstraint(
            "institution_id", "part", "behavior_id", "team", name=op.f("pk_told_team")
        ),
    )
    for table in TABLES:
        _guard(table)


def _guard(table: str) -> None:
    """Refuse changes of a table, as of everything that is booked (revision 0002)."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
