"""Lists of the panel about lots: whose numbers are whose, in the whole city."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_models import LotStatus, OffsetLot
from carbonaccount.institutions.offset_rules import REGISTRIES
from carbonaccount.institutions.serial_numbers import parse_serials, series_keys


class LotRow(NamedTuple):
    """A lot with its institution."""

    lot: OffsetLot
    institution: Institution


def lot_rows(*, kind: str, status: str, q: str) -> sa.Select[Any]:
    """Return the statement for lots as LotRow; those that were split are their parts.

    q: a serial number however it is written, or an institution by name, code or number. "" for all.
    """
    wide: Any = sa.select(OffsetLot, Institution).join(
        Institution, col(Institution.id) == col(OffsetLot.institution_id)
    )
    rows: sa.Select[Any] = wide.where(col(OffsetLot.status) != LotStatus.SPLIT)
    if kind:
        rows = rows.where(col(OffsetLot.kind) == kind)
    if status:
        rows = rows.where(col(OffsetLot.status) == status)
    if q:
        rows = rows.where(
            sa.or_(
                *_numbers(q),
                col(Institution.name_zh).contains(q, autoescape=True),
                sa.func.lower(col(Institution.name_en)).contains(q.lower(), autoescape=True),
                col(Institution.credit_code) == q.upper(),
                col(Institution.public_id) == q,
            )
        )
    return rows


def _numbers(q: str) -> list[sa.ColumnElement[bool]]:
    """Return what holds for lots with a number, by register; nothing when it is no number."""
    try:
        serials = parse_serials(q, q)
    except Invalid:
        return []
    return [
        sa.and_(
            col(OffsetLot.registry_code) == code,
            col(OffsetLot.series_key) == series_keys(code, serials).series,
            col(OffsetLot.serial_first) <= serials.first,
            col(OffsetLot.serial_last) >= serials.first,
        )
        for code in REGISTRIES
    ]


def find_lot(session: Session, public_id: str) -> LotRow:
    """Return a lot with its institution. Raises NotFound (unknown_lot)."""
    found = session.exec(
        select(OffsetLot, Institution)
        .join(Institution, col(Institution.id) == col(OffsetLot.institution_id))
        .where(col(OffsetLot.public_id) == public_id)
    ).first()
    if found is None:
        raise NotFound("unknown_lot")
    return LotRow(*found)


def trail_of(session: Session, lot: OffsetLot) -> list[AuditEntry]:
    """Return what was done to a lot, the newest first."""
    return list(
        session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.subject) == f"lot:{lot.public_id}")
            .order_by(col(AuditEntry.id).desc())
        )
    )
