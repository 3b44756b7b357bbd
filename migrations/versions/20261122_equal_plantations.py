"""What makes plantations equal is a unique key: two institutions cannot register one at once.

Plantations that are there already get their key, the older of equals first; a younger equal keeps
none, and `flask ledger verify` names it (O6). Going down drops the keys.

Revision ID: 0005
Revises: 0009
"""

import hashlib
import unicodedata

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "plantation",
        sa.Column("likeness", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    )
    plantation = sa.table(
        "plantation",
        sa.column("id", sa.Integer),
        sa.column("place", sa.String),
        sa.column("species", sa.String),
        sa.column("area_m2", sa.Integer),
        sa.column("planted_on", sa.Date),
        sa.column("likeness", sa.String),
    )
    bind = op.get_bind()
    seen: set[str] = set()
    for row in bind.execute(sa.select(plantation).order_by(plantation.c.id)).all():
        key = _likeness(row)
        if key not in seen:
            seen.add(key)
            bind.execute(plantation.update().where(plantation.c.id == row.id).values(likeness=key))
    op.create_index("ix_plantation_likeness", "plantation", ["likeness"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_plantation_likeness", table_name="plantation")
    op.drop_column("plantation", "likeness")


def _likeness(row: sa.Row) -> str:
    """As `afforestation.likeness` did it on the day of this migration."""
    parts = (
        row.planted_on.isoformat(),
        str(row.area_m2),
        _bare(row.place),
        _bare(row.species),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign.isalnum())
