"""Why something that is missing in a statement's year is as it should be, gap by gap.

Going down removes what was explained; a published statement keeps it in its sealed text.

Revision ID: 0011
Revises: 0013
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_gap",
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("gap", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.Column(
            "explained_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("explained_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_statement_gap_reason")),
        sa.ForeignKeyConstraint(
            ["explained_by"],
            ["account.id"],
            name=op.f("fk_statement_gap_explained_by_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["neutrality_statement.id"],
            name=op.f("fk_statement_gap_statement_id_neutrality_statement"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("statement_id", "gap", name=op.f("pk_statement_gap")),
    )


def downgrade() -> None:
    op.drop_table("statement_gap")
