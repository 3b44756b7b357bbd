"""Who applies for an institution, as they say themselves, and what lets them act for it.

Applications from before have no such row. Going down forgets what applicants said; the files stay
in the store, named by nothing.

Revision ID: 0012
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0012"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "institution_applicant",
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("authority", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("evidence_sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("evidence_file", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.CheckConstraint(
            "name <> '' AND authority <> ''", name=op.f("ck_institution_applicant_told")
        ),
        sa.ForeignKeyConstraint(
            ["institution_id"],
            ["institution.id"],
            name=op.f("fk_institution_applicant_institution_id_institution"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("institution_id", name=op.f("pk_institution_applicant")),
    )


def downgrade() -> None:
    op.drop_table("institution_applicant")
