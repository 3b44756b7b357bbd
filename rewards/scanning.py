"""What a till does with a coupon: look at it, use it, take a use back within ten minutes.

Each press of a till has a key of its own. The attempt is written before the work and committed
with its outcome, so the same press sent again, after a lost answer or at the same time, gets the
answer of the first and does nothing twice. Refusals are answers too.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Resident
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, day_start
from carbonaccount.crypto import Vault
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from rewards import coupon_codes, redeeming
from rewards.merchant_models import Merchant, MerchantTill, RewardMerchant, ScanAttempt
from rewards.models import Coupon, CouponStatus, Reward

OK = "ok"
LOOK, USE, UNDO = "look", "use", "undo"
# The code of a coupon changes every half minute; whoever has looked may take a moment to confirm.
LOOK_HOLDS = timedelta(minutes=10)
UNDO_WITHIN = timedelta(minutes=10)
# Longer than a statement waits for its settlement and objections.
ATTEMPTS_KEPT = timedelta(days=90)
SHORTEST_REASON, LONGEST_REASON = 2, 200
_REQUEST_KEY = re.compile(r"[A-Za-z0-9_-]{8,60}", re.ASCII)
_WORKING = "working"


@dataclass(frozen=True)
class Place:
    """Who presses, and where."""

    merchant_id: int
    till_id: int
    account_id: int


class Answer(NamedTuple):
    """What the till is told; the coupon and its reward when they were found."""

    attempt: ScanAttempt
    coupon: Coupon | None = None
    reward: Reward | None = None
    holder_tail: str = ""

    @property
    def ok(self) -> bool:
        """Return whether it was done."""
        return self.attempt.outcome == OK


@dataclass
class _Found:
    """What a press was about; kept when its work is taken back."""

    coupon_id: int | None = None
    reason: str = ""


class UsedToday(NamedTuple):
    """A coupon that a merchant took on a day."""

    coupon: Coupon
    reward: Reward
    till: str
    holder_tail: str

    def can_be_undone(self, now: datetime) -> bool:
        """Return whether the use may still be taken back at the till."""
        used_at = self.coupon.used_at
        fresh = used_at is not None and now - used_at <= UNDO_WITHIN
        return fresh and self.coupon.settlement_id is None


def look(
    session: Session,
    *,
    place: Place,
    request_key: str,
    text: str,
    vault: Vault,
    now: datetime,
) -> Answer:
    """Find the coupon behind what was scanned or typed; nothing of the coupon changes.

    Raises Conflict with request_key_used when the key came before with other content, Invalid
    with request_key_bad. Whoever calls counts guesses
    before (`coupon_codes.guesses_of`). Does not commit.
    """

    def find(found: _Found) -> None:
        coupon = coupon_codes.read_code(session, text=text, vault=vault, now=now)
        found.coupon_id = coupon.stored_id
        _check_taken_here(session, coupon, place)

    return _attempted(session, place, request_key, LOOK, text.strip(), find, now)


def use(
    session: Session,
    *,
    place: Place,
    request_key: str,
    look_key: str,
    acting_user: Actor,
    now: datetime,
) -> Answer:
    """Use the coupon that the same person found by a look of the last minutes.

    The look stands for the code, which may have changed meanwhile. The coupon is used once,
    whoever else has looked at it. Raises as `look` does. Does not commit.
    """

    def book(found: _Found) -> None:
        coupon_id = _looked_at(session, place, look_key, now)
        found.coupon_id = coupon_id
        coupon = session.get_one(Coupon, coupon_id)
        _check_taken_here(session, coupon, place)
        redeeming.use(
            session,
            coupon_id=coupon_id,
            merchant_id=place.merchant_id,
            till_id=place.till_id,
            used_by=place.account_id,
            acting_user=acting_user,
            now=now,
        )

    return _attempted(session, place, request_key, USE, look_key, book, now)


def undo(
    session: Session,
    *,
    place: Place,
    request_key: str,
    coupon_public_id: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Answer:
    """Take back a use of the last ten minutes; the coupon can be used again.

    Raises Invalid with undo_reason, and as `look` does. Does not commit.
    """
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(
            "undo_reason", field="reason", minimum=SHORTEST_REASON, maximum=LONGEST_REASON
        )

    def take_back(found: _Found) -> None:
        coupon = _used_here(session, coupon_public_id, place.merchant_id)
        found.coupon_id, found.reason = coupon.stored_id, reason
        redeeming.undo_use(
            session,
            coupon_id=coupon.stored_id,
            merchant_id=place.merchant_id,
            reason=reason,
            acting_user=acting_user,
            now=now,
        )

    content = f"{coupon_public_id}\n{reason}"
    return _attempted(session, place, request_key, UNDO, content, take_back, now)


def _attempted(
    session: Session,
    place: Place,
    request_key: str,
    action: str,
    content: str,
    work: Callable[[_Found], None],
    now: datetime,
) -> Answer:
    """Do the work of a press once and note what came of it, or return what was noted."""
    attempt, is_new = _claim(session, place, request_key, action, content, now)
    if is_new:
        found = _Found()
        outcome = _outcome(session, work, found)
        attempt.outcome, attempt.coupon_id, attempt.reason = outcome, found.coupon_id, found.reason
        session.add(attempt)
        session.flush()
    return _answer(session, attempt)


def _outcome(session: Session, work: Callable[[_Found], None], found: _Found) -> str:
    try:
        # What a refusal leaves behind half done is taken back; the attempt itself stays.
        with session.begin_nested():
            work(found)
    except DomainError as error:
        return error.code
    return OK


def _claim(
    session: Session, place: Place, request_key: str, action: str, content: str, now: datetime
) -> tuple[ScanAttempt, bool]:
    """Write the attempt, or find the one that this key made; another press waits for it."""
    if not _REQUEST_KEY.fullmatch(request_key):
        raise Invalid("request_key_bad")
    sha256 = hashlib.sha256(f"{action}\n{content}".encode()).hexdigest()
    table = ScanAttempt.__table__  # type: ignore[attr-defined]
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    statement = insert(table).values(
        merchant_id=place.merchant_id,
        account_id=place.account_id,
        till_id=place.till_id,
        request_key=request_key,
        content_sha256=sha256,
        action=action,
        outcome=_WORKING,
        reason="",
        attempted_at=now,
    )
    written = session.connection().execute(
        statement.on_conflict_do_nothing(
            index_elements=[table.c.merchant_id, table.c.request_key]
        ).returning(table.c.id)
    )
    is_new = written.scalar() is not None
    attempt = _attempt(session, place, request_key)
    if attempt is None or attempt.content_sha256 != sha256:
        raise Conflict("request_key_used")
    return attempt, is_new


def forget_attempts(session: Session, *, now: datetime) -> int:
    """Delete what tills sent long ago; the uses themselves stand in the coupons and the books."""
    old = col(ScanAttempt.attempted_at) <= now - ATTEMPTS_KEPT
    return session.exec(sa.delete(ScanAttempt).where(old)).rowcount


def _attempt(session: Session, place: Place, request_key: str) -> ScanAttempt | None:
    """Return the attempt of a key, if it is this person's."""
    return session.exec(
        select(ScanAttempt)
        .where(
            col(ScanAttempt.merchant_id) == place.merchant_id,
            col(ScanAttempt.request_key) == request_key,
            col(ScanAttempt.account_id) == place.account_id,
        )
        .execution_options(populate_existing=True)
    ).first()


