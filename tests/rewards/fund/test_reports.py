"""What the fund's overview tells, from books arranged so that every number is known."""

from datetime import date
from decimal import Decimal

import pytest
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor, AuditEntry
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger.holdings import Movement
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.policy.models import CreditPolicy
from rewards import fund_reports, fund_services
from rewards.fund_models import FundBudget, FundDay, FundMovement
from rewards.fund_services import PaceRule
from tests.rewards.fund import arranged
from tests.rewards.fund.arranged import YUAN, noon

ERIN, FRANK = Actor("staff", "erin"), Actor("staff", "frank")
TODAY = date(2026, 5, 1)
RULE = PaceRule(30, 15, 2, 20)


def test_liability_by_vintage_from_the_books(session: Session) -> None:
    """Of 2025: 300 + 200 issued, 120 of them in a coupon. Of 2026: 1000, 50 given away.

    A credit is worth 0.002 yuan: (380 + 120) x 0.002 = 1 yuan, 1000 x 0.002 = 2 yuan.
    """
    for policy in session.exec(select(CreditPolicy)):
        session.delete(policy)
    session.flush()
    session.add(
        CreditPolicy(
            valid_from=date(2025, 1, 1),
            value_micro_yuan=2000,
            valid_years=1,
            yearly_budget_fen=0,
            set_by="x",
            set_at=noon(TODAY),
        )
    )
    first = arranged.person(session, noon(TODAY), v2025=300, v2026=1000)
    second = arranged.person(session, noon(TODAY), v2025=200)
    for account, amount, owner, kind, why in (
        (second, 120, second, LedgerKind.HOLD, TransferKind.HOLD),
        (first, 350, 999, LedgerKind.INSTITUTION, TransferKind.GIVE),
    ):
        holdings.take(
            session,
            account_id=account,
            unit=Unit.CREDIT,
            amount=amount,
            to_owner=owner,
            to_kind=kind,
            movement=Movement(why, Cause.GIFT, 7),
            now=noon(TODAY),
        )
    found = fund_reports.liability(session, today=TODAY)
    assert [tuple(row) for row in found] == [
        (2025, 80, 120, 300, date(2026, 12, 31), Decimal(1)),
        (2026, 950, 0, 50, date(2027, 12, 31), Decimal(2)),
    ]
    assert [row.outstanding for row in found] == [500, 1000]


def test_standing_pace_and_totals(session: Session) -> None:
    """A programme gave 5 yuan on each of 28 days, another nothing; one began three days ago.

    200 yuan, 140 given: 60 left. The pause at 10 percent keeps 20, so 40 are left to give: 8 days.
    """
    steady = arranged.programme(session, pause_pct=10, slow_pct=15, warn_pct=30)
    quiet = arranged.programme(session)
    young = arranged.programme(session)
    budgets = [arranged.budget(session, item, 200) for item in (steady, quiet, young)]
    budgets[0].committed_fen, budgets[0].spent_fen = 40 * YUAN, 100 * YUAN
    for day in arranged.days(date(2026, 4, 3), 28):
        session.add(FundDay(budget_id=budgets[0].id or 0, day=day, coupons=2, committed_fen=500))
    session.add(
        FundDay(budget_id=budgets[2].id or 0, day=date(2026, 4, 28), coupons=1, committed_fen=9)
    )
    session.flush()
    found = fund_reports.standings(session, year=2026, today=TODAY)
    assert [item.free_pct for item in found] == [30, 100, 100]
    assert [item.state for item in found] == ["warned", "fine", "fine"]
    assert fund_reports.worst_state(found) == "warned"
    assert found[0].forecast is not None
    assert found[0].forecast.ends_on == date(2026, 5, 9)
    assert [item.forecast for item in found[1:]] == [None, None]
    assert fund_reports.whole(found) == (60_000, 4_000, 10_000, 46_000)
    days = fund_reports.days_by_programme(session, today=TODAY)
    assert len(days[steady.id or 0]) == 29
    assert [row.coupons for row in days[young.id or 0]] == [1, 0, 0, 0]


