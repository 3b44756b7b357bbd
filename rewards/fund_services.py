"""What staff do with the fund: who pays, by which rule it slows, and how much there is a year.

Money is moved by two people: one proposes, another approves, and only then the budget moves.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.job_items import one_by_one
from carbonaccount.policy.queries import FEN_PER_YUAN
from rewards.fund import PAUSED, budget_of, free_fen, promised_fen, state_of, tell
from rewards.fund_models import (
    FundBudget,
    FundMovement,
    FundProgramme,
    FundProposal,
    Sponsor,
)

OPEN, APPROVED, REFUSED, WITHDRAWN = "open", "approved", "refused", "withdrawn"
LONGEST_NAME_ZH: Final = 80
LONGEST_NAME_EN: Final = 120
LONGEST_REASON: Final = 500
SHORTEST_REASON: Final = 4
MOST_FEN: Final = 10**13
MOST_COUPONS_A_DAY: Final = 1_000_000
_BEFORE_YEAR: Final = 1
_AFTER_YEARS: Final = 5


def add_sponsor(
    session: Session, *, name_zh: str, name_en: str, acting_user: Actor, now: datetime
) -> Sponsor:
    """Add who pays. Raises Invalid (fund_name) and Conflict (sponsor_exists)."""
    name = _name(name_zh, "name_zh")
    if session.exec(select(Sponsor).where(col(Sponsor.name_zh) == name)).first():
        raise Conflict("sponsor_exists", field="name_zh")
    sponsor = Sponsor(name_zh=name, name_en=_name_en(name_en), created_at=now)
    session.add(sponsor)
    session.flush()
    _note(session, acting_user, "fund.sponsor_added", f"sponsor:{sponsor.id}", now)
    return sponsor


def _name(text: str, field: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_NAME_ZH:
        raise Invalid("fund_name", field=field, limit=LONGEST_NAME_ZH)
    return name


def _name_en(text: str) -> str:
    name = text.strip()
    if len(name) > LONGEST_NAME_EN:
        raise Invalid("fund_name", field="name_en", limit=LONGEST_NAME_EN)
    return name


def _note(
    session: Session, acting_user: Actor, action: str, subject: str, now: datetime, **details: Any
) -> None:
    audit.record(
        session, acting_user=acting_user, action=action, subject=subject, now=now, **details
    )


class PaceRule(NamedTuple):
    """The public rule of a programme: percents of the year's budget that is still free, and pace.

    At or below `warn_pct` operators are told, at or below `slow_pct` at most
    `slow_coupons_per_day` coupons a day are given, at or below `pause_pct` none.
    """

    warn_pct: int
    slow_pct: int
    pause_pct: int
    slow_coupons_per_day: int


def add_programme(
    session: Session,
    *,
    sponsor_id: int,
    name_zh: str,
    name_en: str,
    rule: PaceRule,
    acting_user: Actor,
    now: datetime,
) -> FundProgramme:
    """Add a programme of a sponsor with its rule.

    Raises NotFound (unknown_sponsor), Conflict (programme_exists), Invalid (fund_name,
    fund_thresholds, number_out_of_range).
    """
    if session.get(Sponsor, sponsor_id) is None:
        raise NotFound("unknown_sponsor", field="sponsor_id")
    name = _name(name_zh, "name_zh")
    _check_rule(rule)
    same = select(FundProgramme).where(
        col(FundProgramme.sponsor_id) == sponsor_id, col(FundProgramme.name_zh) == name
    )
    if session.exec(same).first():
        raise Conflict("programme_exists", field="name_zh")
    programme = FundProgramme(
        sponsor_id=sponsor_id,
        name_zh=name,
        name_en=_name_en(name_en),
        created_at=now,
        **rule._asdict(),
    )
    session.add(programme)
    session.flush()
    subject = f"fund_programme:{programme.id}"
    _note(session, acting_user, "fund.programme_added", subject, now, rule=rule._asdict())
    return programme


def _check_rule(rule: PaceRule) -> None:
    if not 100 >= rule.warn_pct >= rule.slow_pct >= rule.pause_pct >= 0:
        raise Invalid("fund_thresholds", field="warn_pct")
    if not 0 <= rule.slow_coupons_per_day <= MOST_COUPONS_A_DAY:
        raise Invalid(
            "number_out_of_range",
            field="slow_coupons_per_day",
            minimum=0,
            maximum=MOST_COUPONS_A_DAY,
        )


def rule_of(programme: FundProgramme) -> PaceRule:
    """Return a programme's rule."""
    return PaceRule(
        programme.warn_pct,
        programme.slow_pct,
        programme.pause_pct,
        programme.slow_coupons_per_day,
    )


