"""A pool from its draft to its opening, and calling it off: drafted by one, opened by another."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import once
from carbonaccount.institutions.models import Institution, InstitutionStatus
from carbonaccount.institutions.pool_models import Pool, PoolStatus
from carbonaccount.messages.services import announce, end_announcement

OFFICERS: Final = frozenset({Role.INSTITUTION_OFFICER})
OPENED_MESSAGE: Final = "pool_open"
# What a person reads before they decide; each in Chinese and in English, with its longest form.
TEXTS: Final = {"title": (60, 120), "purpose": (500, 800), "proceeds": (300, 500)}
LONGEST_NAME: Final = (80, 120)
HIGHEST_PRICE_FEN: Final = 10_000_000
SHORTEST_REASON, LONGEST_REASON = 2, 500


@dataclass(frozen=True)
class PoolContent:
    """What a person of the staff decides about a pool.

    texts: (zh, en) of title, purpose and proceeds; proceeds may be empty for a gift.  buyer: the
    public id of an institution, or "" with the name of another buyer in `buyer_name` (zh, en).
    """

    texts: dict[str, tuple[str, str]]
    first_day: date
    last_day: date
    joins_until: date
    buyer: str
    buyer_name: tuple[str, str]
    price_fen_per_t: int


def draft(
    session: Session,
    *,
    content: PoolContent,
    acting_user: Actor,
    now: datetime,
    request_key: str = "",
) -> Pool:
    """Write down a new pool, which nobody but the staff sees yet; the same key gives the same.

    Raises Invalid (pool_text, pool_period, pool_joins_until, pool_price, pool_buyer,
    request_key_bad), Conflict (request_key_used), Refused for anybody but an officer for
    institutions.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    values = _values(session, content, business_day(now))
    public_id = once.public_id_of(request_key, owner=f"pool:{staff_id}")
    # The same form sent twice at once waits here, and then finds the first.
    session.exec(
        select(col(Staff.id)).where(col(Staff.id) == staff_id).with_for_update(key_share=True)
    )
    earlier = session.exec(select(Pool).where(col(Pool.public_id) == public_id)).first()
    if earlier is not None:
        return once.the_same(earlier, **values)
    pool = Pool(public_id=public_id, drafted_by=staff_id, drafted_at=now, **values)
    session.add(pool)
    session.flush()
    note(session, "draft", pool, acting_user, now)
    return pool


def edit(
    session: Session, *, public_id: str, content: PoolContent, acting_user: Actor, now: datetime
) -> Pool:
    """Write a draft anew; who did drafted it. Raises what `draft` raises, Conflict (pool_state)."""
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    pool = locked(session, public_id, PoolStatus.DRAFT)
    for name, value in _values(session, content, business_day(now)).items():
        setattr(pool, name, value)
    pool.drafted_by = staff_id
    session.flush()
    note(session, "edit", pool, acting_user, now)
    return pool


def _values(session: Session, content: PoolContent, today: date) -> dict[str, Any]:
    """Return a pool's columns, after looking at each."""
    values: dict[str, Any] = {}
    for name, longest in TEXTS.items():
        needed = name != "proceeds" or content.price_fen_per_t > 0
        for language, text, most in zip(("zh", "en"), content.texts[name], longest, strict=True):
            text = text.strip()
            if len(text) > most or (needed and not text):
                raise Invalid("pool_text", field=f"{name}_{language}", limit=most)
            values[f"{name}_{language}"] = text
    if content.first_day > content.last_day or content.first_day.year != content.last_day.year:
        raise Invalid("pool_period", field="last_day")
    if content.joins_until < today:
        raise Invalid("pool_joins_until", field="joins_until")
    if not 0 <= content.price_fen_per_t <= HIGHEST_PRICE_FEN:
        raise Invalid("pool_price", field="price", limit=HIGHEST_PRICE_FEN // 100)
    return {
        **values,
        **_buyer(session, content),
        "first_day": content.first_day,
        "last_day": content.last_day,
        "joins_until": content.joins_until,
        "price_fen_per_t": content.price_fen_per_t,
    }


def _buyer(session: Session, content: PoolContent) -> dict[str, Any]:
    if content.buyer:
        place = session.exec(
            select(Institution).where(
                col(Institution.public_id) == content.buyer,
                col(Institution.status) == InstitutionStatus.ACTIVE,
            )
        ).first()
        if place is None:
            raise Invalid("pool_buyer", field="buyer")
        return {"buyer_id": place.stored_id, "buyer_zh": "", "buyer_en": ""}
    zh, en = (name.strip() for name in content.buyer_name)
    if not zh or len(zh) > LONGEST_NAME[0] or len(en) > LONGEST_NAME[1]:
        raise Invalid("pool_buyer", field="buyer_zh")
    return {"buyer_id": None, "buyer_zh": zh, "buyer_en": en}


def open_pool(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Pool:
    """Let residents take part, after another person of the staff has read the draft.

    Everybody is told of it. Raises Conflict (pool_state, pool_own_draft), Invalid
    (pool_joins_until).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    pool = locked(session, public_id, PoolStatus.DRAFT)
    require_second(pool, staff_id)
    if pool.joins_until < business_day(now):
        raise Invalid("pool_joins_until", field="joins_until")
    pool.status, pool.opened_at = PoolStatus.OPEN.value, now
    session.flush()
    announce(
        session,
        kind=OPENED_MESSAGE,
        cause=pool.public_id,
        params={"title_zh": pool.title_zh, "title_en": pool.title_en},
        last_day=pool.joins_until,
        now=now,
    )
    note(session, "open", pool, acting_user, now)
    return pool


def locked(session: Session, public_id: str, *statuses: PoolStatus) -> Pool:
    """Return a pool that nobody else moves on or leaves until the end of the transaction.

    Raises NotFound (unknown_pool), Conflict (pool_state).
    """
    pool = session.exec(
        select(Pool)
        .where(col(Pool.public_id) == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if pool is None:
        raise NotFound("unknown_pool")
    if statuses and pool.status not in statuses:
        raise Conflict("pool_state")
    return pool


def require_second(pool: Pool, staff_id: int) -> None:
    """Raise Conflict (pool_own_draft) for whoever drafted the pool."""
    if pool.drafted_by == staff_id:
        raise Conflict("pool_own_draft")


def checked_reason(reason: str) -> str:
    """Return a reason. Raises Invalid (pool_reason)."""
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise Invalid("pool_reason", field="reason", least=SHORTEST_REASON, limit=LONGEST_REASON)
    return text


def end_news(session: Session, pool: Pool, now: datetime) -> None:
    """Announce a pool no longer, since nobody can take part any more."""
    day = business_day(now)
    end_announcement(session, kind=OPENED_MESSAGE, cause=pool.public_id, last_day=day)


def note(
    session: Session, step: str, pool: Pool, acting_user: Actor, now: datetime, reason: str = ""
) -> None:
    """Write a step into the audit trail; of persons it says nothing."""
    audit.record(
        session,
        acting_user=acting_user,
        action=f"pool.{step}",
        subject=f"pool:{pool.public_id}",
        now=now,
        reason=reason or None,
        amount_g=pool.amount_g,
        people=pool.people,
    )
