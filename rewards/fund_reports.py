"""Reading the fund: what is left, what people could still ask for, and until when it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from carbonaccount.errors import NotFound
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.policy import queries as policy
from rewards.expiry import last_day
from rewards.fund import FINE, State, free_fen, state_of
from rewards.fund_forecast import WINDOW_DAYS, Forecast, forecast
from rewards.fund_models import (
    FundBudget,
    FundDay,
    FundMovement,
    FundProgramme,
    FundProposal,
    Sponsor,
)


@dataclass(frozen=True)
class Standing:
    """A programme's budget of a year: who pays, how it stands, and until when it lasts."""

    sponsor: Sponsor
    programme: FundProgramme
    budget: FundBudget
    state: State
    free_fen: int
    forecast: Forecast | None

    @property
    def free_pct(self) -> int:
        """Return what is left in whole percent, rounded down; 0 of an empty budget."""
        whole = self.budget.budget_fen
        return self.free_fen * 100 // whole if whole else 0


class DaySpent(NamedTuple):
    """What was given on a day: coupons and their value in fen."""

    day: date
    coupons: int
    committed_fen: int


class VintageLiability(NamedTuple):
    """Credits of one year of issue that are outstanding, and what they would cost the fund.

    held: what residents can spend; set_aside: in coupons not used yet; given: what beneficiaries
    hold. `yuan` values all three.
    """

    vintage: int
    held: int
    set_aside: int
    given: int
    last_day: date | None
    yuan: Decimal

    @property
    def outstanding(self) -> int:
        """Return all credits of the vintage that have not ended."""
        return self.held + self.set_aside + self.given


class Whole(NamedTuple):
    """All budgets of a year together, in fen."""

    budget: int
    committed: int
    spent: int
    free: int


def standings(session: Session, *, year: int, today: date) -> list[Standing]:
    """Return every budget of a year, by sponsor and programme."""
    rows = session.exec(
        select(Sponsor, FundProgramme, FundBudget)
        .join(FundProgramme, col(FundProgramme.sponsor_id) == col(Sponsor.id))
        .join(FundBudget, col(FundBudget.programme_id) == col(FundProgramme.id))
        .where(col(FundBudget.year) == year)
        .order_by(col(Sponsor.id), col(FundProgramme.id))
    ).all()
    spent = days_by_programme(session, today=today)
    return [
        Standing(
            sponsor,
            programme,
            budget,
            state_of(budget, programme),
            free_fen(budget),
            _forecast_of(budget, programme, spent.get(programme.id or 0, []), today),
        )
        for sponsor, programme, budget in rows
    ]


def _forecast_of(
    budget: FundBudget, programme: FundProgramme, days: Sequence[DaySpent], today: date
) -> Forecast | None:
    if budget.year != today.year:
        return None
    whole = [day.committed_fen for day in days if day.day < today]
    return forecast(whole, givable_fen(budget, programme), today)


