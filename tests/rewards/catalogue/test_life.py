"""The way of a reward from draft to shelf and back: two people, prices, stock, what is told."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlmodel import Session, col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.audit import Actor, AuditEntry
from carbonaccount.errors import Conflict, DomainError, Invalid, Refused
from carbonaccount.messages.models import Message
from rewards import acceptance, catalogue, favourites, queries
from rewards.fund_models import FundProgramme
from rewards.models import Reward, RewardPrice, StockMovement
from tests.rewards.catalogue.arranging import NOW, content, member
from tests.rewards.fund import arranged


class Desk:
    """An editor, an approver who may edit too, and a programme with 100 yuan for 2026."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.erin = member(session, "erin", Role.REWARD_EDITOR)
        self.anna = member(session, "anna", Role.REWARD_EDITOR, Role.REWARD_APPROVER)
        self.olga = member(session, "olga", Role.OPERATOR)
        self.programme: FundProgramme = arranged.programme(session)
        arranged.budget(session, self.programme, 100)
        self.shop = arranged.merchant(session)

    def draft(self, who: Actor | None = None, /, **changes: object) -> Reward:
        """Draft a reward of 5 yuan a piece."""
        taken = {"merchant_ids": (self.shop.id or 0,)}
        what = content(self.programme.id or 0, **{**taken, **changes})
        return catalogue.draft_reward(
            self.session, content=what, acting_user=who or self.erin, now=NOW
        )

    def do(self, step: Callable[..., object], reward: Reward, who: Actor, **more: object) -> None:
        """Do a step with a reason."""
        more = {"reason": "because", "now": NOW, **more}
        step(self.session, public_id=reward.public_id, acting_user=who, **more)

    def refused(
        self, step: Callable[..., object], reward: Reward, who: Actor, **more: object
    ) -> str:
        """Do a step that is refused; returns the code."""
        with pytest.raises(DomainError) as found:
            self.do(step, reward, who, **more)
        return found.value.code

    def published(self, stock: int = 20, **changes: object) -> Reward:
        """Bring a reward onto the shelf."""
        reward = self.draft(None, **changes)
        if stock:
            self.do(catalogue.move_stock, reward, self.erin, change=stock)
        self.do(catalogue.submit, reward, self.erin)
        self.do(catalogue.publish, reward, self.anna)
        return reward


@pytest.fixture
def desk(session: Session) -> Desk:
    """The desk of the catalogue."""
    return Desk(session)


def told(session: Session) -> list[tuple[str, int]]:
    """Return which messages were sent to whom, in their order."""
    rows = session.exec(select(Message).order_by(col(Message.id))).all()
    return [(row.kind, row.account_id) for row in rows]


def test_two_people_bring_a_reward_onto_the_shelf(desk: Desk, session: Session) -> None:
    reward = desk.draft(desk.anna)
    assert desk.refused(catalogue.publish, reward, desk.anna) == "reward_not_in_state"
    desk.do(catalogue.submit, reward, desk.erin)
    # Anna may publish, but not what she drafted; Erin may not publish at all.
    assert desk.refused(catalogue.publish, reward, desk.anna) == "own_reward"
    assert desk.refused(catalogue.publish, reward, desk.erin) == "role_missing"
    desk.do(catalogue.return_to_draft, reward, desk.erin)
    other = content(desk.programme.id or 0, price_credits=250, merchant_ids=(desk.shop.id or 0,))
    with pytest.raises(Refused) as refused:
        catalogue.edit_draft(
            session, public_id=reward.public_id, content=other, acting_user=desk.erin, now=NOW
        )
    assert refused.value.code == "not_own_reward"
    catalogue.edit_draft(
        session, public_id=reward.public_id, content=other, acting_user=desk.anna, now=NOW
    )
    assert (reward.price_credits, reward.status, reward.approved_by) == (250, "draft", None)
    assert desk.refused(catalogue.submit, reward, desk.anna, reason=" ") == "reason_needed"

    mine = desk.published(stock=0)
    assert (mine.status, mine.approved_by) == ("published", desk.anna.id)
    assert [row.price_credits for row in queries.prices_of(session, reward_id=mine.id or 0)] == [
        300
    ]
    acts = session.exec(
        select(AuditEntry.action)
        .where(col(AuditEntry.subject) == f"reward:{mine.public_id}")
        .order_by(col(AuditEntry.id))
    ).all()
    assert acts == ["reward.draft", "reward.submit", "reward.publish"]