def test_money_is_moved_by_two(session: Session) -> None:
    """+500 yuan makes the year's budget; -100 is refused while 450 are promised; -50 is booked."""
    sponsor = fund_services.add_sponsor(
        session, name_zh="示范企业", name_en="Example", acting_user=ERIN, now=noon(TODAY)
    )
    programme = fund_services.add_programme(
        session,
        sponsor_id=sponsor.id or 0,
        name_zh="绿色出行",
        name_en="",
        rule=RULE,
        acting_user=ERIN,
        now=noon(TODAY),
    )

    def propose(yuan: int, reason: str = "年度拨款") -> int:
        proposal = fund_services.propose_change(
            session,
            programme_id=programme.id or 0,
            year=2026,
            change_fen=yuan * YUAN,
            reason=reason,
            acting_user=ERIN,
            now=noon(TODAY),
        )
        return proposal.id or 0

    def approve(number: int, who: Actor) -> str:
        savepoint = session.begin_nested()
        try:
            fund_services.approve(session, proposal_id=number, acting_user=who, now=noon(TODAY))
        except DomainError as refusal:
            savepoint.rollback()
            return refusal.code
        savepoint.commit()
        return "booked"

    first = propose(500)
    assert [approve(first, who) for who in (ERIN, FRANK, FRANK)] == [
        "own_proposal",
        "booked",
        "proposal_decided",
    ]
    arranged.reward(session, programme, stock=450)
    assert [approve(propose(yuan), FRANK) for yuan in (-51, -50)] == ["fund_would_lack", "booked"]
    refused = fund_services.refuse(
        session,
        proposal_id=propose(10),
        decision="没有批文",
        acting_user=FRANK,
        now=noon(TODAY),
    )
    withdrawn = fund_services.withdraw(
        session, proposal_id=propose(20), acting_user=ERIN, now=noon(TODAY)
    )
    assert (refused.status, withdrawn.status) == ("refused", "withdrawn")
    budget = session.exec(select(FundBudget)).one()
    assert budget.budget_fen == 450 * YUAN
    moves = fund_reports.movements_of_programme(session, programme_id=programme.id or 0)
    assert [(year, m.change_fen, m.moved_by, m.approved_by) for year, m in moves] == [
        (2026, -50 * YUAN, "staff:erin", "staff:frank"),
        (2026, 500 * YUAN, "staff:erin", "staff:frank"),
    ]
    assert [item.change_fen for item in fund_reports.open_proposals(session)] == [-51 * YUAN]
    assert fund_reports.years(session) == [2026]
    # A new budget is paused until money is in it; that it is fine now was told.
    told = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "fund.fine")).all()
    assert len(told) == 1
    for yuan, why in ((0, "年度拨款"), (1, "无")):
        with pytest.raises(Invalid):
            propose(yuan, why)
    with pytest.raises(NotFound, match="unknown_proposal"):
        fund_services.approve(session, proposal_id=999, acting_user=FRANK, now=noon(TODAY))
    assert len(session.exec(select(FundMovement)).all()) == 2


def test_the_public_rule_changes_with_a_trace(session: Session) -> None:
    """10 of 100 yuan are free: slowed by 15 percent, only warned once the rule says 5."""
    programme = arranged.programme(session)
    budget = arranged.budget(session, programme, 100)
    budget.committed_fen = 90 * YUAN
    session.flush()
    assert fund_services.tell_states(session, year=2026, now=noon(TODAY)) == 1
    assert budget.told_state == "slowed"
    fund_services.change_rule(
        session,
        programme_id=programme.id or 0,
        rule=PaceRule(20, 5, 1, 3),
        acting_user=FRANK,
        now=noon(TODAY),
    )
    assert budget.told_state == "warned"
    entry = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "fund.rule_changed"))
    assert entry.one().details["after"] == {
        "warn_pct": 20,
        "slow_pct": 5,
        "pause_pct": 1,
        "slow_coupons_per_day": 3,
    }
    for wrong in (PaceRule(10, 20, 1, 3), PaceRule(101, 20, 1, 3), PaceRule(20, 5, 1, -1)):
        with pytest.raises(Invalid):
            fund_services.change_rule(
                session,
                programme_id=programme.id or 0,
                rule=wrong,
                acting_user=FRANK,
                now=noon(TODAY),
            )
    with pytest.raises(Conflict, match="programme_exists"):
        fund_services.add_programme(
            session,
            sponsor_id=programme.sponsor_id,
            name_zh=programme.name_zh,
            name_en="",
            rule=RULE,
            acting_user=ERIN,
            now=noon(TODAY),
        )