def givable_fen(budget: FundBudget, programme: FundProgramme) -> int:
    """Return what can be given before the pause; below it the rule gives nothing more."""
    return max(0, free_fen(budget) - budget.budget_fen * programme.pause_pct // 100)


def days_by_programme(session: Session, *, today: date) -> dict[int, list[DaySpent]]:
    """Return what each programme gave a day in the last 28 days and today, oldest first.

    Days without coupons are there with zeros, from the day after the programme's first coupon;
    budgets of two years are one series, so that a new year begins with a known pace.
    """
    since = today - timedelta(days=WINDOW_DAYS)
    rows = session.execute(
        sa.select(
            col(FundBudget.programme_id),
            col(FundDay.day),
            func.sum(col(FundDay.coupons)),
            func.sum(col(FundDay.committed_fen)),
        )
        .join(FundBudget, col(FundBudget.id) == col(FundDay.budget_id))
        .where(col(FundDay.day).between(since, today))
        .group_by(col(FundBudget.programme_id), col(FundDay.day))
    ).all()
    found = {(programme, day): DaySpent(day, int(n), int(fen)) for programme, day, n, fen in rows}
    firsts = _first_days(session)
    return {
        programme: [
            found.get((programme, day), DaySpent(day, 0, 0))
            for day in _days(max(since, firsts[programme]), today)
        ]
        for programme in {programme for programme, _day in found}
    }


def _first_days(session: Session) -> dict[int, date]:
    rows = session.execute(
        sa.select(col(FundBudget.programme_id), func.min(col(FundDay.day)))
        .join(FundBudget, col(FundBudget.id) == col(FundDay.budget_id))
        .group_by(col(FundBudget.programme_id))
    )
    return {programme: first for programme, first in rows}  # noqa: C416 - rows are no pairs


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def whole(found: Sequence[Standing]) -> Whole:
    """Return budgets together."""
    return Whole(
        sum(item.budget.budget_fen for item in found),
        sum(item.budget.committed_fen for item in found),
        sum(item.budget.spent_fen for item in found),
        sum(item.free_fen for item in found),
    )


def worst_state(found: Sequence[Standing]) -> State:
    """Return the worst state of budgets; fine when there are none."""
    order = ("fine", "warned", "slowed", "paused")
    return max((item.state for item in found), key=order.index, default=FINE)


def liability(session: Session, *, today: date) -> list[VintageLiability]:
    """Return what is outstanding by vintage from the books, at what a credit is worth today.

    Without a policy a credit is worth nothing to the budget.
    """
    in_force, policies = policy.policy_on(session, today), policy.policies(session)
    found = []
    for vintage, held, set_aside, given in session.execute(_outstanding()):
        amounts = (int(held), int(set_aside), int(given))
        yuan = policy.cost_yuan(in_force, sum(amounts)) if in_force else Decimal(0)
        found.append(VintageLiability(vintage, *amounts, last_day(vintage, policies, today), yuan))
    return found


def _outstanding() -> Any:
    kinds = (LedgerKind.RESIDENT, LedgerKind.HOLD, LedgerKind.INSTITUTION)
    sums: list[Any] = [
        func.sum(sa.case((col(LedgerAccount.kind) == kind, col(LedgerAccount.balance)), else_=0))
        for kind in kinds
    ]
    return (
        sa.select(col(LedgerAccount.vintage), *sums)
        .where(
            col(LedgerAccount.unit) == Unit.CREDIT,
            col(LedgerAccount.kind).in_(kinds),
            col(LedgerAccount.balance) > 0,
        )
        .group_by(col(LedgerAccount.vintage))
        .order_by(col(LedgerAccount.vintage))
    )


def movements_of_programme(
    session: Session, *, programme_id: int
) -> list[tuple[int, FundMovement]]:
    """Return every change of a programme's budgets with its year, the latest first."""
    statement = (
        select(col(FundBudget.year), FundMovement)
        .join(FundMovement, col(FundMovement.budget_id) == col(FundBudget.id))
        .where(col(FundBudget.programme_id) == programme_id)
        .order_by(col(FundMovement.id).desc())
    )
    return [(year, movement) for year, movement in session.exec(statement)]


def budgets_of(session: Session, *, programme_id: int, today: date) -> list[Standing]:
    """Return a programme's budgets of every year, the latest first."""
    found = []
    for year in years(session):
        standing = standings(session, year=year, today=today)
        found += [item for item in standing if item.programme.id == programme_id]
    return found


def proposals_of(session: Session, *, programme_id: int) -> list[tuple[int, FundProposal]]:
    """Return the proposals about a programme's budgets with their year, the latest first."""
    statement = (
        select(col(FundBudget.year), FundProposal)
        .join(FundProposal, col(FundProposal.budget_id) == col(FundBudget.id))
        .where(col(FundBudget.programme_id) == programme_id)
        .order_by(col(FundProposal.id).desc())
    )
    return [(year, proposal) for year, proposal in session.exec(statement)]


def programme_of_proposal(session: Session, *, proposal_id: int) -> int:
    """Return the programme a proposal is about. Raises NotFound (unknown_proposal)."""
    found = session.exec(
        select(col(FundBudget.programme_id))
        .join(FundProposal, col(FundProposal.budget_id) == col(FundBudget.id))
        .where(col(FundProposal.id) == proposal_id)
    ).first()
    if found is None:
        raise NotFound("unknown_proposal")
    return found


def programme_of_budget(session: Session) -> dict[int, tuple[FundProgramme, int]]:
    """Return each budget's programme and year, by the budget's id."""
    statement = select(FundBudget, FundProgramme).join(
        FundProgramme, col(FundProgramme.id) == col(FundBudget.programme_id)
    )
    return {row.id or 0: (programme, row.year) for row, programme in session.exec(statement)}


def open_proposals(session: Session) -> list[FundProposal]:
    """Return the proposals that wait for a second person, the oldest first."""
    statement = select(FundProposal).where(col(FundProposal.status) == "open")
    return list(session.exec(statement.order_by(col(FundProposal.id))))


def years(session: Session) -> list[int]:
    """Return the years for which there is a budget, the latest first."""
    return sorted(set(session.exec(select(col(FundBudget.year)))), reverse=True)
