"""Draws of scarce rewards: announced with a commitment, entered, closed, drawn or called off.

Who is drawn gets a coupon as everybody else does, through `redeeming`; see `draw_awards`.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from carbonaccount import audit
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, InsufficientBalance, Invalid, NotFound
from carbonaccount.job_items import one_by_one
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import Unit
from carbonaccount.messages.services import Outgoing, send_many
from rewards import draw_rules
from rewards.eligibility import eligibility
from rewards.models import Allotment, DrawEntry, DrawStatus, Reward, RewardDraw, RewardStatus

SEED_PURPOSE: Final = "reward-draw-seed"
CALLED_OFF_MESSAGE: Final = "draw_called_off"
LONGEST_REASON: Final = 500
SHORTEST_REASON: Final = 4
# Time to read of it and to enter.
LEAST_OPEN = timedelta(hours=1)
MOST_OPEN = timedelta(days=366)
_PUBLIC_BYTES: Final = 6


def create(
    session: Session,
    *,
    reward_id: int,
    winners_wanted: int,
    closes_at: datetime,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> RewardDraw:
    """Announce a draw with its commitment; the seed stays sealed until it is drawn.

    Raises NotFound (unknown_reward), Conflict (draw_not_for_reward, draw_open_already), Invalid
    (draw_winners, draw_closes, draw_outlasts_reward). Does not commit.
    """
    reward = session.exec(select(Reward).where(col(Reward.id) == reward_id)).first()
    if reward is None:
        raise NotFound("unknown_reward")
    if reward.allotment != Allotment.DRAW or reward.status != RewardStatus.PUBLISHED:
        raise Conflict("draw_not_for_reward", field="reward_id")
    if not 1 <= winners_wanted <= reward.stock_left:
        raise Invalid("draw_winners", field="winners_wanted", most=reward.stock_left)
    if not now + LEAST_OPEN <= closes_at <= now + MOST_OPEN:
        raise Invalid("draw_closes", field="closes_at")
    if business_day(closes_at) > reward.offered_until:
        raise Invalid(
            "draw_outlasts_reward", field="closes_at", day=reward.offered_until.isoformat()
        )
    if _unfinished(session, reward_id):
        raise Conflict("draw_open_already", field="reward_id")
    seed = draw_rules.new_seed()
    draw = RewardDraw(
        public_id=secrets.token_hex(_PUBLIC_BYTES),
        reward_id=reward_id,
        commitment=draw_rules.commitment_of(seed),
        seed_sealed=vault.seal(seed, purpose=SEED_PURPOSE),
        winners_wanted=winners_wanted,
        closes_at=closes_at,
        created_by=str(acting_user),
        created_at=now,
    )
    session.add(draw)
    session.flush()
    _note(session, acting_user, "draw.created", draw, now, commitment=draw.commitment)
    return draw


def _unfinished(session: Session, reward_id: int) -> bool:
    statement = select(col(RewardDraw.id)).where(
        col(RewardDraw.reward_id) == reward_id,
        col(RewardDraw.status).in_((DrawStatus.OPEN, DrawStatus.CLOSED)),
    )
    return session.exec(statement).first() is not None


def _note(
    session: Session, acting_user: Actor, action: str, draw: RewardDraw, now: datetime, **more: Any
) -> None:
    subject = f"reward_draw:{draw.public_id}"
    audit.record(session, acting_user=acting_user, action=action, subject=subject, now=now, **more)


def find(session: Session, public_id: str) -> RewardDraw:
    """Return a draw by its public id. Raises NotFound (unknown_draw)."""
    found = session.exec(select(RewardDraw).where(col(RewardDraw.public_id) == public_id)).first()
    if found is None:
        raise NotFound("unknown_draw")
    return found


def enter(
    session: Session, *, draw: RewardDraw, account_id: int, acting_user: Actor, now: datetime
) -> DrawEntry:
    """Enter a resident in a draw; who entered already has the same ticket again.

    The credits are not set aside: whoever lacks them when drawn is passed over. Raises Conflict
    (draw_over), InsufficientBalance, and what `eligibility` raises. Does not commit.
    """
    # Shared with others who enter, and in the way of who closes: after closing nobody comes in.
    draw = _locked(session, draw, shared=True)
    if draw.status != DrawStatus.OPEN or now >= draw.closes_at:
        raise Conflict("draw_over")
    reward = session.exec(select(Reward).where(col(Reward.id) == draw.reward_id)).one()
    eligibility(session, account_id=account_id, reward=reward, now=now)
    held = holdings.available(session, account_id=account_id, unit=Unit.CREDIT)
    available = sum(part.amount for part in held)
    if available < reward.price_credits:
        raise InsufficientBalance(available=available, needed=reward.price_credits)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    values = {
        "draw_id": draw.id,
        "account_id": account_id,
        "ticket": draw_rules.new_ticket(),
        "entered_at": now,
        "outcome": "",
    }
    statement = insert(DrawEntry.__table__).values(**values)  # type: ignore[attr-defined]
    session.connection().execute(
        statement.on_conflict_do_nothing(index_elements=["draw_id", "account_id"])
    )
    entry = entry_of(session, draw=draw, account_id=account_id)
    assert entry is not None
    return entry


def _locked(session: Session, draw: RewardDraw, *, shared: bool = False) -> RewardDraw:
    return session.exec(
        select(RewardDraw)
        .where(col(RewardDraw.id) == draw.id)
        .with_for_update(read=shared)
        .execution_options(populate_existing=True)
    ).one()


def entry_of(session: Session, *, draw: RewardDraw, account_id: int) -> DrawEntry | None:
    """Return a resident's entry in a draw."""
    return session.exec(
        select(DrawEntry).where(
            col(DrawEntry.draw_id) == draw.id, col(DrawEntry.account_id) == account_id
        )
    ).first()


