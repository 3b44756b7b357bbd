"""Lots can be taken back, and one serial number is one however it is spelt.

The keys by which numbers are compared are worked out anew from what was typed. Lots that turn out
to hold one number stay as they are: the younger names the older (`same_as_id`), and `flask ledger
verify` counts it (O8) until one of the two is withdrawn.

Going down works the keys out as they were, and removes what was withdrawn: the books have it moved
out already, and the audit trail keeps numbers and reasons.

Revision ID: 0006
Revises: 0011
"""

import re
from typing import Any

import sqlalchemy as sa
import sqlmodel
from alembic import op

# The rules of today, not of the day of this migration: whoever changes them works out all keys
# anew, as here, and what this step wrote is then gone.
from carbonaccount.institutions import serial_numbers
from carbonaccount.institutions.serial_numbers import Numbers, Serials

revision = "0006"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATES = {True: "('held', 'retired', 'split', 'withdrawn')", False: "('held', 'retired', 'split')"}
_TAGS = {
    "gec": ("GEC",),
    "ccer": ("CCER",),
    "cdm": ("CDM", "CER"),
    "gold_standard": ("GS", "VER"),
    "phcer": ("PHCER",),
    "cqcer": ("CQCER",),
    "vcs": ("VCS", "VCU"),
}
_LOT = sa.table(
    "offset_lot",
    *(sa.column(name, sa.Integer) for name in ("id", "parent_id", "serial_width", "same_as_id")),
    *(sa.column(name, sa.BigInteger) for name in ("serial_first", "serial_last")),
    *(sa.column(name, sa.BigInteger) for name in ("joined_first", "joined_last")),
    *(sa.column(name, sa.String) for name in ("registry_code", "serial_prefix", "status")),
    *(sa.column(name, sa.String) for name in ("series_key", "joined_key")),
)


