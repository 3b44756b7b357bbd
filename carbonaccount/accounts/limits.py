"""How often something may be tried, counted in the database so that it holds across workers.

Counting is one statement: insert the first try, or add one to the row that is there, and return
the new count. Two workers can therefore never both be "the last one allowed". Whoever counts must
commit before refusing, otherwise the refusal would undo the count.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from carbonaccount.accounts.models import RateCount
from carbonaccount.crypto import Vault
from carbonaccount.database import is_sqlite
from carbonaccount.errors import LimitReached


@dataclass(frozen=True)
class Limit:
    """At most `maximum` tries per window; `scope` says of what.

    With `slides` the window ends that long after the last try that was still allowed, which makes
    it a lock; otherwise that long after the first.
    """

    scope: str
    maximum: int
    window: timedelta
    slides: bool = False


# One short message a minute, five an hour and ten a day is also what carriers allow.
CODES_PER_NUMBER = (
    Limit("code_number_minute", 1, timedelta(minutes=1)),
    Limit("code_number_hour", 5, timedelta(hours=1)),
    Limit("code_number_day", 10, timedelta(days=1)),
)
CODES_PER_ADDRESS = Limit("code_address_hour", 20, timedelta(hours=1))
CHECKS_PER_NUMBER = Limit("check_number_hour", 25, timedelta(hours=1))
CHECKS_PER_ADDRESS = Limit("check_address_hour", 60, timedelta(hours=1))
STAFF_PER_LOGIN = Limit("staff_login", 5, timedelta(minutes=10), slides=True)
STAFF_PER_ADDRESS = Limit("staff_address", 5, timedelta(minutes=10), slides=True)


@dataclass(frozen=True)
class Counted:
    """One try: the how-manieth in its window, and when the window ends."""

    limit: Limit
    count: int
    expires_at: datetime


def number_key(vault: Vault, phone: str) -> str:
    """Return the blind index under which tries with a number are counted."""
    return vault.index(phone, purpose="rate:number")


def login_key(vault: Vault, login: str) -> str:
    """Return the blind index under which tries with a staff login are counted."""
    return vault.index(login, purpose="rate:login")


def address_key(vault: Vault, address: str | None) -> str:
    """Return the blind index of a network address; IPv6 counts by /64, which is one household."""
    return vault.index(_network(address or "unknown"), purpose="rate:address")


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def count_try(session: Session, *, limit: Limit, key_index: str, now: datetime) -> Counted:
    """Count one try and return the new count; the caller commits."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    over = col(RateCount.expires_at) <= now
    still_allowed = col(RateCount.count) < limit.maximum
    moves_on = sa.or_(over, still_allowed) if limit.slides else over
    statement = insert(RateCount).values(
        scope=limit.scope,
        key_index=key_index,
        window_start=now,
        count=1,
        expires_at=now + limit.window,
    )
    counting = statement.on_conflict_do_update(
        index_elements=["scope", "key_index"],
        set_={
            "count": sa.case((over, 1), else_=col(RateCount.count) + 1),
            "window_start": sa.case(
                (over, statement.excluded.window_start), else_=col(RateCount.window_start)
            ),
            "expires_at": sa.case(
                (moves_on, statement.excluded.expires_at), else_=col(RateCount.expires_at)
            ),
        },
    ).returning(col(RateCount.count), col(RateCount.expires_at))
    count, expires_at = session.exec(counting).one()
    return Counted(limit, count, expires_at)


def give_back(session: Session, *, limit: Limit, key_index: str) -> None:
    """Take back one counted try that turned out to be rightful; the caller commits."""
    session.exec(
        sa.update(RateCount)
        .where(
            col(RateCount.scope) == limit.scope,
            col(RateCount.key_index) == key_index,
            col(RateCount.count) > 0,
        )
        .values(count=col(RateCount.count) - 1)
    )


def refuse_excess(counted: list[Counted], *, now: datetime) -> None:
    """Raise LimitReached, naming the longest wait, when a count is over its maximum."""
    over = [each for each in counted if each.count > each.limit.maximum]
    if not over:
        return
    wait = max(each.expires_at for each in over) - now
    raise LimitReached("too_many_attempts", retry_after_s=max(1, round(wait.total_seconds())))