def tickets_of(session: Session, draw: RewardDraw) -> list[str]:
    """Return the tickets of a draw, sorted."""
    statement = select(col(DrawEntry.ticket)).where(col(DrawEntry.draw_id) == draw.id)
    return sorted(session.exec(statement))


def entries_count(session: Session, draw: RewardDraw) -> int:
    """Return how many entered."""
    statement = select(func.count()).where(col(DrawEntry.draw_id) == draw.id)
    return session.exec(statement).one()


def close(session: Session, *, draw: RewardDraw, acting_user: Actor, now: datetime) -> RewardDraw:
    """Close a draw whose time is over and publish the digest of its entries.

    Nobody can close early: who could choose the moment could choose the entries. Raises Conflict
    (draw_not_in_state, draw_not_over).
    """
    draw = _locked(session, draw)
    _require(draw, DrawStatus.OPEN)
    if now < draw.closes_at:
        raise Conflict("draw_not_over")
    draw.status = DrawStatus.CLOSED
    draw.entries_sha256 = draw_rules.entries_digest(tickets_of(session, draw))
    session.add(draw)
    session.flush()
    _note(session, acting_user, "draw.closed", draw, now, entries_sha256=draw.entries_sha256)
    return draw


def _require(draw: RewardDraw, *statuses: DrawStatus) -> None:
    if draw.status not in statuses:
        raise Conflict("draw_not_in_state", status=draw.status)


def close_due(session: Session, *, now: datetime) -> int:
    """Close every draw whose time is over; returns how many. One that fails stops no other."""
    due = session.exec(
        select(RewardDraw)
        .where(col(RewardDraw.status) == DrawStatus.OPEN, col(RewardDraw.closes_at) <= now)
        .order_by(col(RewardDraw.id))
    ).all()
    closed = one_by_one(
        session,
        due,
        lambda draw: close(session, draw=draw, acting_user=SYSTEM, now=now),
        key=lambda draw: f"reward_draw:{draw.public_id}",
    )
    return len(closed)


def draw_lots(
    session: Session, *, draw: RewardDraw, vault: Vault, acting_user: Actor, now: datetime
) -> RewardDraw:
    """Publish the seed of a closed draw and the place of every ticket.

    Raises Conflict (draw_not_in_state). Coupons are given by `draw_awards`.
    """
    draw = _locked(session, draw)
    _require(draw, DrawStatus.CLOSED)
    seed = vault.open(draw.seed_sealed, purpose=SEED_PURPOSE)
    entries = session.exec(select(DrawEntry).where(col(DrawEntry.draw_id) == draw.id)).all()
    order = draw_rules.drawn_order(seed, [entry.ticket for entry in entries])
    ranks = {ticket: rank for rank, ticket in enumerate(order, start=1)}
    for entry in entries:
        entry.rank = ranks[entry.ticket]
    draw.status, draw.seed, draw.drawn_at = DrawStatus.DRAWN, seed, now
    session.add_all([draw, *entries])
    session.flush()
    _note(session, acting_user, "draw.drawn", draw, now, entries=len(entries))
    return draw


def call_off(
    session: Session, *, draw: RewardDraw, reason: str, acting_user: Actor, now: datetime
) -> RewardDraw:
    """Call a draw off before its seed is known; everybody who entered is told why.

    Raises Conflict (draw_not_in_state), Invalid (draw_reason).
    """
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise Invalid("draw_reason", field="reason", least=SHORTEST_REASON, limit=LONGEST_REASON)
    draw = _locked(session, draw)
    _require(draw, DrawStatus.OPEN, DrawStatus.CLOSED)
    draw.status, draw.call_off_reason = DrawStatus.CALLED_OFF, text
    session.add(draw)
    session.flush()
    _note(session, acting_user, "draw.called_off", draw, now, reason=text)
    tell(session, draw=draw, kind=CALLED_OFF_MESSAGE, where=sa.true(), now=now)
    return draw


def tell(session: Session, *, draw: RewardDraw, kind: str, where: Any, now: datetime) -> int:
    """Send a message to those who entered a draw and meet a condition."""
    accounts = session.exec(
        select(col(DrawEntry.account_id)).where(col(DrawEntry.draw_id) == draw.id, where)
    )
    params = message_params(session, draw)
    outgoing = [Outgoing(account, draw.public_id, params) for account in accounts]
    return send_many(session, kind=kind, outgoing=outgoing, now=now)


def message_params(session: Session, draw: RewardDraw) -> dict[str, object]:
    """Return what messages about a draw say: its id and what is drawn."""
    reward = session.exec(select(Reward).where(col(Reward.id) == draw.reward_id)).one()
    return {"draw": draw.public_id, **titles(reward)}


def titles(reward: Reward) -> dict[str, object]:
    """Return a reward's title by language, Chinese where English is missing."""
    zh = reward.texts.get("zh", {}).get("title", "")
    return {"title_zh": zh, "title_en": reward.texts.get("en", {}).get("title", "") or zh}