def find_programme(session: Session, programme_id: int) -> FundProgramme:
    """Return a programme. Raises NotFound (unknown_programme)."""
    found = session.get(FundProgramme, programme_id)
    if found is None:
        raise NotFound("unknown_programme")
    return found


def change_rule(
    session: Session, *, programme_id: int, rule: PaceRule, acting_user: Actor, now: datetime
) -> FundProgramme:
    """Change a programme's public rule from now on; the audit trail keeps the one before.

    Raises NotFound (unknown_programme), Invalid (fund_thresholds, number_out_of_range).
    """
    programme = find_programme(session, programme_id)
    _check_rule(rule)
    before = rule_of(programme)
    for name, value in rule._asdict().items():
        setattr(programme, name, value)
    session.add(programme)
    session.flush()
    _note(
        session,
        acting_user,
        "fund.rule_changed",
        f"fund_programme:{programme_id}",
        now,
        before=before._asdict(),
        after=rule._asdict(),
    )
    budget = budget_of(session, programme_id=programme_id, year=business_day(now).year, lock=True)
    if budget is not None:
        _tell_if_changed(session, budget, programme, now)
    return programme


def propose_change(
    session: Session,
    *,
    programme_id: int,
    year: int,
    change_fen: int,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> FundProposal:
    """Propose to move a year's budget of a programme by `change_fen`; the first makes the budget.

    Raises NotFound (unknown_programme), Invalid (fund_year, fund_change, fund_reason). Whether
    less money still covers what is promised is asked when it is approved.
    """
    find_programme(session, programme_id)
    this_year = business_day(now).year
    if not this_year - _BEFORE_YEAR <= year <= this_year + _AFTER_YEARS:
        raise Invalid(
            "fund_year", field="year", first=this_year - _BEFORE_YEAR, last=this_year + _AFTER_YEARS
        )
    if change_fen == 0 or abs(change_fen) > MOST_FEN:
        raise Invalid("fund_change", field="change")
    proposal = FundProposal(
        budget_id=_budget_id(session, programme_id, year),
        change_fen=change_fen,
        reason=_reason(reason),
        proposed_by=str(acting_user),
        proposed_at=now,
    )
    session.add(proposal)
    session.flush()
    _note(
        session,
        acting_user,
        "fund.change_proposed",
        f"fund_budget:{proposal.budget_id}",
        now,
        proposal=proposal.id,
        change_fen=change_fen,
    )
    return proposal


def _reason(text: str, field: str = "reason") -> str:
    reason = text.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid("fund_reason", field=field, least=SHORTEST_REASON, limit=LONGEST_REASON)
    return reason


def _budget_id(session: Session, programme_id: int, year: int) -> int:
    """Return the budget of a year, made empty when there is none yet."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    table = FundBudget.__table__  # type: ignore[attr-defined]
    values = {"programme_id": programme_id, "year": year, "budget_fen": 0}
    empty = {"committed_fen": 0, "spent_fen": 0, "told_state": PAUSED}
    session.connection().execute(insert(table).values(**values, **empty).on_conflict_do_nothing())
    budget = budget_of(session, programme_id=programme_id, year=year)
    assert budget is not None
    assert budget.id is not None
    return budget.id


def approve(
    session: Session, *, proposal_id: int, acting_user: Actor, now: datetime
) -> FundMovement:
    """Move a budget as another person proposed.

    Raises NotFound (unknown_proposal), Conflict: proposal_decided, own_proposal, fund_would_lack
    (less would be left than coupons and published rewards were promised, with `missing_fen`).
    """
    proposal = _decided(session, proposal_id, APPROVED, "", acting_user, now)
    if proposal.proposed_by == str(acting_user):
        raise Conflict("own_proposal")
    budget = _locked_budget(session, proposal.budget_id)
    _check_enough(session, budget, proposal.change_fen, now)
    budget.budget_fen += proposal.change_fen
    movement = FundMovement(
        budget_id=proposal.budget_id,
        change_fen=proposal.change_fen,
        reason=proposal.reason,
        moved_by=proposal.proposed_by,
        approved_by=str(acting_user),
        proposal_id=proposal.id,
        moved_at=now,
    )
    session.add_all([budget, movement])
    session.flush()
    _note(
        session,
        acting_user,
        "fund.change_approved",
        f"fund_budget:{proposal.budget_id}",
        now,
        proposal=proposal.id,
        change_fen=proposal.change_fen,
    )
    _tell_if_changed(session, budget, find_programme(session, budget.programme_id), now)
    return movement


def _decided(
    session: Session, proposal_id: int, status: str, decision: str, by: Actor, now: datetime
) -> FundProposal:
    """Decide an open proposal; of two who decide at once the second is told that it is decided."""
    taken = session.exec(
        sa.update(FundProposal)
        .where(col(FundProposal.id) == proposal_id, col(FundProposal.status) == OPEN)
        .values(status=status, decision=decision, decided_by=str(by), decided_at=now)
        .execution_options(synchronize_session=False)
    )
    proposal = session.exec(
        select(FundProposal)
        .where(col(FundProposal.id) == proposal_id)
        .execution_options(populate_existing=True)
    ).first()
    if proposal is None:
        raise NotFound("unknown_proposal")
    if taken.rowcount != 1:
        raise Conflict("proposal_decided")
    return proposal


def _locked_budget(session: Session, budget_id: int) -> FundBudget:
    return session.exec(
        select(FundBudget)
        .where(col(FundBudget.id) == budget_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _check_enough(session: Session, budget: FundBudget, change_fen: int, now: datetime) -> None:
    """Refuse to take away what coupons or published rewards were promised."""
    if change_fen > 0:
        return
    promised = 0
    if budget.year == business_day(now).year:
        promised = promised_fen(session, programme_id=budget.programme_id)
    missing = promised - (free_fen(budget) + change_fen)
    if missing > 0:
        raise Conflict("fund_would_lack", missing_fen=missing, missing_yuan=yuan(missing))


def yuan(fen: int) -> str:
    """Return fen as yuan with two decimals."""
    return f"{Decimal(fen) / FEN_PER_YUAN:.2f}"


def refuse(
    session: Session, *, proposal_id: int, decision: str, acting_user: Actor, now: datetime
) -> FundProposal:
    """Refuse a proposal of another person, with the reason.

    Raises NotFound (unknown_proposal), Conflict (proposal_decided, own_proposal), Invalid
    (fund_reason).
    """
    reason = _reason(decision, "decision")
    proposal = _decided(session, proposal_id, REFUSED, reason, acting_user, now)
    if proposal.proposed_by == str(acting_user):
        raise Conflict("own_proposal")
    subject = f"fund_budget:{proposal.budget_id}"
    _note(session, acting_user, "fund.change_refused", subject, now, proposal=proposal.id)
    return proposal


def withdraw(
    session: Session, *, proposal_id: int, acting_user: Actor, now: datetime
) -> FundProposal:
    """Take one's own proposal back.

    Raises NotFound (unknown_proposal), Conflict (proposal_decided, not_own_proposal).
    """
    proposal = _decided(session, proposal_id, WITHDRAWN, "", acting_user, now)
    if proposal.proposed_by != str(acting_user):
        raise Conflict("not_own_proposal")
    subject = f"fund_budget:{proposal.budget_id}"
    _note(session, acting_user, "fund.change_withdrawn", subject, now, proposal=proposal.id)
    return proposal


def tell_states(session: Session, *, year: int, now: datetime) -> int:
    """Tell operators of every budget of a year whose state is not the one told last.

    A state that got worse is told by the coupon that brought it about; this run tells what got
    better, and what a change by hand in the database brought about. Returns how many were told.
    """
    rows = session.exec(
        select(FundBudget, FundProgramme)
        .join(FundProgramme, col(FundProgramme.id) == col(FundBudget.programme_id))
        .where(col(FundBudget.year) == year)
        .order_by(col(FundBudget.id))
        .with_for_update(of=FundBudget)
        .execution_options(populate_existing=True)
    ).all()
    told = one_by_one(
        session,
        rows,
        lambda row: _tell_if_changed(session, row[0], row[1], now),
        key=lambda row: f"fund_budget:{row[0].id}",
    )
    return sum(told)


def _tell_if_changed(
    session: Session, budget: FundBudget, programme: FundProgramme, now: datetime
) -> bool:
    state = state_of(budget, programme)
    if budget.told_state == state:
        return False
    assert budget.id is not None
    tell(session, budget_id=budget.id, state=state, free=free_fen(budget), now=now)
    budget.told_state, budget.told_at = state, now
    return True
