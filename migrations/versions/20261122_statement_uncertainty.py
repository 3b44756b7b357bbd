"""What institutions state about uncertainty, by factor, beside the note in their own words.

Going down removes what was stated; a published statement keeps it in its sealed text.

Revision ID: 0004
Revises: 0002
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_uncertainty",
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("factor_code", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("activity_permyriad", sa.Integer(), nullable=True),
        sa.Column("activity_basis", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("factor_permyriad", sa.Integer(), nullable=True),
        sa.Column("factor_basis", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column(
            "stated_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("stated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "1 <= activity_permyriad AND activity_permyriad <= 10000",
            name=op.f("ck_statement_uncertainty_activity"),
        ),
        sa.CheckConstraint(
            "1 <= factor_permyriad AND factor_permyriad <= 10000",
            name=op.f("ck_statement_uncertainty_factor"),
        ),
        sa.CheckConstraint(
            "(activity_permyriad IS NULL) = (activity_basis = '') AND "
            "(factor_permyriad IS NULL) = (factor_basis = '') AND "
            "(activity_permyriad IS NOT NULL OR factor_permyriad IS NOT NULL)",
            name=op.f("ck_statement_uncertainty_given"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["neutrality_statement.id"],
            name=op.f("fk_statement_uncertainty_statement_id_neutrality_statement"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["stated_by"],
            ["account.id"],
            name=op.f("fk_statement_uncertainty_stated_by_account"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint(
            "statement_id", "factor_code", name=op.f("pk_statement_uncertainty")
        ),
    )


def downgrade() -> None:
    op.drop_table("statement_uncertainty")
