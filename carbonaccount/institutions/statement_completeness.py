"""Whether the year of a statement is whole, and how its institution explains what is not.

A statement is sent in only when electricity is there for all twelve months, or the whole year, of
each factor and place, heat for the months in which it is taken, or when the owner has explained
each gap. Which gaps an account has is worked out each time; an explanation answers one gap as it
stands, so that a correction of the inventory which changes the gap asks anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.footprint import Block
from carbonaccount.institutions.inventory_completeness import MONTHS_IN_YEAR, WHOLE_YEAR
from carbonaccount.institutions.inventory_results import AccountLine, YearAccount
from carbonaccount.institutions.neutrality_models import (
    NeutralityStatement,
    StatementGap,
    StatementStatus,
)
from carbonaccount.institutions.statement_rows import account_of, locked, noted
from carbonaccount.institutions.trail import read_reason

NO_POWER, NO_EMISSION, MONTHS = "no_power", "no_emission", "months"
# Shandong heats by law from 15 November to 15 March; who heats longer fills in more months.
HEATING_MONTHS = frozenset({1, 2, 3, 11, 12})
_ALL_MONTHS = frozenset(range(1, MONTHS_IN_YEAR + 1))


@dataclass(frozen=True)
class Gap:
    """What is missing in a year: electricity, any emission, or months of a factor at a place."""

    code: str
    factor: str = ""
    place: str = ""
    months: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Return what an explanation is kept by; another set of months is another gap."""
        return "|".join((self.code, self.factor, ",".join(map(str, self.months)), self.place))


@dataclass(frozen=True)
class Explained:
    """Why a gap is none: the owner's words, and the city's day of them."""

    reason: str
    on: str


def gaps_of(account: YearAccount) -> list[Gap]:
    """Return what is missing in a year, electricity first.

    A month whose amounts are all 0 is missing too: nothing was used there, or nothing filled in.
    """
    months: dict[tuple[Block, str, str], set[int]] = {}
    for line in account.lines:
        if line.block in (Block.POWER, Block.HEAT):
            found = months.setdefault((line.block, line.factor_code, line.place), set())
            if line.amount > 0:
                found.add(line.month)
    gaps = []
    if not any(block is Block.POWER and found for (block, _, _), found in months.items()):
        # One explanation for the whole year says more than one for each factor without amounts.
        months = {key: found for key, found in months.items() if key[0] is Block.HEAT}
        gaps.append(Gap(NO_POWER))
    if not account.total_kg:
        # All of it green power, or more deducted than purchased.
        gaps.append(Gap(NO_EMISSION))
    for (block, factor, place), found in sorted(months.items(), key=_power_first):
        wanted = _ALL_MONTHS if block is Block.POWER else HEATING_MONTHS
        missing = sorted(wanted - found)
        if missing and WHOLE_YEAR not in found:
            gaps.append(Gap(MONTHS, factor, place, tuple(missing)))
    return gaps


def _power_first(item: tuple[tuple[Block, str, str], set[int]]) -> tuple[bool, str, str]:
    (block, factor, place), _months = item
    return block is not Block.POWER, factor, place


def counts_something(lines: Sequence[AccountLine]) -> bool:
    """Return whether any fuel, electricity or heat was used at all."""
    return any(line.block is not Block.OPTIONAL and line.amount > 0 for line in lines)


def explained_of(session: Session, statement: NeutralityStatement) -> dict[str, Explained]:
    """Return what was explained for a statement, by the gap's key."""
    rows = session.exec(
        select(StatementGap).where(col(StatementGap.statement_id) == statement.stored_id)
    )
    return {
        row.gap: Explained(row.reason, business_day(row.explained_at).isoformat()) for row in rows
    }


def content_of(account: YearAccount, explained: Mapping[str, Explained]) -> dict[str, Any]:
    """Return what a statement says of its completeness; `reason` is "" of an open gap."""
    return {"gaps": [_gap(gap, explained.get(gap.key)) for gap in gaps_of(account)]}


def _gap(gap: Gap, why: Explained | None) -> dict[str, Any]:
    return {
        "key": gap.key,
        "code": gap.code,
        "factor": gap.factor,
        "place": gap.place,
        "months": list(gap.months),
        "reason": why.reason if why else "",
        "explained_on": why.on if why else "",
    }


def check_counted(account: YearAccount) -> None:
    """Raise Conflict (inventory_nothing_counted) when there is nothing that could be neutral."""
    if not counts_something(account.lines):
        raise Conflict("inventory_nothing_counted", field="year")


def check_whole(session: Session, statement: NeutralityStatement, account: YearAccount) -> None:
    """Raise Conflict unless a year is whole or each gap is explained.

    inventory_nothing_counted, statement_gaps_open with the `count` of gaps without explanation.
    """
    check_counted(account)
    known = explained_of(session, statement)
    left = [gap for gap in gaps_of(account) if gap.key not in known]
    if left:
        raise Conflict("statement_gaps_open", field="gaps", count=len(left))


def explain(
    session: Session,
    *,
    statement: NeutralityStatement,
    key: str,
    reason: str,
    is_sworn: bool,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Explain a gap of a draft, or explain it anew; the words are sealed and published.

    is_sworn: that the person declares it to be true. Raises Conflict (statement_not_in_state),
    NotFound (unknown_gap), Invalid (gap_not_sworn, reason_length).
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    if key not in {gap.key for gap in gaps_of(account_of(session, row))}:
        raise NotFound("unknown_gap")
    if not is_sworn:
        raise Invalid("gap_not_sworn", field="is_sworn")
    known = session.get(StatementGap, (row.stored_id, key))
    found = known or StatementGap(
        statement_id=row.stored_id, gap=key, reason="", explained_by=account_id, explained_at=now
    )
    found.reason, found.explained_by, found.explained_at = read_reason(reason), account_id, now
    session.add(found)
    session.flush()
    noted(session, "gap", row, None, acting_user, now, found.reason, gap=key)
