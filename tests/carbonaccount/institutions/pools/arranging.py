"""Residents with certified grams, officers, and pools, for the tests of pools."""

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlmodel import Session, col, select

from behaviors.models import Source
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.institutions import pool_gathering, pool_joining, pools
from carbonaccount.institutions.pool_models import Pool, PoolShare
from carbonaccount.institutions.pools import PoolContent
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.people import DANA_PASSWORD

NOW = datetime(2026, 4, 10, 4, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, 4, tzinfo=UTC)
# A ride of 3 km on a shared bike.
RIDE_G = 146
PEOPLE = 11


def officers(app: Flask, session: Session) -> tuple[Actor, Actor]:
    """Add two officers for institutions."""
    found = []
    for login in ("olga", "otis"):
        added = add_staff(
            session,
            login=login,
            display_name=login,
            password=DANA_PASSWORD,
            roles=frozenset({Role.INSTITUTION_OFFICER}),
            vault=app.extensions["carbonaccount.vault"],
            acting_user=SYSTEM,
            now=NOW,
        )
        found.append(Actor("staff", login, added.staff.stored_id))
    return found[0], found[1]


def riders(session: Session, count: int = PEOPLE) -> tuple[Source, list[int]]:
    """Open accounts; the n-th of them made n certified rides in March, the first ones fewer.

    The first one's only ride has evidence C, which is not certified.
    """
    source = admit(session)
    names = [f"rider-{number}" for number in range(count)]
    found = [open_person(session, (source, name)) for name in names]
    rides = [
        item(
            f"{name}-{day}",
            subject=name,
            evidence="A" if number else "C",
            occurred_at=f"2026-03-{day:02}T08:00:00+08:00",
        )
        for number, name in enumerate(names)
        for day in range(1, max(1, number) + 1)
    ]
    bring(session, source, *rides, now=APRIL)
    return source, found


def content(**changes: Any) -> PoolContent:
    """What an officer writes about a pool of March at 60 yuan a tonne."""
    values: dict[str, Any] = {
        "texts": {
            "title": ("三月骑行减排池", "Rides of March"),
            "purpose": ("抵消城市马拉松的排放", "To make the city marathon good"),
            "proceeds": ("用于修自行车道", "For cycle lanes"),
        },
        "first_day": date(2026, 3, 1),
        "last_day": date(2026, 3, 31),
        "joins_until": date(2026, 4, 30),
        "buyer": "",
        "buyer_name": ("某公司", "Some Company"),
        "price_fen_per_t": 6000,
        **changes,
    }
    return PoolContent(**values)


def opened(session: Session, staff: tuple[Actor, Actor], **changes: Any) -> Pool:
    """Draft a pool by one officer and open it by the other."""
    pool = pools.draft(session, content=content(**changes), acting_user=staff[0], now=NOW)
    return pools.open_pool(session, public_id=pool.public_id, acting_user=staff[1], now=NOW)


def join(session: Session, pool: Pool, account_id: int, now: datetime = NOW) -> PoolShare:
    """Let a person take part."""
    return pool_joining.join(
        session,
        account_id=account_id,
        public_id=pool.public_id,
        statement="I agree",
        acting_user=SYSTEM,
        now=now,
    )


def leave(session: Session, pool: Pool, account_id: int) -> None:
    """Let a person leave."""
    pool_joining.leave(
        session, account_id=account_id, public_id=pool.public_id, acting_user=SYSTEM, now=NOW
    )


def closed(session: Session, staff: tuple[Actor, Actor], people: list[int], **changes: Any) -> Pool:
    """Open a pool, let everybody take part, and close it."""
    pool = opened(session, staff, **changes)
    for account_id in people:
        join(session, pool, account_id)
    return pool_gathering.close(session, public_id=pool.public_id, acting_user=staff[1], now=NOW)


def share_of(session: Session, pool: Pool, account_id: int) -> PoolShare:
    """Return a person's part that is in force, or the last one that was."""
    return session.exec(
        select(PoolShare)
        .where(col(PoolShare.pool_id) == pool.stored_id, col(PoolShare.account_id) == account_id)
        .order_by(col(PoolShare.id).desc())
        .execution_options(populate_existing=True)
    ).all()[0]
