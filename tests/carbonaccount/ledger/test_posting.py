"""Posting a batch: all or nothing, guarded balances, once and only once."""

import sqlite3
from typing import Any

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, TransferKind, Unit
from tests.carbonaccount.ledger.books import (
    ALICE,
    BOB,
    DAY,
    NOW,
    broken,
    held,
    issuance,
    open_ledger,
    post,
    posting,
    transfers,
)

# Fast paths let the driver's own errors through.
KEY_TAKEN = (IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)


@pytest.fixture
def accounts(session: Session) -> tuple[int, int, int]:
    """The issuance account, and those of alice and bob, in credits of 2026."""
    opened = issuance(session), open_ledger(session, ALICE), open_ledger(session, BOB)
    session.commit()
    return opened


Accounts = tuple[int, int, int]


def redeemed(debit_id: int, credit_id: int, amount: int, cause_id: int) -> dict[str, Any]:
    return posting(debit_id, credit_id, amount, kind=int(TransferKind.REDEEM), cause_id=cause_id)


def test_a_batch_moves_every_account_once(session: Session, accounts: Accounts) -> None:
    city, alice, bob = accounts
    post(
        session,
        posting(city, alice, 100, cause_id=1),
        posting(city, alice, 50, cause_id=2),
        posting(city, bob, 7, cause_id=3),
        posting(alice, bob, 30, cause_id=4),
    )
    session.commit()
    assert held(session, city, alice, bob) == [None, 120, 37]
    assert [(t.debit_id, t.credit_id, t.amount) for t in transfers(session)] == [
        (city, alice, 100),
        (city, alice, 50),
        (city, bob, 7),
        (alice, bob, 30),
    ]
    first = transfers(session)[0]
    assert (first.business_day, first.occurred_at, first.booked_at) == (DAY, NOW, NOW)
    assert broken(session) == {}


def test_no_postings_are_no_trouble(session: Session) -> None:
    post(session)
    session.commit()
    assert transfers(session) == []


def test_what_comes_in_with_a_batch_may_go_out_with_it(
    session: Session, accounts: Accounts
) -> None:
    city, alice, bob = accounts
    # The guard looks at what the whole batch does to an account.
    post(session, redeemed(alice, bob, 150, 1), posting(city, alice, 200, cause_id=2))
    assert held(session, alice, bob) == [50, 150]
    assert broken(session) == {}


def test_an_account_never_falls_below_zero_and_nothing_is_left_of_the_try(
    session: Session, accounts: Accounts
) -> None:
    city, alice, bob = accounts
    post(session, posting(city, alice, 100))
    session.commit()
    with pytest.raises(InsufficientBalance) as refused:
        post(session, posting(city, bob, 5, cause_id=2), redeemed(alice, bob, 101, 3))
    assert refused.value.params == {"accounts": 1}
    session.rollback()
    assert held(session, alice, bob) == [100, 0]
    assert len(transfers(session)) == 1
    post(session, redeemed(alice, bob, 100, 3))
    session.commit()
    assert held(session, alice, bob) == [0, 100]
    assert broken(session) == {}


def test_an_account_that_does_not_exist_is_refused(session: Session, accounts: Accounts) -> None:
    city, alice, _ = accounts
    for debit_id, credit_id in ((city, 10**9), (10**9, alice)):
        with pytest.raises(InsufficientBalance):
            post(session, posting(debit_id, credit_id, 5))
        session.rollback()
    assert transfers(session) == []


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"amount": 7}, True),
        ({"cause_id": 2}, False),
        ({"cause": 1}, False),
        ({"kind": int(TransferKind.GIVE)}, False),
        ({"revision": 1}, False),
    ],
)
def test_a_cause_is_posted_once(
    session: Session, accounts: Accounts, changes: dict[str, Any], same: bool
) -> None:
    city, alice, _ = accounts
    post(session, posting(city, alice, 100))
    session.commit()
    again = posting(city, alice, 100) | changes
    if same:
        with pytest.raises(KEY_TAKEN):
            post(session, again)
        session.rollback()
    else:
        post(session, again)
        session.commit()
    assert held(session, alice) == [100 if same else 200]
    assert broken(session) == {}


