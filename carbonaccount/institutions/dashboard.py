"""An institution's first page: how far from neutral, and what moved this month.

The number of queries is fixed, and each reads this institution's own rows of few tables: nothing
here grows with the city's history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.clock import day_start
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.inventory_completeness import Unfinished, unfinished_around
from carbonaccount.institutions.inventory_models import Inventory, InventoryChange, InventoryLine
from carbonaccount.institutions.inventory_results import YearAccount, latest_account
from carbonaccount.institutions.models import (
    Institution,
    InstitutionMember,
    InstitutionStatus,
)
from carbonaccount.institutions.neutrality import Balance
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_models import LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.statement_content import balance_of
from carbonaccount.institutions.statement_corrections import Correction, corrections


class Stated(NamedTuple):
    """A statement of a year that stands."""

    year: int
    status: str
    is_neutral: bool
    public_id: str
    row_id: int


@dataclass(frozen=True)
class Distance:
    """How far the latest year with an inventory is from neutral.

    The balance counts lots that were retired for the year, and certificates for its electricity.
    `statement` is the status of the year's statement, "" without one; `published` the latest that
    everybody can read, of whatever year; `correction` what became of it when it says neutral and
    its inventory was corrected since; `unfinished` which of it and the years beside it are not
    whole.
    """

    account: YearAccount
    balance: Balance
    statement: str
    published: Stated | None
    correction: Correction | None = None
    unfinished: Mapping[int, Unfinished] = field(default_factory=dict)

    @property
    def made_good_g(self) -> int:
        """Return what certificates and lots make good of the emissions, at most all."""
        return self.balance.emissions_g - self.balance.remaining_g

    @property
    def percent(self) -> int:
        """Return the share that is made good, rounded down; 100 without emissions."""
        emissions = self.balance.emissions_g
        return self.made_good_g * 100 // emissions if emissions > 0 else 100


@dataclass(frozen=True)
class Moved:
    """What moved since the first of a month: counts, and grams of lots that were retired."""

    inventory_lines: int
    lots_added: int
    lots_retired: int
    retired_g: int
    events: int
    members_joined: int
    members_left: int

    @property
    def nothing(self) -> bool:
        """Return whether there is nothing to tell."""
        return not any(vars(self).values())


@dataclass(frozen=True)
class Counts:
    """What moved this month, and how many members and units there are now."""

    moved: Moved
    members: int
    units: int


def distance(session: Session, *, institution_id: int, today: date) -> Distance | None:
    """Return how far the latest year is from neutral, None before the first inventory."""
    account = latest_account(session, institution_id=institution_id)
    if account is None:
        return None
    unfinished = unfinished_around(session, account, institution_id=institution_id, today=today)
    of_year = (
        col(NeutralityStatement.institution_id) == institution_id,
        col(NeutralityStatement.year) == account.year,
    )
    lots = session.exec(
        select(OffsetLot).where(
            col(OffsetLot.institution_id) == institution_id,
            col(OffsetLot.purpose).in_((Purpose.STATEMENT_YEAR, Purpose.POWER_LINE)),
            col(OffsetLot.purpose_id).in_(sa.select(col(NeutralityStatement.id)).where(*of_year)),
        )
    ).all()
    standing = _statements(session, institution_id)
    published = next((row for row in standing if row.status == StatementStatus.PUBLISHED), None)
    said = [published.row_id] if published is not None and published.is_neutral else []
    found = corrections(session, statement_ids=said) if said else {}
    return Distance(
        account,
        balance_of(account, lots),
        statement=next((row.status for row in standing if row.year == account.year), ""),
        published=published,
        correction=next(iter(found.values()), None),
        unfinished=unfinished,
    )


def _statements(session: Session, institution_id: int) -> Sequence[Stated]:
    """Return the statements that stand, the latest year first."""
    rows = session.execute(
        sa.select(
            col(NeutralityStatement.year),
            col(NeutralityStatement.status),
            col(NeutralityStatement.is_neutral),
            col(NeutralityStatement.public_id),
            col(NeutralityStatement.id),
        )
        .where(
            col(NeutralityStatement.institution_id) == institution_id,
            col(NeutralityStatement.status) != StatementStatus.WITHDRAWN,
        )
        .order_by(col(NeutralityStatement.year).desc())
    )
    return [Stated(*row) for row in rows]


def counts(session: Session, *, institution_id: int, month: date) -> Counts:
    """Return what moved since the first day of a month of the city, and what is; one query."""
    since: datetime = day_start(month)
    lots = col(OffsetLot.institution_id) == institution_id
    members = col(InstitutionMember.institution_id) == institution_id
    retired = sa.and_(lots, col(OffsetLot.retired_at) >= since)
    wanted: list[sa.ScalarSelect[Any]] = [
        _lines_changed(institution_id, since),
        # The parts of a lot that was split did not come in anew, and what was withdrawn went out.
        _count(
            OffsetLot,
            lots,
            col(OffsetLot.added_at) >= since,
            col(OffsetLot.parent_id).is_(None),
            col(OffsetLot.status) != LotStatus.WITHDRAWN,
        ),
        _count(OffsetLot, retired),
        sa.select(sa.func.coalesce(sa.func.sum(col(OffsetLot.amount_g)), 0))
        .where(retired)
        .scalar_subquery(),
        _count(Event, col(Event.institution_id) == institution_id, col(Event.created_at) >= since),
        _count(InstitutionMember, members, col(InstitutionMember.first_day) >= month),
        # Whoever leaves is counted until the day before.
        _count(
            InstitutionMember, members, col(InstitutionMember.last_day) >= month - timedelta(days=1)
        ),
        _count(InstitutionMember, members, col(InstitutionMember.last_day).is_(None)),
        _count(
            Institution,
            col(Institution.parent_id) == institution_id,
            col(Institution.status) == InstitutionStatus.ACTIVE,
        ),
    ]
    *moved, standing, units = (int(number) for number in session.execute(sa.select(*wanted)).one())
    return Counts(Moved(*moved), standing, units)


def _lines_changed(institution_id: int, since: datetime) -> sa.ScalarSelect[int]:
    """Count lines in force that people wrote; one that stands in two versions counts once.

    What a correction copied, and what the city's import brought, nobody here has written.
    """
    line = sa.func.coalesce(col(InventoryLine.origin_id), col(InventoryLine.id))
    return (
        sa.select(sa.func.count(sa.distinct(line)))
        .select_from(InventoryChange)
        .join(InventoryLine, col(InventoryLine.id) == col(InventoryChange.line_id))
        .join(Inventory, col(Inventory.id) == col(InventoryChange.inventory_id))
        .where(
            col(Inventory.institution_id) == institution_id,
            col(InventoryChange.changed_at) >= since,
            col(InventoryChange.changed_by).is_not(None),
            ~col(InventoryChange.undone),
            ~col(InventoryLine.removed),
        )
        .scalar_subquery()
    )


def _count(table: Any, *conditions: Any) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*conditions).scalar_subquery()
