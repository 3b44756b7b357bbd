"""Indexes by which an institution's first page finds who came and went, and what was written.

Revision ID: 0009
Revises: 0004
"""

from alembic import op

revision = "0009"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEXES = (
    ("institution_member", ("institution_id", "first_day")),
    ("institution_member", ("institution_id", "last_day")),
    ("inventory_change", ("inventory_id", "changed_at")),
)


def upgrade() -> None:
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    for table, columns in reversed(_INDEXES):
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table_name=table)
