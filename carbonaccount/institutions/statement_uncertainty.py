"""What an institution states about uncertainty, factor by factor, while the statement is a draft.

Nothing counts that the institution did not state. What it may take over is shown with where it
comes from: its own earlier statement, or a published value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.institutions import uncertainty
from carbonaccount.institutions.footprint import Block, block_of
from carbonaccount.institutions.inventory_results import YearAccount
from carbonaccount.institutions.neutrality import Balance, grams_of
from carbonaccount.institutions.neutrality_models import (
    NeutralityStatement,
    StatementStatus,
    StatementUncertainty,
)
from carbonaccount.institutions.statement_rows import account_of, locked, noted
from carbonaccount.institutions.uncertainty import Combined, Interval, Part

LEAST, MOST, LONGEST_BASIS = 1, uncertainty.WHOLE, 200
BEFORE = "before"


@dataclass(frozen=True)
class Stated:
    """Two half widths of 95 % intervals in hundredths of a percent, None if unknown, and why."""

    activity: int | None = None
    activity_basis: str = ""
    factor: int | None = None
    factor_basis: str = ""


@dataclass(frozen=True)
class Suggestion:
    """What may be taken over: what it states, where it is from; `year` of an earlier statement."""

    key: str
    stated: Stated
    source: str = ""
    year: int | None = None


# For fuels only what a reader can look up. No published uncertainty of the grid's factors, of
# purchased heat or of the factors of JS/T 303-2026 is known to us: there is nothing to suggest.
_FUEL = (
    Suggestion(
        "ipcc_fuel",
        Stated(activity=500, activity_basis="IPCC 2006, Vol. 2, Ch. 1: ±5 %"),
        "2006 IPCC Guidelines, Volume 2 (Energy), Chapter 1, activity data uncertainties: "
        "±5 % for fossil fuel combustion data when no further data are available",
    ),
)
_POWER = tuple(
    Suggestion(
        f"meter_{grade}",
        Stated(activity=grade * 100, activity_basis=f"GB/T 17215.321, {grade} 级 / class {grade}"),
        f"GB/T 17215.321-2008 (IEC 62053-21), class {grade}: "
        f"limit of error ±{grade} % under reference conditions",
    )
    for grade in (1, 2)
)
_PUBLISHED: Mapping[Block, tuple[Suggestion, ...]] = {Block.DIRECT: _FUEL, Block.POWER: _POWER}


def stated_of(session: Session, statement: NeutralityStatement) -> dict[str, Stated]:
    """Return what is stated for a statement, by factor code."""
    return {row.factor_code: _read(row) for row in _rows(session, statement)}


def _rows(session: Session, statement: NeutralityStatement) -> Iterable[StatementUncertainty]:
    return session.exec(
        select(StatementUncertainty)
        .where(col(StatementUncertainty.statement_id) == statement.stored_id)
        .order_by(col(StatementUncertainty.factor_code))
    ).all()


def _read(row: StatementUncertainty) -> Stated:
    return Stated(
        row.activity_permyriad, row.activity_basis, row.factor_permyriad, row.factor_basis
    )


def codes_of(account: YearAccount) -> list[str]:
    """Return the factors whose lines emit something within the total."""
    return sorted(_emissions(account))


def _emissions(account: YearAccount) -> dict[str, int]:
    grams: dict[str, int] = {}
    for line in account.lines:
        if line.block is not Block.OPTIONAL and line.emission_kg > 0:
            grams[line.factor_code] = grams.get(line.factor_code, 0) + grams_of(line.emission_kg)
    return grams


def combine(account: YearAccount, balance: Balance, stated: Mapping[str, Stated]) -> Combined:
    """Return the uncertainty of a year's emissions, and of those left after certificates."""
    reduced: dict[str, int] = {}
    for item in balance.covered:
        reduced[item.factor_code] = reduced.get(item.factor_code, 0) + item.grams
    parts = []
    for code, grams in sorted(_emissions(account).items()):
        given = stated.get(code, Stated())
        parts.append(Part(code, grams, reduced.get(code, 0), given.activity, given.factor))
    return uncertainty.combined(parts)


def content_of(found: Combined, stated: Mapping[str, Stated]) -> dict[str, Any]:
    """Return what a statement says of its uncertainty: percentages as exact decimal texts."""
    return {
        "method": uncertainty.METHOD,
        "confidence_percent": uncertainty.CONFIDENCE_PERCENT,
        "coverage": found.coverage.value,
        "covered_g": found.covered_g,
        "covered_permille": found.covered_permille,
        "parts": [_part(part, stated.get(part.factor_code, Stated())) for part in found.parts],
        "emissions": _interval(found.emissions),
        "to_offset": _interval(found.to_offset),
    }


def _part(part: Part, stated: Stated) -> dict[str, Any]:
    return {
        "factor": part.factor_code,
        "emission_g": part.emission_g,
        "reduced_g": part.reduced_g,
        "activity_percent": percent_text(stated.activity),
        "activity_basis": stated.activity_basis,
        "factor_percent": percent_text(stated.factor),
        "factor_basis": stated.factor_basis,
    }


def _interval(found: Interval | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "amount_g": found.amount_g,
        "half_g": found.half_g,
        "lower_g": found.lower_g,
        "upper_g": found.upper_g,
        "permille": found.permille,
    }


