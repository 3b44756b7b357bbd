"""A draw from its announcement to its coupons, and a queue from its first to its last."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, DomainError, InsufficientBalance, Invalid
from carbonaccount.ledger.verify import verify
from carbonaccount.messages.models import Message
from rewards import draw_awards, draw_rules, draws, queueing, redeeming
from rewards.fund_models import FundProgramme
from rewards.invariants import REWARDS
from rewards.models import Coupon, DrawEntry, QueuePlace, Reward, RewardDraw
from tests.rewards.fund import arranged

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
CLOSES = NOW + timedelta(days=2)
ERIN = Actor("staff", "erin")


@pytest.fixture
def vault(app: Flask) -> Vault:
    found: Vault = app.extensions["carbonaccount.vault"]
    return found


def announce(session: Session, reward: Reward, vault: Vault, winners: int) -> RewardDraw:
    return draws.create(
        session,
        reward_id=reward.id or 0,
        winners_wanted=winners,
        closes_at=CLOSES,
        vault=vault,
        acting_user=ERIN,
        now=NOW,
    )


def known_seed(draw: RewardDraw) -> str | None:
    """Return the seed as it is published."""
    return draw.seed


def enter(session: Session, draw: RewardDraw, account: int, now: datetime = NOW) -> DrawEntry:
    return draws.enter(session, draw=draw, account_id=account, acting_user=SYSTEM, now=now)


def sent(session: Session, prefix: str) -> list[tuple[int, str]]:
    rows = session.exec(
        select(Message).where(col(Message.kind).startswith(prefix)).order_by(col(Message.id))
    )
    return [(row.account_id, row.kind) for row in rows]


def test_a_draw_from_commitment_to_coupons(session: Session, vault: Vault) -> None:
    """Six enter for three tickets; the second drawn has spent the credits; slowed to two a day.

    So on the day of the draw the first and the third get coupons, and the next day the fourth.
    """
    programme = arranged.programme(session, warn_pct=100, slow_pct=100, slow_coupons_per_day=2)
    arranged.budget(session, programme, 100)
    reward = arranged.reward(session, programme, allotment="draw", stock=3)
    people = [arranged.person(session, NOW, v2026=10) for _ in range(6)]
    poor = arranged.person(session, NOW, v2026=9)
    draw = announce(session, reward, vault, 3)
    with pytest.raises(Conflict, match="draw_open_already"):
        announce(session, reward, vault, 1)
    entries = [enter(session, draw, account) for account in people]
    assert enter(session, draw, people[0]).ticket == entries[0].ticket, "entering twice is once"
    with pytest.raises(InsufficientBalance):
        enter(session, draw, poor)
    with pytest.raises(Conflict, match="draw_not_over"):
        draws.close(session, draw=draw, acting_user=ERIN, now=CLOSES - timedelta(seconds=1))
    with pytest.raises(Conflict, match="draw_over"):
        enter(session, draw, people[0], CLOSES)
    with pytest.raises(Conflict, match="draw_not_in_state"):
        draws.draw_lots(session, draw=draw, vault=vault, acting_user=ERIN, now=CLOSES)
    assert known_seed(draw) is None
    assert draws.close_due(session, now=CLOSES) == 1
    draws.draw_lots(session, draw=draw, vault=vault, acting_user=ERIN, now=CLOSES)
    seed = known_seed(draw)
    assert seed is not None
    assert draw_rules.commitment_of(seed) == draw.commitment
    tickets = [entry.ticket for entry in entries]
    assert draw.entries_sha256 == draw_rules.entries_digest(tickets)
    order = draw_rules.drawn_order(seed, tickets)
    drawn = sorted(entries, key=lambda entry: order.index(entry.ticket))
    assert [entry.rank for entry in drawn] == [1, 2, 3, 4, 5, 6]

    spent = arranged.reward(session, arranged_open(session), price_credits=10)
    take(session, spent, drawn[1].account_id)
    first = draw_awards.award(session, draw=draw, acting_user=ERIN, now=CLOSES)
    assert first == (2, "fund_slowed")
    assert outcomes(session, drawn) == ["won", "insufficient_balance", "won", "", "", ""]
    again = draw_awards.award(session, draw=draw, acting_user=ERIN, now=CLOSES)
    assert again == (0, "fund_slowed")
    tomorrow = CLOSES + timedelta(days=1)
    assert draw_awards.award_waiting(session, acting_user=SYSTEM, now=tomorrow) == 1
    assert outcomes(session, drawn) == [
        *("won", "insufficient_balance", "won", "won"),
        *("not_drawn", "not_drawn"),
    ]
    assert draw_awards.award_waiting(session, acting_user=SYSTEM, now=tomorrow) == 0
    assert sorted(sent(session, "draw_")) == sorted(
        [
            *((drawn[place].account_id, "draw_won") for place in (0, 2, 3)),
            (drawn[1].account_id, "draw_passed"),
            *((drawn[place].account_id, "draw_not_drawn") for place in (4, 5)),
        ]
    )
    coupons = session.exec(select(Coupon).where(col(Coupon.reward_id) == reward.id)).all()
    assert {c.account_id for c in coupons} == {drawn[place].account_id for place in (0, 2, 3)}
    assert [row for row in verify(session, extra=REWARDS) if row[2]] == []


def arranged_open(session: Session) -> FundProgramme:
    programme = arranged.programme(session)
    arranged.budget(session, programme, 100)
    return programme


def take(session: Session, reward: Reward, account: int) -> None:
    redeeming.redeem(
        session,
        account_id=account,
        reward_id=reward.id or 0,
        request_key="spent",
        acting_user=SYSTEM,
        now=NOW,
    )


def outcomes(session: Session, drawn: list[DrawEntry]) -> list[str]:
    for entry in drawn:
        session.refresh(entry)
    return [entry.outcome for entry in drawn]


def test_what_cannot_be_drawn_and_what_is_called_off(session: Session, vault: Vault) -> None:
    programme = arranged_open(session)
    shelf = arranged.reward(session, programme)
    reward = arranged.reward(session, programme, allotment="draw", stock=3)
    for wrong, winners, closes, code in (
        (shelf, 1, CLOSES, "draw_not_for_reward"),
        (reward, 4, CLOSES, "draw_winners"),
        (reward, 0, CLOSES, "draw_winners"),
        (reward, 1, NOW, "draw_closes"),
        (reward, 1, NOW + timedelta(days=400), "draw_closes"),
        (reward, 1, NOW + timedelta(days=306), "draw_outlasts_reward"),
    ):
        with pytest.raises(DomainError, match=code):
            draws.create(
                session,
                reward_id=wrong.id or 0,
                winners_wanted=winners,
                closes_at=closes,
                vault=vault,
                acting_user=ERIN,
                now=NOW,
            )
    draw = announce(session, reward, vault, 3)
    account = arranged.person(session, NOW, v2026=10)
    enter(session, draw, account)
    with pytest.raises(Invalid, match="draw_reason"):
        draws.call_off(session, draw=draw, reason=" ", acting_user=ERIN, now=NOW)
    draws.call_off(session, draw=draw, reason="场馆停业", acting_user=ERIN, now=NOW)
    assert sent(session, "draw_") == [(account, "draw_called_off")]
    with pytest.raises(Conflict, match="draw_not_in_state"):
        draws.close(session, draw=draw, acting_user=ERIN, now=CLOSES)
    empty = announce(session, reward, vault, 3)
    draws.close(session, draw=empty, acting_user=ERIN, now=CLOSES)
    draws.draw_lots(session, draw=empty, vault=vault, acting_user=ERIN, now=CLOSES)
    assert draw_awards.award(session, draw=empty, acting_user=ERIN, now=CLOSES) == (0, "")


def test_a_queue_from_first_to_last(session: Session) -> None:
    """Two in stock, four in line: two are offered, one takes, one lets it pass, and so on."""
    reward = arranged.reward(session, arranged_open(session), allotment="queue", stock=2)
    people = [arranged.person(session, NOW, v2026=10) for _ in range(4)]

    def join(account: int) -> QueuePlace:
        return queueing.join(
            session, reward_id=reward.id or 0, account_id=account, acting_user=SYSTEM, now=NOW
        )

    def take_offer(account: int, now: datetime) -> str:
        savepoint = session.begin_nested()
        try:
            queueing.take_offer(
                session, reward_id=reward.id or 0, account_id=account, acting_user=SYSTEM, now=now
            )
        except DomainError as refusal:
            savepoint.rollback()
            return refusal.code
        savepoint.commit()
        return "taken"

    places = [join(account) for account in people]
    assert join(people[0]).id == places[0].id, "joining twice is once"
    assert [queueing.ahead_of(session, place) for place in places] == [0, 1, 2, 3]
    assert queueing.offer_everywhere(session, now=NOW) == (0, 2)
    assert queueing.offer_everywhere(session, now=NOW) == (0, 0), "two offers stand for two"
    assert [take_offer(account, NOW) for account in (people[0], people[2])] == [
        "taken",
        "queue_no_offer",
    ]
    assert take_offer(people[0], NOW) == "queue_no_offer", "taken once"
    late = NOW + timedelta(hours=queueing.OFFER_HOURS)
    assert take_offer(people[1], late) == "queue_offer_over"
    assert queueing.offer_next(session, reward_id=reward.id or 0, now=late) == (1, 1)
    queueing.leave(session, reward_id=reward.id or 0, account_id=people[2], now=late)
    with pytest.raises(Conflict, match="queue_not_in"):
        queueing.leave(session, reward_id=reward.id or 0, account_id=people[2], now=late)
    assert take_offer(people[3], late) == "taken"
    assert [
        (place.account_id, place.status)
        for place in session.exec(
            select(QueuePlace)
            .order_by(col(QueuePlace.id))
            .execution_options(populate_existing=True)
        )
    ] == list(zip(people, ("taken", "passed", "left", "taken"), strict=True))
    assert sent(session, "queue_") == [
        (people[0], "queue_offered"),
        (people[1], "queue_offered"),
        (people[1], "queue_passed"),
        (people[2], "queue_offered"),
        (people[3], "queue_offered"),
    ]
    assert join(people[1]).id != places[1].id, "who let it pass can stand at the end again"
    session.refresh(reward)
    assert reward.stock_left == 0
    assert queueing.offer_everywhere(session, now=late) == (0, 0)
    assert [row for row in verify(session, extra=REWARDS) if row[2]] == []
    shelf = arranged.reward(session, arranged_open(session))
    with pytest.raises(Conflict, match="queue_not_for_reward"):
        queueing.join(
            session, reward_id=shelf.id or 0, account_id=people[0], acting_user=SYSTEM, now=NOW
        )


def test_nothing_is_offered_while_the_fund_pauses_or_the_days_are_over(session: Session) -> None:
    programme = arranged.programme(session, warn_pct=100, slow_pct=100, pause_pct=100)
    arranged.budget(session, programme, 100)
    paused = arranged.reward(session, programme, allotment="queue")
    over = arranged.reward(
        session, arranged_open(session), allotment="queue", offered_until=date(2026, 3, 2)
    )
    account = arranged.person(session, NOW, v2026=10)
    for reward in (paused, over):
        queueing.join(
            session, reward_id=reward.id or 0, account_id=account, acting_user=SYSTEM, now=NOW
        )
    assert queueing.offer_everywhere(session, now=NOW + timedelta(days=3)) == (0, 0)
    assert queueing.waiting_count(session, reward_id=over.id or 0) == 1
