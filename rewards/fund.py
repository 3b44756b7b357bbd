"""The guards of the reward fund: what a coupon may cost, and when giving slows and stops.

Each function is a statement or two of the transaction that moves a coupon; the budget's row is
the last that is locked. A refusal leaves what was done before it in the transaction: whoever
calls gives the transaction, or its savepoint, up.
"""

from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from carbonaccount import audit
from carbonaccount.bulk import Direct
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict
from rewards.fund_models import FundBudget, FundProgramme
from rewards.models import Coupon, Reward, RewardStatus

State = Literal["fine", "warned", "slowed", "paused"]
FINE: Final[State] = "fine"
WARNED: Final[State] = "warned"
SLOWED: Final[State] = "slowed"
PAUSED: Final[State] = "paused"
# From good to bad.
STATES: Final[tuple[State, ...]] = (FINE, WARNED, SLOWED, PAUSED)

# Rewards whose stock the fund answers for: residents take them, or may again.
PROMISED = (RewardStatus.PUBLISHED, RewardStatus.PAUSED)


class Rule(NamedTuple):
    """A programme's rule, as `FundProgramme` holds it."""

    warn_pct: int
    slow_pct: int
    pause_pct: int
    slow_coupons_per_day: int


def free_fen(budget: FundBudget) -> int:
    """Return what a budget still has for new coupons, in fen."""
    return budget.budget_fen - budget.committed_fen - budget.spent_fen


def state_of(budget: FundBudget, programme: FundProgramme | Rule) -> State:
    """Return where a budget stands under its programme's rule."""
    return state_at(free_fen(budget), budget.budget_fen, programme)


def state_at(free: int, whole: int, programme: FundProgramme | Rule) -> State:
    """Return the state of `free` fen of `whole`: each threshold holds at and below its percent."""
    for state, percent in (
        (PAUSED, programme.pause_pct),
        (SLOWED, programme.slow_pct),
        (WARNED, programme.warn_pct),
    ):
        if free * 100 <= percent * whole:
            return state
    return FINE


def refusal_of(
    budget: FundBudget | None, programme: FundProgramme | Rule, *, value_fen: int, coupons: int
) -> str:
    """Return the code with which the fund refuses one more coupon, "" when it does not.

    coupons: how many the budget gave today. The codes are those of `commit_value`.
    """
    if budget is None:
        return "fund_empty"
    state = state_of(budget, programme)
    if state == PAUSED:
        return "fund_paused"
    if value_fen > free_fen(budget):
        return "fund_empty"
    is_over = state == SLOWED and coupons >= programme.slow_coupons_per_day
    return "fund_slowed" if is_over else ""


def worse(state: State, than: str) -> bool:
    """Return whether a state is further down than another, by its name."""
    return STATES.index(state) > _place(than)


def _place(name: str) -> int:
    return next((place for place, state in enumerate(STATES) if state == name), 0)


def budget_of(
    session: Session, *, programme_id: int, year: int, lock: bool = False
) -> FundBudget | None:
    """Return a programme's budget of a year, as it stands now; locked it stays as it stands."""
    statement = (
        select(FundBudget)
        .where(col(FundBudget.programme_id) == programme_id, col(FundBudget.year) == year)
        .execution_options(populate_existing=True)
    )
    return session.exec(statement.with_for_update() if lock else statement).first()


def commit_value(
    session: Session, *, reward: Reward, value_fen: int, day: date, now: datetime
) -> int:
    """Set the value of one coupon aside and count the coupon; returns the budget's id.

    The budget is that of the reward's programme in the year of `day`. What the coupon's day has
    seen, and whether the budget is slowed or paused, is asked in the statements that write, so
    that any number of people at once get what the rule gives and no more. Operators are told
    when this coupon brings the budget into a worse state. Raises Conflict: fund_empty (no budget,
    or less free than the coupon is worth), fund_paused, fund_slowed. Does not commit.
    """
    direct = Direct(session)
    row = direct.row(_RULE, reward.programme_id, day.year)
    if row is None:
        raise Conflict("fund_empty")
    budget_id, rule = int(row[0]), Rule(*row[1:])
    coupons = _count_coupon(direct, budget_id, day, value_fen)
    left = _commit(direct, budget_id, rule, value_fen, coupons)
    if left is None:
        raise Conflict(_why_refused(session, budget_id, rule, value_fen))
    _tell_if_worse(session, budget_id, rule, left, now)
    return budget_id


_RULE = (
    "SELECT b.id, p.warn_pct, p.slow_pct, p.pause_pct, p.slow_coupons_per_day "
    "FROM fund_budget b JOIN fund_programme p ON p.id = b.programme_id "
    "WHERE b.programme_id = ? AND b.year = ?"
)
_COUNT = (
    "INSERT INTO fund_day (budget_id, day, coupons, committed_fen) VALUES (?, ?, 1, ?) "
    "ON CONFLICT (budget_id, day) DO UPDATE SET coupons = fund_day.coupons + 1, "
    "committed_fen = fund_day.committed_fen + excluded.committed_fen RETURNING coupons"
)
# The share that is free decides: of the whole budget, before this coupon.
_COMMIT = (
    "UPDATE fund_budget SET committed_fen = committed_fen + ? WHERE id = ? "
    "AND budget_fen - committed_fen - spent_fen >= ? "
    "AND (budget_fen - committed_fen - spent_fen) * 100 > ? * budget_fen "
    "AND ((budget_fen - committed_fen - spent_fen) * 100 > ? * budget_fen OR ? <= ?) "
    "RETURNING budget_fen - committed_fen - spent_fen, budget_fen, told_state"
)


