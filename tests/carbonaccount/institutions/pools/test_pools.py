"""Pools: who takes part with what, leaving until the sale, numbers, books, and two persons."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session, col, func, select

from carbonaccount.accounts.services import withdraw_consent
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.certified import certified_free_g
from carbonaccount.errors import DomainError
from carbonaccount.institutions import attribution, attribution_lots, pool_gathering, pools
from carbonaccount.institutions.models import Seat
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.pool_joining import consent_purpose
from carbonaccount.institutions.pool_models import PoolShare
from carbonaccount.institutions.retiring import retire
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.messages.models import Message
from tests.behaviors.intake.arranging import bring, item
from tests.carbonaccount.institutions.offsets.arranging import books, broken, school, seat
from tests.carbonaccount.institutions.pools.arranging import (
    NOW,
    RIDE_G,
    closed,
    content,
    join,
    leave,
    officers,
    opened,
    riders,
    share_of,
)


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as refused:
        work()
    return refused.value.code


def told(session: Session, kind: str) -> int:
    wanted = select(func.count()).where(col(Message.kind) == kind)
    return session.exec(wanted).one()


def test_from_the_draft_to_the_sale_to_an_institution(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    source, people = riders(session, 12)
    place = school(session)
    pool = closed(session, staff, people, buyer=place.public_id, buyer_name=("", ""))
    # Rides: none certified, 1, 2, ... 11; a ride is 146 g.
    assert (pool.status, pool.people, pool.amount_g) == ("closed", 11, 66 * RIDE_G)
    assert share_of(session, pool, people[0]).status == "nothing"
    assert books(session, people[5], LedgerKind.HOLD) == 5 * RIDE_G
    assert books(session, people[5], LedgerKind.RESIDENT) == 0
    # A ride that is not certified makes nothing of what is set aside free again.
    late = item("late", subject="rider-5", evidence="C", occurred_at="2026-04-01T08:00:00+08:00")
    bring(session, source, late, now=NOW)
    assert books(session, people[5], LedgerKind.RESIDENT) == RIDE_G
    assert certified_free_g(session, people[5]) == 0
    assert broken(session) == {}
    leave(session, pool, people[3])
    assert books(session, people[3], LedgerKind.RESIDENT) == 3 * RIDE_G
    assert certified_free_g(session, people[3]) == 3 * RIDE_G
    assert code_of(lambda: leave(session, pool, people[3])) == "pool_not_in"
    assert broken(session) == {}
    sold = pool_gathering.sell(session, public_id=pool.public_id, acting_user=staff[1], now=NOW)
    assert (sold.status, sold.people, sold.amount_g) == ("sold", 10, 63 * RIDE_G)
    # In the order in which they came, one number a gram.
    first, second, after_gap = (share_of(session, pool, people[n]) for n in (1, 2, 4))
    assert (first.serial_first, first.serial_last) == (1, 146)
    assert (second.serial_first, second.serial_last) == (147, 438)
    assert (after_gap.serial_first, after_gap.serial_last) == (439, 438 + 584)
    lot = session.get_one(OffsetLot, sold.lot_id)
    assert (lot.kind, lot.status, lot.amount_g) == (LotKind.POOL, LotStatus.HELD, 63 * RIDE_G)
    assert (lot.serial_first, lot.serial_last, lot.vintage) == (1, 63 * RIDE_G, 2026)
    assert books(session, place.account_id, LedgerKind.INSTITUTION) == 63 * RIDE_G
    assert books(session, people[5], LedgerKind.HOLD) == 0
    assert code_of(lambda: leave(session, pool, people[5])) == "pool_sold"
    assert (told(session, "pool_gathered"), told(session, "pool_nothing")) == (11, 1)
    assert told(session, "pool_sold") == 10
    assert broken(session) == {}
    # Retired once, by the lot.
    need: dict[str, Any] = {
        "institution_id": place.stored_id,
        "lot_ids": [lot.stored_id],
        "purpose_id": 1,
    }
    retire(session, purpose=Purpose.EVENT, acting_user=SYSTEM, now=NOW, **need)
    twice: dict[str, Any] = {**need, "purpose": Purpose.EVENT, "acting_user": SYSTEM, "now": NOW}
    assert code_of(lambda: retire(session, **twice)) == "lot_not_held"


def test_a_buyer_outside_has_them_retired_with_the_sale(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session)
    pool = closed(session, staff, people)
    pool_gathering.sell(session, public_id=pool.public_id, acting_user=staff[1], now=NOW)
    assert pool.lot_id is None
    assert books(session, people[2], LedgerKind.HOLD) == 0
    assert books(session, people[2], LedgerKind.RESIDENT) == 0
    assert broken(session) == {}
    again = pool_gathering.sell
    assert (
        code_of(lambda: again(session, public_id=pool.public_id, acting_user=staff[1], now=NOW))
        == "pool_state"
    )


def test_who_drafts_neither_opens_nor_closes_nor_sells(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session)
    draft = pools.draft(session, content=content(), acting_user=staff[0], now=NOW)
    own: dict[str, Any] = {"public_id": draft.public_id, "acting_user": staff[0], "now": NOW}
    other: dict[str, Any] = {**own, "acting_user": staff[1]}
    assert code_of(lambda: join(session, draft, people[1])) == "unknown_pool"
    assert code_of(lambda: pools.open_pool(session, **own)) == "pool_own_draft"
    pools.open_pool(session, **other)
    for account_id in people[:9]:
        join(session, draft, account_id)
    assert code_of(lambda: pool_gathering.close(session, **own)) == "pool_own_draft"
    # Eight people with something to give are too few.
    assert code_of(lambda: pool_gathering.close(session, **other)) == "pool_too_small"
    for account_id in people:
        join(session, draft, account_id)
    assert session.exec(select(func.count()).select_from(PoolShare)).one() == len(people)
    early: dict[str, Any] = {**other, "now": NOW - timedelta(days=10)}  # 31 March is not over
    assert code_of(lambda: pool_gathering.close(session, **early)) == "pool_period_runs"
    pool_gathering.close(session, **other)
    assert code_of(lambda: pool_gathering.sell(session, **own)) == "pool_own_draft"
    leave(session, draft, people[1])
    assert code_of(lambda: pool_gathering.sell(session, **other)) == "pool_too_small"
    assert code_of(lambda: join(session, draft, people[1])) == "pool_not_open"
    assert broken(session) == {}


def test_called_off_everything_comes_back(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session)
    pool = closed(session, staff, people)
    off: dict[str, Any] = {"public_id": pool.public_id, "acting_user": staff[0], "now": NOW}
    assert code_of(lambda: pool_gathering.call_off(session, reason=" ", **off)) == "pool_reason"
    pool_gathering.call_off(session, reason="买方退出", **off)
    assert [books(session, person, LedgerKind.HOLD) for person in people] == [0] * len(people)
    assert books(session, people[4], LedgerKind.RESIDENT) == 4 * RIDE_G
    assert certified_free_g(session, people[4]) == 4 * RIDE_G
    assert {share_of(session, pool, person).status for person in people} == {"returned"}
    assert told(session, "pool_called_off") == len(people)
    assert broken(session) == {}


def test_ending_the_consent_is_leaving(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session, 12)
    pool = closed(session, staff, people)
    end: dict[str, Any] = {"session": session, "acting_user": SYSTEM, "now": NOW}
    withdraw_consent(account_id=people[6], purpose=consent_purpose(pool.public_id), **end)
    assert share_of(session, pool, people[6]).status == "left"
    assert books(session, people[6], LedgerKind.RESIDENT) == 6 * RIDE_G
    pool_gathering.sell(session, public_id=pool.public_id, acting_user=staff[1], now=NOW)
    # Nothing can be called back from a buyer: the consents have ended with the sale.
    purpose = consent_purpose(pool.public_id)
    assert not withdraw_consent(account_id=people[7], purpose=purpose, **end)
    assert share_of(session, pool, people[7]).status == "sold"
    assert broken(session) == {}


def test_no_gram_is_given_twice(app: Flask, session: Session) -> None:
    """What an institution owns of a source, and what another pool took, is not there to give."""
    staff = officers(app, session)
    source, people = riders(session, 12)
    place = school(session)
    rider = people[10]
    seat(session, place, rider, Seat.OWNER)
    share = attribution.begin(
        session,
        account_id=rider,
        institution_id=place.stored_id,
        source_id=source.stored_id,
        role="staff",
        permille=400,
        statement="I agree",
        acting_user=SYSTEM,
        now=NOW,
    )
    # As if it had been agreed in February: ten rides of March, of which 40 % are the school's.
    share.first_day = date(2026, 3, 1)
    session.flush()
    pool = closed(session, staff, people)
    # 1460 g less 584 g.
    assert share_of(session, pool, rider).amount_g == 876
    second = closed_again(session, staff, people)
    assert second == "pool_too_small"
    lot = attribution_lots.make_lot(
        session,
        institution_id=place.stored_id,
        source_id=source.stored_id,
        role="staff",
        first=date(2026, 3, 1),
        last=date(2026, 3, 31),
        title="",
        acting_user=SYSTEM,
        now=NOW,
    )
    assert lot.amount_g == 584
    assert certified_free_g(session, rider) == 0
    assert broken(session) == {}


def closed_again(session: Session, staff: tuple[Actor, Actor], people: list[int]) -> str:
    """Try a second pool of the same days; returns the code of its refusal."""
    pool = opened(session, staff)
    for person in people:
        join(session, pool, person)
    return code_of(
        lambda: pool_gathering.close(
            session, public_id=pool.public_id, acting_user=staff[1], now=NOW
        )
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"last_day": date(2027, 1, 1)}, "pool_period"),
    ({"joins_until": date(2026, 4, 9)}, "pool_joins_until"),
    ({"price_fen_per_t": -1}, "pool_price"),
    ({"buyer": "NOBODY"}, "pool_buyer"),
    ({"buyer_name": ("", "")}, "pool_buyer"),
    ({"texts": {**content().texts, "proceeds": ("", "")}}, "pool_text"),
    ({"texts": {**content().texts, "title": ("题", " ")}}, "pool_text"),
]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_a_draft_needs(app: Flask, session: Session) -> None:
    staff = officers(app, session)

    def draft(**changes: Any) -> None:
        pools.draft(session, content=content(**changes), acting_user=staff[0], now=NOW)

    assert [code_of(partial(draft, **changes)) for changes, _ in WRONG] == [
        code for _, code in WRONG
    ]