def upgrade() -> None:
    with op.batch_alter_table("offset_lot") as batch:
        _unwatched(batch)
        batch.alter_column(
            "status",
            existing_type=sqlmodel.sql.sqltypes.AutoString(length=8),
            type_=sqlmodel.sql.sqltypes.AutoString(length=10),
            existing_nullable=False,
        )
        batch.add_column(
            sa.Column("withdrawn_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True)
        )
        batch.add_column(
            sa.Column(
                "withdrawn_reason",
                sqlmodel.sql.sqltypes.AutoString(length=500),
                nullable=False,
                server_default="",
            )
        )
        batch.add_column(
            sa.Column("withdrawn_by_city", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(
            sa.Column(
                "same_as_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
    _write_keys(_keys, finding_doubles=True)
    with op.batch_alter_table("offset_lot") as batch:
        batch.alter_column("withdrawn_reason", server_default=None)
        batch.alter_column("withdrawn_by_city", server_default=None)
        batch.create_foreign_key(
            op.f("fk_offset_lot_same_as_id_offset_lot"),
            "offset_lot",
            ["same_as_id"],
            ["id"],
            ondelete="RESTRICT",
        )
        batch.create_check_constraint(op.f("ck_offset_lot_status"), f"status IN {_STATES[True]}")
        batch.create_check_constraint(
            op.f("ck_offset_lot_withdrawn_with_a_reason"),
            "(status = 'withdrawn') = (withdrawn_at IS NOT NULL) AND "
            "(withdrawn_at IS NULL) = (withdrawn_reason = '')",
        )
        _watched(
            batch,
            "origin <> '' AND parent_id IS NULL AND status <> 'withdrawn'",
            "parent_id IS NULL AND status <> 'withdrawn' AND same_as_id IS NULL",
        )


def downgrade() -> None:
    op.execute("UPDATE offset_lot SET same_as_id = NULL")
    op.execute("DELETE FROM statement_lot WHERE lot_id IN (SELECT id FROM offset_lot "
               "WHERE status = 'withdrawn')")  # fmt: skip
    op.execute("DELETE FROM offset_lot WHERE status = 'withdrawn'")
    with op.batch_alter_table("offset_lot") as batch:
        _unwatched(batch)
        batch.drop_constraint(op.f("ck_offset_lot_withdrawn_with_a_reason"), type_="check")
        batch.drop_constraint(op.f("fk_offset_lot_same_as_id_offset_lot"), type_="foreignkey")
        for column in ("same_as_id", "withdrawn_by_city", "withdrawn_reason", "withdrawn_at"):
            batch.drop_column(column)
        batch.alter_column(
            "status",
            existing_type=sqlmodel.sql.sqltypes.AutoString(length=10),
            type_=sqlmodel.sql.sqltypes.AutoString(length=8),
            existing_nullable=False,
        )
    _write_keys(_keys_before, finding_doubles=False)
    with op.batch_alter_table("offset_lot") as batch:
        batch.create_check_constraint(op.f("ck_offset_lot_status"), f"status IN {_STATES[False]}")
        _watched(batch, "origin <> '' AND parent_id IS NULL", "parent_id IS NULL")


def _unwatched(batch: Any) -> None:
    batch.drop_index("uq_offset_lot_origin")
    batch.drop_index("uq_offset_lot_serial_first")
    batch.drop_constraint(op.f("ck_offset_lot_status"), type_="check")


def _watched(batch: Any, one_origin: str, one_number: str) -> None:
    for name, columns, where in (
        ("uq_offset_lot_origin", ["origin"], one_origin),
        ("uq_offset_lot_serial_first", ["registry_code", "series_key", "serial_first"], one_number),
    ):
        only = sa.text(where)
        batch.create_index(name, columns, unique=True, sqlite_where=only, postgresql_where=only)


def _write_keys(keys: Any, *, finding_doubles: bool) -> None:
    """Write the keys of all numbers that others issued; a lot's parts have those of their own."""
    bind = op.get_bind()
    before: dict[str, list[tuple[int, Numbers]]] = {}
    read = [column for column in _LOT.c if column.name != "same_as_id"]
    rows = bind.execute(
        sa.select(*read).where(_LOT.c.registry_code != "city").order_by(_LOT.c.id)
    ).all()
    for row in rows:
        series, joined, joined_first, joined_last = keys(row)
        same_as = None
        if finding_doubles and row.parent_id is None:
            numbers = Numbers(series, row.serial_first, row.serial_last)
            known = before.setdefault(row.registry_code, [])
            same = (id_ for id_, one in known if serial_numbers.same_number(one, numbers))
            same_as = next(same, None)
            known.append((row.id, numbers))
        values = {
            "series_key": series,
            "joined_key": joined,
            "joined_first": joined_first,
            "joined_last": joined_last,
        }
        if finding_doubles:
            values["same_as_id"] = same_as
        bind.execute(_LOT.update().where(_LOT.c.id == row.id).values(values))


def _keys(row: sa.Row) -> tuple[str, str, int, int]:
    return serial_numbers.series_keys(
        row.registry_code,
        Serials(
            _prefix_with_digits(row.serial_prefix),
            row.serial_first,
            row.serial_last,
            row.serial_width,
        ),
    )


def _prefix_with_digits(prefix: str) -> str:
    """Read O, I and L as digits where they stand among them, as it is done with what is typed.

    Those that touch the counted digits are zeros in front of them or, when they cannot be, letters.
    """
    folded = serial_numbers.with_digits(f"{prefix}1")
    tail = re.search("[0-9]+$", folded)
    assert tail is not None
    if int(tail[0]) != 1:
        return serial_numbers.with_digits(prefix)
    return folded[: tail.start()]


def _keys_before(row: sa.Row) -> tuple[str, str, int, int]:
    """As numbers were compared before this migration."""
    parts = re.findall("[A-Z]+|[0-9]+", row.serial_prefix)
    while parts and parts[0] in _TAGS[row.registry_code]:
        parts = parts[1:]
    width = max(row.serial_width, len(str(row.serial_last)))
    joined = "".join(parts)
    digits = joined[len(joined.rstrip("0123456789")) :]
    kept = digits[max(0, len(digits) + width - 18) :]
    base = int(kept or "0") * 10**width
    return (
        ".".join(part.lstrip("0") if part.isdigit() else part for part in parts),
        joined[: len(joined) - len(kept)],
        base + row.serial_first,
        base + row.serial_last,
    )