def _count_coupon(direct: Direct, budget_id: int, day: date, value_fen: int) -> int:
    """Count a coupon of a day and return how many there are with it.

    The row stays locked to the end of the transaction, so that the number is nobody else's.
    """
    counted = direct.row(_COUNT, budget_id, day, value_fen)
    assert counted is not None, "it is counted in any case"
    return int(counted[0])


class _Left(NamedTuple):
    """What a budget is after the coupon."""

    free: int
    whole: int
    told: str


def _commit(
    direct: Direct, budget_id: int, rule: Rule, value_fen: int, coupons: int
) -> _Left | None:
    """Set the value aside unless the budget's rule forbids it at this moment."""
    row = direct.row(
        _COMMIT,
        value_fen,
        budget_id,
        value_fen,
        rule.pause_pct,
        rule.slow_pct,
        coupons,
        rule.slow_coupons_per_day,
    )
    return None if row is None else _Left(*row)


def _why_refused(session: Session, budget_id: int, programme: Rule, value_fen: int) -> str:
    # Whoever is refused has been counted, so what is left is that the day's are gone.
    found = refusal_of(
        _fresh(session, budget_id),
        programme,
        value_fen=value_fen,
        coupons=programme.slow_coupons_per_day,
    )
    return found or "fund_slowed"


def _fresh(session: Session, budget_id: int) -> FundBudget:
    """Return a budget as the database has it, whatever the session read before."""
    return session.exec(
        select(FundBudget)
        .where(col(FundBudget.id) == budget_id)
        .execution_options(populate_existing=True)
    ).one()


def _tell_if_worse(
    session: Session, budget_id: int, programme: Rule, left: _Left, now: datetime
) -> None:
    state = state_at(left.free, left.whole, programme)
    if worse(state, left.told):
        tell(session, budget_id=budget_id, state=state, free=left.free, now=now)


def tell(session: Session, *, budget_id: int, state: State, free: int, now: datetime) -> None:
    """Note a budget's new state for operators: the panel shows it, the audit trail keeps it.

    Whoever calls holds the budget's row, so each state is told once.
    """
    session.exec(
        sa.update(FundBudget)
        .where(col(FundBudget.id) == budget_id)
        .values(told_state=state, told_at=now)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        session,
        acting_user=audit.SYSTEM,
        action=f"fund.{state}",
        subject=f"fund_budget:{budget_id}",
        now=now,
        free_fen=free,
    )


def release_value(session: Session, *, coupon: Coupon, now: datetime) -> None:
    """Give the value of a coupon that was cancelled, or ended unused, back to its budget.

    The day keeps the coupon in its count: the rule speaks of coupons given, not of those kept.
    """
    _move(session, coupon, committed=-coupon.value_fen)


def spend_value(session: Session, *, coupon: Coupon, now: datetime) -> None:
    """Turn the value set aside for a coupon into spent money: it was used."""
    _move(session, coupon, committed=-coupon.value_fen, spent=coupon.value_fen)


def unspend_value(session: Session, *, coupon: Coupon, now: datetime) -> None:
    """Set the value of a coupon aside again: its use was undone."""
    _move(session, coupon, committed=coupon.value_fen, spent=-coupon.value_fen)


def _move(session: Session, coupon: Coupon, *, committed: int, spent: int = 0) -> None:
    """Move a coupon's value inside its budget. Raises ValueError when the budget never had it.

    Each coupon's value goes in once and out once by the coupon's own guarded status, so a budget
    that lacks it is a fault of this program and nothing that may be booked.
    """
    moved = session.exec(
        sa.update(FundBudget)
        .where(
            col(FundBudget.id) == coupon.budget_id,
            col(FundBudget.committed_fen) + committed >= 0,
            col(FundBudget.spent_fen) + spent >= 0,
        )
        .values(
            committed_fen=col(FundBudget.committed_fen) + committed,
            spent_fen=col(FundBudget.spent_fen) + spent,
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:
        raise ValueError(f"budget {coupon.budget_id} does not hold the value of a coupon")


def covers(session: Session, *, reward: Reward, now: datetime) -> bool:
    """Return whether the fund covers the whole stock of a reward beside what it promised before.

    For whoever publishes: the budget stays locked to the end of the transaction, so that two
    rewards are not published on the same money. See `uncovered_fen`.
    """
    year = _first_year(reward, now)
    budget_of(session, programme_id=reward.programme_id, year=year, lock=True)
    return uncovered_fen(session, reward=reward, now=now) == 0


def uncovered_fen(session: Session, *, reward: Reward, now: datetime) -> int:
    """Return how much is missing in the fund for a reward's whole stock, in fen.

    Promised before is the stock left of the programme's other rewards that are published or
    paused, at what each costs. Asked of the budget of the year in which the reward is offered
    first, or of this year when that is past. Without a budget it is the whole value and at least
    one fen, since coupons are given out of a budget even when they cost nothing.
    """
    needed = reward.stock_left * reward.value_fen
    year = _first_year(reward, now)
    budget = budget_of(session, programme_id=reward.programme_id, year=year)
    if budget is None:
        return max(needed, 1)
    promised = promised_fen(session, programme_id=reward.programme_id, but=reward.id)
    return max(0, needed + promised - free_fen(budget))


def _first_year(reward: Reward, now: datetime) -> int:
    return max(business_day(now), reward.offered_from).year


def promised_fen(session: Session, *, programme_id: int, but: int | None = None) -> int:
    """Return what the stock of a programme's published and paused rewards would cost, in fen.

    but: the id of a reward that is left out.
    """
    others: Any = col(Reward.id) != but if but is not None else sa.true()
    found = session.exec(
        select(func.coalesce(func.sum(col(Reward.stock_left) * col(Reward.value_fen)), 0)).where(
            col(Reward.programme_id) == programme_id, col(Reward.status).in_(PROMISED), others
        )
    ).one()
    return int(found)
