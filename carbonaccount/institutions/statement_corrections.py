"""Statements whose inventory was corrected afterwards: do their retired lots still suffice?

A published statement never changes. What it comes to by the newest locked inventory is worked out
here, for many statements at once with a fixed number of queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.institutions import neutrality
from carbonaccount.institutions.inventory_models import Inventory, InventoryStatus
from carbonaccount.institutions.inventory_results import account_of, lines_of
from carbonaccount.institutions.neutrality import Balance
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_models import OffsetLot, Purpose

_FOR_A_YEAR = (Purpose.STATEMENT_YEAR.value, Purpose.POWER_LINE.value)
Year = tuple[int, int]  # an institution's row and a year


@dataclass(frozen=True)
class Correction:
    """The newest locked version of a statement's year, and the balance with what was retired."""

    version: int
    balance: Balance

    @property
    def is_enough(self) -> bool:
        """Return whether the retired lots still make the year neutral."""
        return self.balance.is_neutral

    @property
    def short_g(self) -> int:
        """Return the grams that nothing makes good any more."""
        return self.balance.remaining_g


def corrections(
    session: Session,
    *,
    institution_id: int | None = None,
    statement_ids: Sequence[int] | None = None,
) -> dict[int, Correction]:
    """Return the corrections of published neutral statements by their id; others are left out.

    Of one institution, of some statements, or of the whole city; three queries, one when nothing
    was corrected.
    """
    newest = _corrected(session, institution_id, statement_ids)
    if not newest:
        return {}
    years = {(row.institution_id, row.year) for row in newest.values()}
    retired = _retired(session, years)
    lines = lines_of(session, inventory_ids=sorted(row.stored_id for row in newest.values()))
    found = {}
    for statement_id, row in newest.items():
        account = account_of(row, lines.get(row.stored_id, ()))
        kwh, grams = retired.get((row.institution_id, row.year), (0, 0))
        balance = neutrality.balance(account, certificates_kwh=kwh, offsets_g=grams)
        found[statement_id] = Correction(row.version, balance)
    return found


def _corrected(
    session: Session, institution_id: int | None, statement_ids: Sequence[int] | None
) -> dict[int, Inventory]:
    """Return the newest locked inventory of each statement that stands on an older one."""
    wanted = (
        select(col(NeutralityStatement.id), Inventory)
        .join(
            Inventory,
            sa.and_(
                col(Inventory.institution_id) == col(NeutralityStatement.institution_id),
                col(Inventory.year) == col(NeutralityStatement.year),
                col(Inventory.version) > col(NeutralityStatement.inventory_version),
            ),
        )
        .where(
            col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
            col(NeutralityStatement.is_neutral),
            col(Inventory.status) == InventoryStatus.LOCKED,
        )
        .order_by(col(Inventory.version))
    )
    if institution_id is not None:
        wanted = wanted.where(col(NeutralityStatement.institution_id) == institution_id)
    if statement_ids is not None:
        wanted = wanted.where(col(NeutralityStatement.id).in_(statement_ids))
    return {statement_id: row for statement_id, row in session.exec(wanted) if statement_id}


def _retired(session: Session, years: set[Year]) -> Mapping[Year, tuple[int, int]]:
    """Return the kilowatt-hours and grams that were retired for years, withdrawn ones included."""
    key = (col(NeutralityStatement.institution_id), col(NeutralityStatement.year))
    rows = session.execute(
        sa.select(
            *key,
            sa.func.coalesce(sa.func.sum(col(OffsetLot.amount_kwh)), 0),
            sa.func.coalesce(sa.func.sum(col(OffsetLot.amount_g)), 0),
        )
        .join_from(
            OffsetLot,
            NeutralityStatement,
            col(NeutralityStatement.id) == col(OffsetLot.purpose_id),
        )
        .where(
            col(OffsetLot.purpose).in_(_FOR_A_YEAR),
            col(NeutralityStatement.institution_id).in_({place for place, _year in years}),
        )
        .group_by(*key)
    )
    return {(place, year): (int(kwh), int(grams)) for place, year, kwh, grams in rows}