def _looked_at(session: Session, place: Place, look_key: str, now: datetime) -> int:
    seen = _attempt(session, place, look_key)
    if seen is None or seen.action != LOOK or seen.outcome != OK or seen.coupon_id is None:
        raise Invalid("not_looked_at")
    if now - seen.attempted_at > LOOK_HOLDS:
        raise Invalid("look_outdated")
    return seen.coupon_id


def _check_taken_here(session: Session, coupon: Coupon, place: Place) -> None:
    """Raise Invalid unless this merchant takes the coupon at this till today."""
    if session.get(RewardMerchant, (coupon.reward_id, place.merchant_id)) is None:
        raise Invalid("coupon_not_here")
    merchant = session.get_one(Merchant, place.merchant_id)
    if not merchant.active:
        raise Invalid("merchant_closed")
    till = session.get(MerchantTill, place.till_id)
    if till is None or till.merchant_id != place.merchant_id or not till.active:
        raise Invalid("till_closed")


def _used_here(session: Session, public_id: str, merchant_id: int) -> Coupon:
    found = session.exec(
        select(Coupon).where(
            col(Coupon.public_id) == public_id, col(Coupon.merchant_id) == merchant_id
        )
    ).first()
    if found is None:
        raise NotFound("coupon_not_used_here")
    return found


def _answer(session: Session, attempt: ScanAttempt) -> Answer:
    if attempt.coupon_id is None:
        return Answer(attempt)
    coupon, reward, tail = session.exec(
        select(Coupon, Reward, col(Resident.phone_tail))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .outerjoin(Resident, col(Resident.account_id) == col(Coupon.account_id))
        .where(col(Coupon.id) == attempt.coupon_id)
    ).one()
    return Answer(attempt, coupon, reward, tail or "")


def used_today(session: Session, *, merchant_id: int, now: datetime) -> list[UsedToday]:
    """Return what a merchant took today, the latest first."""
    rows = session.exec(
        select(Coupon, Reward, col(MerchantTill.name), col(Resident.phone_tail))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .outerjoin(MerchantTill, col(MerchantTill.id) == col(Coupon.till_id))
        .outerjoin(Resident, col(Resident.account_id) == col(Coupon.account_id))
        .where(
            col(Coupon.merchant_id) == merchant_id,
            col(Coupon.status) == CouponStatus.USED,
            col(Coupon.used_at) >= day_start(business_day(now)),
        )
        .order_by(col(Coupon.used_at).desc(), col(Coupon.id).desc())
    )
    return [
        UsedToday(coupon, reward, till or "", tail or "") for coupon, reward, till, tail in rows
    ]


def undone_today(
    session: Session, *, merchant_id: int, now: datetime
) -> list[tuple[ScanAttempt, Coupon, Reward]]:
    """Return the uses that were taken back today, with their reasons, the latest first."""
    rows = session.exec(
        select(ScanAttempt, Coupon, Reward)
        .join(Coupon, col(Coupon.id) == col(ScanAttempt.coupon_id))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .where(
            col(ScanAttempt.merchant_id) == merchant_id,
            col(ScanAttempt.attempted_at) >= day_start(business_day(now)),
            sa.and_(col(ScanAttempt.action) == UNDO, col(ScanAttempt.outcome) == OK),
        )
        .order_by(col(ScanAttempt.attempted_at).desc())
    )
    return list(rows)
