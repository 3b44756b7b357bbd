"""Reading the city's decisions: what holds on a day."""

from datetime import date
from decimal import Decimal

from sqlmodel import Session, col, select

from carbonaccount.policy.calendar import WorkCalendar
from carbonaccount.policy.models import CreditPolicy, Holiday

MICRO = 1_000_000
FEN_PER_YUAN = 100


def policy_on(session: Session, day: date) -> CreditPolicy | None:
    """Return the credit policy that holds on a day, None before the first."""
    return session.exec(
        select(CreditPolicy)
        .where(col(CreditPolicy.valid_from) <= day)
        .order_by(col(CreditPolicy.valid_from).desc())
        .limit(1)
    ).first()


def policies(session: Session) -> list[CreditPolicy]:
    """Return all credit policies, the latest first."""
    return list(
        session.exec(select(CreditPolicy).order_by(col(CreditPolicy.valid_from).desc())).all()
    )


def cost_yuan(policy: CreditPolicy, amount_credits: int) -> Decimal:
    """Return what credits cost the budget, exact to a millionth of a yuan."""
    return Decimal(amount_credits) * policy.value_micro_yuan / MICRO


def budget_yuan(policy: CreditPolicy) -> Decimal:
    """Return what the rewards of one calendar year may cost."""
    return Decimal(policy.yearly_budget_fen) / FEN_PER_YUAN


def work_calendar(session: Session) -> WorkCalendar:
    """Return the working days as far as they have been published."""
    rows = session.exec(select(Holiday)).all()
    return WorkCalendar({row.day: row.is_workday for row in rows})


def holidays_of(session: Session, year: int) -> list[Holiday]:
    """Return a year's days that are not what their weekday says, in order."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    return list(
        session.exec(
            select(Holiday).where(col(Holiday.day).between(first, last)).order_by(col(Holiday.day))
        ).all()
    )
