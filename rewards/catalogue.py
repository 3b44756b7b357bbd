"""The life of a reward: drafted, published by a second person, paused, repriced, ended.

Nothing that residents pay is decided by one person: who drafted a reward or proposed its new
price never publishes it. Taking a reward from the shelf must not wait for anybody. Each function
locks the reward's row, leaves a line in the audit trail and does not commit.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import District
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import new_public_id
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from rewards import favourites, fund
from rewards.acceptance import is_usable
from rewards.fund_models import FundProgramme
from rewards.merchant_models import Merchant, RewardMerchant
from rewards.models import Reward, RewardPrice, RewardStatus, StockMovement
from rewards.pictures import PICTURE_NAME
from rewards.reward_content import (
    HIGHEST_PRICE,
    LONGEST_REASON,
    RewardContent,
    check_content,
    check_number,
    columns_of,
    yuan_text,
)

EDITORS = frozenset({Role.REWARD_EDITOR})
APPROVERS = frozenset({Role.REWARD_APPROVER})
EITHER = EDITORS | APPROVERS
# Taking something off the shelf must not wait for the one person who may edit rewards.
STOPPERS = EITHER | {Role.OPERATOR}
ON_SHELF = (RewardStatus.PUBLISHED, RewardStatus.PAUSED)
MOST_MOVED = 1_000_000


def draft_reward(
    session: Session, *, content: RewardContent, acting_user: Actor, now: datetime
) -> Reward:
    """Write down a new reward; nobody but staff sees it.

    Raises Invalid (what `check_content` raises, unknown_programme, unknown_district,
    unknown_merchant), Refused for anybody but a reward editor.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    _check(session, content)
    reward = Reward(
        public_id=new_public_id(), drafted_by=staff_id, created_at=now, **columns_of(content)
    )
    session.add(reward)
    session.flush()
    _set_merchants(session, reward, content)
    _audit(session, "reward.draft", reward, acting_user, now, price=reward.price_credits)
    return reward


def edit_draft(
    session: Session, *, public_id: str, content: RewardContent, acting_user: Actor, now: datetime
) -> Reward:
    """Write a draft anew; only its drafter, so that the drafter stays one person.

    Raises Conflict (reward_not_in_state), Refused (not_own_reward), what `draft_reward` raises.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    reward = locked(session, public_id, RewardStatus.DRAFT)
    if reward.drafted_by != staff_id:
        raise Refused("not_own_reward")
    _check(session, content)
    for name, value in columns_of(content).items():
        setattr(reward, name, value)
    _set_merchants(session, reward, content)
    _audit(session, "reward.edit", reward, acting_user, now, price=reward.price_credits)
    return reward


def _check(session: Session, content: RewardContent) -> None:
    check_content(content)
    if session.get(FundProgramme, content.programme_id) is None:
        raise Invalid("unknown_programme", field="programme_id")
    known = set(session.exec(select(col(District.code))))
    if not known.issuperset(content.districts):
        raise Invalid("unknown_district", field="districts")
    merchants = set(session.exec(select(col(Merchant.id))))
    if not merchants.issuperset(content.merchant_ids):
        raise Invalid("unknown_merchant", field="merchant_ids")


def _set_merchants(session: Session, reward: Reward, content: RewardContent) -> None:
    assert reward.id is not None
    session.exec(sa.delete(RewardMerchant).where(col(RewardMerchant.reward_id) == reward.id))
    for merchant_id in sorted(set(content.merchant_ids)):
        session.add(RewardMerchant(reward_id=reward.id, merchant_id=merchant_id))


def set_picture(
    session: Session, *, public_id: str, picture: str, acting_user: Actor, now: datetime
) -> str:
    """Show a stored picture (see rewards.pictures) with a draft, "" for none.

    Returns the name of the picture before, whose file the caller removes after the commit.
    Raises Conflict (reward_not_in_state), Refused (not_own_reward), Invalid (picture_name).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    reward = locked(session, public_id, RewardStatus.DRAFT)
    if reward.drafted_by != staff_id:
        raise Refused("not_own_reward")
    if picture and not PICTURE_NAME.fullmatch(picture):
        raise Invalid("picture_name")
    before, reward.picture = reward.picture, picture
    _audit(session, "reward.picture", reward, acting_user, now)
    return before


