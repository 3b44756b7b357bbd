"""Recognitions are revoked, families named only where they agreed; sources without an amount.

Going down turns what was revoked into refused, with its reason, and forgets who agreed and what
was said of sources; closed accounts and certificates keep the latter in their text.

Revision ID: 0008
Revises: 0005
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from alembic.operations.base import BatchOperations

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

_ACCOUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DAYS = "(valid_from IS NOT NULL AND valid_until IS NOT NULL)"
_OLD_CHECKS = {
    "status": "status IN ('draft', 'submitted', 'returned', 'granted', 'refused')",
    "validity": f"(status = 'granted') = {_DAYS}",
}
_NEW_CHECKS = {
    "status": "status IN ('draft', 'submitted', 'returned', 'granted', 'refused', 'revoked')",
    "validity": f"(status IN ('granted', 'revoked')) = {_DAYS}",
    "revoked": "(status = 'revoked') = (revoked_by IS NOT NULL AND revoked_at IS NOT NULL "
    "AND revoked_reason IS NOT NULL)",
    "named": "(named_by IS NULL) = (named_at IS NULL)",
}


def _change_checks(batch: BatchOperations, old: dict[str, str], new: dict[str, str]) -> None:
    for name in old:
        batch.drop_constraint(op.f(f"ck_recognition_case_{name}"), type_="check")
    for name, rule in new.items():
        batch.create_check_constraint(op.f(f"ck_recognition_case_{name}"), rule)


def upgrade() -> None:
    with op.batch_alter_table("recognition_case") as batch:
        batch.add_column(sa.Column("revoked_by", sa.Integer(), nullable=True))
        batch.add_column(
            sa.Column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True)
        )
        batch.add_column(
            sa.Column("revoked_reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True)
        )
        batch.add_column(sa.Column("named_by", _ACCOUNT, nullable=True))
        batch.add_column(sa.Column("named_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_recognition_case_revoked_by_staff"),
            "staff",
            ["revoked_by"],
            ["id"],
            ondelete="RESTRICT",
        )
        batch.create_foreign_key(
            op.f("fk_recognition_case_named_by_account"),
            "account",
            ["named_by"],
            ["id"],
            ondelete="RESTRICT",
        )
        _change_checks(batch, _OLD_CHECKS, _NEW_CHECKS)
    op.create_table(
        "event_missing",
        sa.Column("event_id", _ACCOUNT, nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("why", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("entered_by", _ACCOUNT, nullable=False),
        sa.Column("entered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "source IN ('travel', 'energy', 'nights', 'meals', 'materials', 'waste')",
            name=op.f("ck_event_missing_source"),
        ),
        sa.CheckConstraint(
            "kind IN ('absent', 'not_estimated')", name=op.f("ck_event_missing_kind")
        ),
        sa.CheckConstraint("why <> ''", name=op.f("ck_event_missing_why")),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["institution_event.id"],
            name=op.f("fk_event_missing_event_id_institution_event"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"],
            ["account.id"],
            name=op.f("fk_event_missing_entered_by_account"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("event_id", "source", name=op.f("pk_event_missing")),
    )


def downgrade() -> None:
    op.drop_table("event_missing")
    op.execute(
        "UPDATE recognition_case SET status = 'refused', decision = revoked_reason, "
        "decided_by = revoked_by, decided_at = revoked_at, valid_from = NULL, valid_until = NULL, "
        "revoked_by = NULL, revoked_at = NULL, revoked_reason = NULL WHERE status = 'revoked'"
    )
    with op.batch_alter_table("recognition_case") as batch:
        _change_checks(batch, _NEW_CHECKS, _OLD_CHECKS)
        batch.drop_constraint(op.f("fk_recognition_case_named_by_account"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_recognition_case_revoked_by_staff"), type_="foreignkey")
        for column in ("revoked_by", "revoked_at", "revoked_reason", "named_by", "named_at"):
            batch.drop_column(column)
