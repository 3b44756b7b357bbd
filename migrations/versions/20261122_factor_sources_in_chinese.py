"""Emission factors tell in Chinese, too, where they come from; `flask seed` fills shipped ones.

Going down keeps the English text, and where a city wrote only a Chinese one, that one in its place.

Revision ID: 0013
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "emission_factor",
        sa.Column("source_zh", sa.Text(), nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.execute("UPDATE emission_factor SET source = source_zh WHERE source = ''")
    op.drop_column("emission_factor", "source_zh")