def test_grams_and_credits_of_one_cause_are_two_transfers(
    session: Session, accounts: Accounts
) -> None:
    city, alice, _ = accounts
    grams = open_ledger(session, ALICE, unit=Unit.G, vintage=0)
    post(
        session,
        posting(city, alice, 10),
        posting(issuance(session, Unit.G, 0), grams, 10, unit=int(Unit.G)),
    )
    assert held(session, alice, grams) == [10, 10]
    assert broken(session) == {}


def reversal(of: Transfer, **changes: Any) -> dict[str, Any]:
    mirrored = posting(of.credit_id, of.debit_id, of.amount, cause_id=of.cause_id)
    return mirrored | {"kind": int(TransferKind.REVERSE), "reverses_id": of.id, **changes}


def test_a_transfer_is_reversed_once(session: Session, accounts: Accounts) -> None:
    city, alice, _ = accounts
    post(session, posting(city, alice, 100))
    (earned,) = transfers(session)
    post(session, reversal(earned))
    session.commit()
    assert held(session, alice) == [0]
    assert broken(session) == {}
    post(session, posting(city, alice, 100, cause_id=2))
    session.commit()
    for again in ({}, {"cause_id": 99}, {"revision": 1}):
        with pytest.raises(KEY_TAKEN):
            post(session, reversal(earned, **again))
        session.rollback()
    assert held(session, alice) == [100]


def test_a_cause_may_be_posted_anew_after_its_reversal(
    session: Session, accounts: Accounts
) -> None:
    city, alice, _ = accounts
    post(session, posting(city, alice, 100))
    post(session, reversal(transfers(session)[0]))
    post(session, posting(city, alice, 90, revision=1))
    assert held(session, alice) == [90]
    assert broken(session) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -5},
        {"unit": 3},
        {"credit_id": 1, "debit_id": 1},
        {"reverses_id": 1},
        {"kind": int(TransferKind.REVERSE)},
    ],
)
def test_the_schema_refuses_what_is_no_transfer(
    session: Session, accounts: Accounts, changes: dict[str, Any]
) -> None:
    city, alice, _ = accounts
    with pytest.raises(KEY_TAKEN):
        post(session, posting(city, alice, 5) | changes)
    session.rollback()
    assert transfers(session) == []


def test_the_schema_refuses_a_balance_below_zero(session: Session, accounts: Accounts) -> None:
    with pytest.raises(IntegrityError):
        session.execute(sa.update(LedgerAccount).values(balance=-1))
    session.rollback()


def test_accounts_are_opened_once_for_each_owner(session: Session) -> None:
    def opened(*owners: int) -> dict[int, int]:
        frame = ledger.resident_accounts(
            session, owner_ids=pl.Series(owners, dtype=pl.Int64), unit=Unit.CREDIT, vintage=2026
        )
        return dict(frame.select("owner_id", "ledger_id").iter_rows())

    first = opened(BOB)
    both = opened(ALICE, BOB)
    assert both[BOB] == first[BOB]
    assert opened(BOB, ALICE) == both
    assert held(session, *both.values()) == [0, 0]
    # Another year's credits, and grams, lie in other accounts.
    other = ledger.resident_accounts(
        session, owner_ids=pl.Series([ALICE], dtype=pl.Int64), unit=Unit.CREDIT, vintage=2027
    )
    assert other["ledger_id"].item() not in both.values()


def test_the_citys_accounts_are_opened_once(session: Session) -> None:
    assert issuance(session) == issuance(session)
    assert issuance(session, vintage=2027) != issuance(session)
    account = session.get_one(LedgerAccount, issuance(session))
    assert (account.kind, account.balance) == (LedgerKind.ISSUANCE, None)