def percent_text(permyriad: int | None) -> str:
    """Return hundredths of a percent as a decimal with two places, "" for what is not stated."""
    return "" if permyriad is None else f"{permyriad // 100}.{permyriad % 100:02d}"


def suggestions(
    session: Session, *, statement: NeutralityStatement, factor_code: str
) -> list[Suggestion]:
    """Return what may be taken over for a factor: the last earlier statement's first."""
    before = _before(session, statement, factor_code)
    published = _PUBLISHED.get(block_of(factor_code), ())
    return [*([before] if before else []), *published]


def _before(
    session: Session, statement: NeutralityStatement, factor_code: str
) -> Suggestion | None:
    found = session.exec(
        select(StatementUncertainty, col(NeutralityStatement.year))
        .join(
            NeutralityStatement,
            col(NeutralityStatement.id) == col(StatementUncertainty.statement_id),
        )
        .where(
            col(NeutralityStatement.institution_id) == statement.institution_id,
            col(NeutralityStatement.year) <= statement.year,
            col(NeutralityStatement.id) != statement.stored_id,
            col(StatementUncertainty.factor_code) == factor_code,
        )
        .order_by(col(NeutralityStatement.year).desc(), col(NeutralityStatement.revision).desc())
        .limit(1)
    ).first()
    if found is None:
        return None
    row, year = found
    return Suggestion(BEFORE, _read(row), year=year)


def state(
    session: Session,
    *,
    statement: NeutralityStatement,
    factor_code: str,
    stated: Stated,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """State the uncertainty of a factor of a draft, or state it anew.

    Raises NotFound (unknown_factor_here), Conflict (statement_not_in_state), Invalid
    (uncertainty_nothing, uncertainty_percent, uncertainty_basis, uncertainty_no_percent,
    plan_text).
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    _check_factor(session, row, factor_code)
    _write(session, row, factor_code, _checked(stated), account_id, now)
    noted(session, "uncertainty", row, None, acting_user, now, factor=factor_code)


def accept(
    session: Session,
    *,
    statement: NeutralityStatement,
    factor_code: str,
    key: str,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take a suggestion over; what it does not speak of stays as it was stated.

    Raises NotFound (unknown_factor_here, unknown_suggestion), Conflict (statement_not_in_state).
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    _check_factor(session, row, factor_code)
    offered = {
        item.key: item.stated
        for item in suggestions(session, statement=row, factor_code=factor_code)
    }
    if key not in offered:
        raise NotFound("unknown_suggestion")
    known = stated_of(session, row).get(factor_code, Stated())
    _write(session, row, factor_code, _merged(known, offered[key]), account_id, now)
    noted(session, "uncertainty", row, None, acting_user, now, factor=factor_code, taken=key)


def _merged(known: Stated, offered: Stated) -> Stated:
    found = known
    if offered.activity is not None:
        found = replace(found, activity=offered.activity, activity_basis=offered.activity_basis)
    if offered.factor is not None:
        found = replace(found, factor=offered.factor, factor_basis=offered.factor_basis)
    return found


def remove(
    session: Session,
    *,
    statement: NeutralityStatement,
    factor_code: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take back what was stated for a factor of a draft: it is not stated again.

    Raises NotFound (unknown_factor_here), Conflict (statement_not_in_state).
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    found = session.get(StatementUncertainty, (row.stored_id, factor_code))
    if found is None:
        raise NotFound("unknown_factor_here")
    session.delete(found)
    session.flush()
    noted(session, "uncertainty_removed", row, None, acting_user, now, factor=factor_code)


def _check_factor(session: Session, row: NeutralityStatement, factor_code: str) -> None:
    if factor_code not in codes_of(account_of(session, row)):
        raise NotFound("unknown_factor_here")


def _checked(stated: Stated) -> Stated:
    """Return what was stated without blanks at its ends; both halves have their own basis."""
    if stated.activity is None and stated.factor is None:
        raise Invalid("uncertainty_nothing", field="activity")
    activity_basis = _basis("activity", stated.activity, stated.activity_basis)
    factor_basis = _basis("factor", stated.factor, stated.factor_basis)
    return replace(stated, activity_basis=activity_basis, factor_basis=factor_basis)


def _basis(name: str, permyriad: int | None, text: str) -> str:
    basis = text.strip()
    if permyriad is None:
        if basis:
            raise Invalid("uncertainty_no_percent", field=name)
        return ""
    if not LEAST <= permyriad <= MOST:
        raise Invalid("uncertainty_percent", field=name)
    if not basis:
        raise Invalid("uncertainty_basis", field=f"{name}_basis")
    if len(basis) > LONGEST_BASIS:
        raise Invalid("plan_text", field=f"{name}_basis", limit=LONGEST_BASIS)
    return basis


def _write(
    session: Session,
    statement: NeutralityStatement,
    factor_code: str,
    stated: Stated,
    account_id: int,
    now: datetime,
) -> None:
    row = session.get(StatementUncertainty, (statement.stored_id, factor_code))
    if row is None:
        row = StatementUncertainty(
            statement_id=statement.stored_id,
            factor_code=factor_code,
            stated_by=account_id,
            stated_at=now,
        )
    row.activity_permyriad, row.activity_basis = stated.activity, stated.activity_basis
    row.factor_permyriad, row.factor_basis = stated.factor, stated.factor_basis
    row.stated_by, row.stated_at = account_id, now
    session.add(row)
    session.flush()