def submit(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Hand a draft to another person.

    Raises Conflict (reward_not_in_state, reward_needs_merchant), Invalid.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    _require_merchant(session, locked(session, public_id, RewardStatus.DRAFT))
    return _step(session, public_id, "submit", RewardStatus.IN_REVIEW, reason, acting_user, now)


def return_to_draft(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Give a reward in review back to its drafter. Raises Conflict (reward_not_in_state)."""
    require_role(session, acting_user=acting_user, roles=EITHER)
    return _step(session, public_id, "return", RewardStatus.DRAFT, reason, acting_user, now)


def revise(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Make a paused reward a draft again, of whoever takes it up; it is published anew.

    Coupons that were given keep what they promised. Raises Conflict (reward_not_in_state).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    reward = _step(session, public_id, "revise", RewardStatus.DRAFT, reason, acting_user, now)
    reward.drafted_by, reward.approved_by = staff_id, None
    _drop_proposal(reward)
    return reward


def publish(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Put a reward on the shelf, by somebody else than its drafter, when the fund covers it.

    Raises Refused (own_reward), Conflict (reward_not_in_state, reward_over, reward_needs_merchant,
    fund_does_not_cover).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    reward = locked(session, public_id, RewardStatus.IN_REVIEW)
    if staff_id == reward.drafted_by:
        raise Refused("own_reward")
    _check_offer(session, reward, now)
    reward.approved_by = staff_id
    reward.published_at = reward.published_at or now
    _note_price(session, reward, acting_user, now)
    return _step(session, public_id, "publish", RewardStatus.PUBLISHED, reason, acting_user, now)


def pause(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Take a reward from the shelf for now; residents read the reason."""
    require_role(session, acting_user=acting_user, roles=STOPPERS)
    reward = _step(session, public_id, "pause", RewardStatus.PAUSED, reason, acting_user, now)
    reward.pause_reason = reason.strip()
    return reward


def resume(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Put a paused reward back.

    Raises Conflict (reward_over, reward_needs_merchant, fund_does_not_cover).
    """
    require_role(session, acting_user=acting_user, roles=EITHER)
    reward = locked(session, public_id, RewardStatus.PAUSED)
    _check_offer(session, reward, now)
    reward.pause_reason = ""
    return _step(session, public_id, "resume", RewardStatus.PUBLISHED, reason, acting_user, now)


def end(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Take a reward from the shelf for good, or throw a draft away; its coupons stay good."""
    require_role(session, acting_user=acting_user, roles=EITHER)
    reward = _step(session, public_id, "end", RewardStatus.ENDED, reason, acting_user, now)
    reward.ended_at = now
    _drop_proposal(reward)
    return reward


def propose_price(
    session: Session,
    *,
    public_id: str,
    price_credits: int,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Reward:
    """Propose what a reward on the shelf is to cost; it costs what it did until another agrees.

    Raises Conflict (reward_not_in_state), Invalid (reward_number, price_unchanged).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EITHER)
    reward = locked(session, public_id, *ON_SHELF)
    _check_reason(reason)
    check_number(price_credits, field="price_credits", lowest=1, highest=HIGHEST_PRICE)
    if price_credits == reward.price_credits:
        raise Invalid("price_unchanged", field="price_credits")
    reward.proposed_price, reward.price_proposed_by = price_credits, staff_id
    _audit(session, "reward.propose_price", reward, acting_user, now, reason, price=price_credits)
    return reward


def set_price(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Put a proposed price into force, by somebody else than who proposed it.

    Those who keep an eye on the reward are told when it gets cheaper. Raises Refused
    (own_price), Conflict (reward_not_in_state, no_price_proposed).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    reward = locked(session, public_id, *ON_SHELF)
    _check_reason(reason)
    if reward.proposed_price is None:
        raise Conflict("no_price_proposed")
    if reward.price_proposed_by == staff_id:
        raise Refused("own_price")
    before, reward.price_credits = reward.price_credits, reward.proposed_price
    _drop_proposal(reward)
    _note_price(session, reward, acting_user, now)
    price = reward.price_credits
    _audit(session, "reward.price", reward, acting_user, now, reason, price=price, before=before)
    if price < before and reward.status == RewardStatus.PUBLISHED:
        favourites.tell_cheaper(session, reward=reward, before=before, now=now)
    return reward


def drop_price(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Reward:
    """Withdraw or refuse a proposed price. Raises Conflict (no_price_proposed)."""
    require_role(session, acting_user=acting_user, roles=EITHER)
    reward = locked(session, public_id, *ON_SHELF)
    _check_reason(reason)
    if reward.proposed_price is None:
        raise Conflict("no_price_proposed")
    proposed = reward.proposed_price
    _drop_proposal(reward)
    _audit(session, "reward.drop_price", reward, acting_user, now, reason, price=proposed)
    return reward


def move_stock(
    session: Session,
    *,
    public_id: str,
    change: int,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> StockMovement:
    """Add to a reward's stock what was delivered, or take off what was lost.

    Those who keep an eye on a reward that was out are told when it is back. What the fund does
    not cover cannot be added to a reward on the shelf. Raises Conflict (reward_not_in_state,
    stock_below_zero with `stock_left`, fund_does_not_cover), Invalid (stock_change).
    """
    require_role(session, acting_user=acting_user, roles=EITHER)
    _check_reason(reason)
    if change == 0 or abs(change) > MOST_MOVED:
        raise Invalid("stock_change", field="change", limit=MOST_MOVED)
    reward = locked(session, public_id, *(set(RewardStatus) - {RewardStatus.ENDED}))
    left = reward.stock_left + change
    if left < 0:
        raise Conflict("stock_below_zero", stock_left=reward.stock_left)
    reward.stock_left = left
    session.flush()
    if change > 0 and reward.status in ON_SHELF:
        _require_covered(session, reward, now)
    return _note_movement(session, reward, change, reason, acting_user, now)


def _note_movement(
    session: Session, reward: Reward, change: int, reason: str, actor: Actor, now: datetime
) -> StockMovement:
    assert reward.id is not None
    row = StockMovement(
        reward_id=reward.id, change=change, reason=reason.strip(), moved_by=str(actor), moved_at=now
    )
    session.add(row)
    session.flush()
    _audit(session, "reward.stock", reward, actor, now, reason, change=change)
    is_back = reward.stock_left == change and change > 0
    if is_back and reward.status == RewardStatus.PUBLISHED:
        favourites.tell_back(session, reward=reward, movement=row, now=now)
    return row


def locked(session: Session, public_id: str, *states: RewardStatus) -> Reward:
    """Return a reward that stands as expected, locked so that nobody moves it meanwhile.

    Raises NotFound (unknown_reward), Conflict (reward_not_in_state with its `status`).
    """
    reward = session.exec(
        select(Reward)
        .where(col(Reward.public_id) == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if reward is None:
        raise NotFound("unknown_reward", reward=public_id[:32])
    if states and reward.status not in states:
        raise Conflict("reward_not_in_state", status=reward.status)
    return reward


# From which states a step leads on; what is not here is refused.
_FROM: dict[str, tuple[RewardStatus, ...]] = {
    "submit": (RewardStatus.DRAFT,),
    "return": (RewardStatus.IN_REVIEW,),
    "publish": (RewardStatus.IN_REVIEW,),
    "pause": (RewardStatus.PUBLISHED,),
    "resume": (RewardStatus.PAUSED,),
    "revise": (RewardStatus.PAUSED,),
    "end": tuple(set(RewardStatus) - {RewardStatus.ENDED}),
}


def _step(
    session: Session,
    public_id: str,
    step: str,
    status: RewardStatus,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Reward:
    # Flushed first, since locking reads the row anew.
    session.flush()
    reward = locked(session, public_id, *_FROM[step])
    _check_reason(reason)
    reward.status = status
    _audit(session, f"reward.{step}", reward, actor, now, reason)
    return reward


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Invalid("reason_needed", field="reason", limit=LONGEST_REASON)


def _check_offer(session: Session, reward: Reward, now: datetime) -> None:
    if reward.offered_until < business_day(now):
        raise Conflict("reward_over", day=reward.offered_until.isoformat())
    _require_merchant(session, reward)
    _require_covered(session, reward, now)


def _require_merchant(session: Session, reward: Reward) -> None:
    """Nobody shall pay for a coupon that no active merchant takes."""
    session.flush()
    if not is_usable(session, reward):
        raise Conflict("reward_needs_merchant")


def _require_covered(session: Session, reward: Reward, now: datetime) -> None:
    if not fund.covers(session, reward=reward, now=now):
        missing_fen = fund.uncovered_fen(session, reward=reward, now=now)
        raise Conflict("fund_does_not_cover", missing_yuan=yuan_text(missing_fen))


def _note_price(session: Session, reward: Reward, actor: Actor, now: datetime) -> None:
    """Add to the price history unless the last line says the same."""
    assert reward.id is not None
    last = session.exec(
        select(RewardPrice)
        .where(col(RewardPrice.reward_id) == reward.id)
        .order_by(col(RewardPrice.valid_from).desc())
    ).first()
    if last is None or last.price_credits != reward.price_credits:
        price = reward.price_credits
        session.add(
            RewardPrice(reward_id=reward.id, valid_from=now, price_credits=price, set_by=str(actor))
        )


def _drop_proposal(reward: Reward) -> None:
    reward.proposed_price, reward.price_proposed_by = None, None


def _audit(
    session: Session,
    action: str,
    reward: Reward,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    **details: Any,
) -> None:
    audit.record(
        session,
        acting_user=actor,
        action=action,
        subject=f"reward:{reward.public_id}",
        now=now,
        reason=reason.strip() if reason else None,
        **details,
    )