def test_pausing_resuming_revising_ending(desk: Desk, session: Session) -> None:
    reward = desk.published()
    # The help desk may stop a reward, and no more.
    desk.do(catalogue.pause, reward, desk.olga, reason="泳池检修")
    assert (reward.status, reward.pause_reason) == ("paused", "泳池检修")
    assert desk.refused(catalogue.resume, reward, desk.olga) == "role_missing"
    desk.do(catalogue.resume, reward, desk.erin)
    assert (reward.status, reward.pause_reason) == ("published", "")
    assert desk.refused(catalogue.revise, reward, desk.anna) == "reward_not_in_state"
    desk.do(catalogue.pause, reward, desk.erin)
    desk.do(catalogue.revise, reward, desk.anna)
    # It is Anna's draft now, so that Anna does not publish it.
    assert (reward.status, reward.drafted_by, reward.approved_by) == ("draft", desk.anna.id, None)
    desk.do(catalogue.submit, reward, desk.anna)
    assert desk.refused(catalogue.publish, reward, desk.anna) == "own_reward"
    desk.do(catalogue.end, reward, desk.anna)
    assert (reward.status, reward.ended_at) == ("ended", NOW)
    assert desk.refused(catalogue.end, reward, desk.anna) == "reward_not_in_state"
    assert desk.refused(catalogue.move_stock, reward, desk.anna, change=1) == "reward_not_in_state"
    late = desk.published()
    desk.do(catalogue.pause, late, desk.erin)
    next_year = NOW + timedelta(days=365)
    assert desk.refused(catalogue.resume, late, desk.erin, now=next_year) == "reward_over"


def test_a_price_changes_by_two_people_and_keeps_its_history(desk: Desk, session: Session) -> None:
    reward = desk.published()
    watcher = arranged.person(session, NOW)
    favourites.add_favourite(session, account_id=watcher, reward_id=reward.id or 0, now=NOW)
    favourites.add_favourite(session, account_id=watcher, reward_id=reward.id or 0, now=NOW)
    hour = NOW + timedelta(hours=1)
    propose, agree = catalogue.propose_price, catalogue.set_price
    assert desk.refused(propose, reward, desk.anna, price_credits=300) == "price_unchanged"
    assert desk.refused(propose, reward, desk.anna, price_credits=0) == "reward_number"
    assert desk.refused(agree, reward, desk.anna) == "no_price_proposed"
    desk.do(propose, reward, desk.anna, price_credits=240)
    assert reward.price_credits == 300
    assert desk.refused(agree, reward, desk.anna) == "own_price"
    desk.do(catalogue.drop_price, reward, desk.erin)
    assert (reward.proposed_price, reward.price_proposed_by) == (None, None)
    desk.do(propose, reward, desk.erin, price_credits=240)
    desk.do(agree, reward, desk.anna, now=hour)
    assert (reward.price_credits, reward.proposed_price) == (240, None)
    desk.do(propose, reward, desk.erin, price_credits=260)
    desk.do(agree, reward, desk.anna, now=hour + timedelta(hours=1))
    prices = session.exec(select(RewardPrice).order_by(col(RewardPrice.valid_from))).all()
    assert [row.price_credits for row in prices] == [300, 240, 260]
    assert {row.set_by for row in prices} == {"staff:anna"}
    # Told when it got cheaper, not when it got dearer.
    assert told(session) == [("reward_cheaper", watcher)]


def test_stock_moves_with_reasons_and_what_is_back_is_told(desk: Desk, session: Session) -> None:
    reward = desk.published(stock=0)
    watcher = arranged.person(session, NOW)
    favourites.add_favourite(session, account_id=watcher, reward_id=reward.id or 0, now=NOW)
    move = catalogue.move_stock
    assert desk.refused(move, reward, desk.erin, change=-1) == "stock_below_zero"
    assert desk.refused(move, reward, desk.erin, change=0) == "stock_change"
    assert desk.refused(move, reward, desk.olga, change=1) == "role_missing"
    desk.do(move, reward, desk.erin, change=12)
    desk.do(move, reward, desk.erin, change=8)
    desk.do(move, reward, desk.anna, change=-3, reason="受潮")
    assert reward.stock_left == 17
    changes = [row.change for row in session.exec(select(StockMovement))]
    assert changes == [12, 8, -3]
    assert told(session) == [("reward_back", watcher)]


