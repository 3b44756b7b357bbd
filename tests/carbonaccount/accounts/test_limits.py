"""Counting tries: one statement a try, exact with many workers, anchored at the first try."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.limits import (
    Limit,
    address_key,
    count_try,
    give_back,
    refuse_excess,
)
from carbonaccount.accounts.models import RateCount
from carbonaccount.crypto import Vault
from carbonaccount.errors import LimitReached
from tests.people import writing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
FIVE_AN_HOUR = Limit("test_hour", 5, timedelta(hours=1))
LOCK = Limit("test_lock", 2, timedelta(minutes=10), slides=True)


def count(session: Session, limit: Limit, minutes: int) -> tuple[int, int]:
    """Count a try so many minutes after noon; return the count and the minute the window ends."""
    now = NOON + timedelta(minutes=minutes)
    counted = count_try(session, limit=limit, key_index="k", now=now)
    return counted.count, round((counted.expires_at - NOON).total_seconds() / 60)


def test_a_window_opens_with_its_first_try_and_starts_again_after_its_end(session: Session) -> None:
    assert [count(session, FIVE_AN_HOUR, minute) for minute in (7, 8, 66, 67)] == [
        (1, 67),
        (2, 67),
        (3, 67),
        (1, 127),
    ]


def test_a_lock_ends_its_time_after_the_last_allowed_try(session: Session) -> None:
    # Two are allowed. The third and fourth are refused and do not make the lock longer.
    assert [count(session, LOCK, minute) for minute in (0, 9, 10, 15, 19)] == [
        (1, 10),
        (2, 19),
        (3, 19),
        (4, 19),
        (1, 29),
    ]


def test_numbers_and_scopes_are_counted_apart(session: Session) -> None:
    count_try(session, limit=FIVE_AN_HOUR, key_index="a", now=NOON)
    other_key = count_try(session, limit=FIVE_AN_HOUR, key_index="b", now=NOON)
    other_scope = count_try(session, limit=LOCK, key_index="a", now=NOON)
    assert (other_key.count, other_scope.count) == (1, 1)


def test_a_rightful_try_is_given_back_but_never_below_zero(session: Session) -> None:
    count_try(session, limit=LOCK, key_index="k", now=NOON)
    for _ in range(3):
        give_back(session, limit=LOCK, key_index="k")
    assert session.exec(select(RateCount.count)).one() == 0


def test_the_refusal_says_how_long_to_wait(session: Session) -> None:
    one = Limit("test_one", 1, timedelta(minutes=1))
    tries = [count_try(session, limit=one, key_index="k", now=NOON) for _ in range(2)]
    refuse_excess(tries[:1], now=NOON)
    with pytest.raises(LimitReached) as refused:
        refuse_excess(tries, now=NOON + timedelta(seconds=20))
    assert refused.value.params == {"retry_after_s": 40}


def test_parallel_tries_get_different_counts(app: Flask) -> None:
    def one_try(_number: int) -> int:
        with writing(app) as session:
            counted = count_try(session, limit=FIVE_AN_HOUR, key_index="k", now=NOON)
            session.commit()
        return counted.count

    with ThreadPoolExecutor(16) as pool:
        counts = sorted(pool.map(one_try, range(40)))
    assert counts == list(range(1, 41))
    with writing(app) as session:
        assert (
            session.exec(select(RateCount.count).where(col(RateCount.key_index) == "k")).one() == 40
        )


def test_an_ipv6_household_is_one_address_and_neighbours_are_not() -> None:
    vault = Vault(b"k" * 32)
    home = address_key(vault, "2001:db8:1:2::1")
    assert address_key(vault, "2001:db8:1:2:ffff::9") == home
    assert address_key(vault, "2001:db8:1:3::1") != home
    assert address_key(vault, "192.0.2.1") != address_key(vault, "192.0.2.2")
    assert "192.0.2.1" not in address_key(vault, "192.0.2.1")