def test_nothing_comes_on_the_shelf_that_the_fund_does_not_cover(
    desk: Desk, session: Session
) -> None:
    # 100 yuan: 20 pieces of 5 yuan, not 21.
    reward = desk.draft()
    desk.do(catalogue.move_stock, reward, desk.erin, change=21)
    desk.do(catalogue.submit, reward, desk.erin)
    with pytest.raises(Conflict) as refused:
        desk.do(catalogue.publish, reward, desk.anna)
    assert (refused.value.code, refused.value.params) == (
        "fund_does_not_cover",
        {"missing_yuan": "5.00"},
    )
    session.refresh(reward)
    desk.do(catalogue.move_stock, reward, desk.erin, change=-1)
    desk.do(catalogue.publish, reward, desk.anna)
    assert desk.refused(catalogue.move_stock, reward, desk.erin, change=1) == "fund_does_not_cover"


def test_nothing_comes_on_the_shelf_that_nobody_could_use(desk: Desk, session: Session) -> None:
    lost = desk.draft(merchant_ids=())
    assert desk.refused(catalogue.submit, lost, desk.erin) == "reward_needs_merchant"
    # A gift is given when it is taken: there is no coupon to bring anywhere.
    gift = desk.draft(merchant_ids=(), reward_class="donation")
    desk.do(catalogue.submit, gift, desk.erin)
    desk.do(catalogue.publish, gift, desk.anna)
    late, paused = desk.draft(), desk.published(stock=1)
    desk.do(catalogue.submit, late, desk.erin)
    desk.do(catalogue.pause, paused, desk.erin)
    desk.shop.active = False
    session.flush()
    assert desk.refused(catalogue.publish, late, desk.anna) == "reward_needs_merchant"
    assert desk.refused(catalogue.resume, paused, desk.erin) == "reward_needs_merchant"
    desk.shop.active = True
    session.flush()
    desk.do(catalogue.resume, paused, desk.erin)
    desk.do(catalogue.publish, late, desk.anna)
    assert acceptance.unusable_offers(session) == []
    desk.shop.active = False
    session.flush()
    assert acceptance.unusable_offers(session) == [late, paused]
    assert acceptance.unusable_offers(session, merchant_id=0) == []


def test_what_ends_within_a_week_is_told_once(desk: Desk, session: Session) -> None:
    last = date(2026, 6, 22)
    soon, later = desk.published(5, offered_until=last), desk.published(5)
    out = desk.published(0, offered_until=last)
    watcher = arranged.person(session, NOW)
    for reward in (soon, later, out):
        favourites.add_favourite(session, account_id=watcher, reward_id=reward.id or 0, now=NOW)
    day = date(2026, 6, 14)
    assert favourites.tell_ends_soon(session, day=day, now=NOW) == 0
    assert favourites.tell_ends_soon(session, day=day + timedelta(days=1), now=NOW) == 1
    assert favourites.tell_ends_soon(session, day=last, now=NOW) == 0
    favourites.remove_favourite(session, account_id=watcher, reward_id=soon.id or 0)
    assert told(session) == [("reward_ends_soon", watcher)]


def test_what_a_draft_names_must_exist(desk: Desk) -> None:
    for changes, code in (
        ({"programme_id": 4711}, "unknown_programme"),
        ({"districts": ("000000",)}, "unknown_district"),
        ({"merchant_ids": (4711,)}, "unknown_merchant"),
    ):
        what = content(**{"programme_id": desk.programme.id or 0, **changes})  # type: ignore[arg-type]
        with pytest.raises(Invalid) as refused:
            catalogue.draft_reward(desk.session, content=what, acting_user=desk.erin, now=NOW)
        assert refused.value.code == code
