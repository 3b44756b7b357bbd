"""Many presses at once: nobody pledges a gram twice, nothing is both used and taken back."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.database import open_session
from carbonaccount.errors import DomainError
from carbonaccount.ledger.models import LedgerKind, Unit
from rewards import giving
from rewards.giving_models import Gift
from tests.rewards.giving.arranging import NOW, broken, held, published, rider, two_staff

PRESSES = 16


def done(engine: Engine, work: Callable[[Session], object]) -> str:
    """Do something in a transaction of its own; returns what came of it."""
    with open_session(engine) as session:
        try:
            work(session)
            session.commit()
        except DomainError as error:
            session.rollback()
            return error.code
        return "done"


def test_grams_are_pledged_once_and_end_one_way(app: Flask, session: Session) -> None:
    editor, approver = two_staff(app, session)
    event = published(session, editor, approver)
    # Four rides of 146 g: 584 g, enough for five pledges of 100 g, not for six.
    alice = rider(session, "AAAA")
    session.commit()
    # Read once: after a rollback the row would ask its session, which then holds SQLite's lock.
    event_id, event_account = event.id or 0, event.account_id
    engine = app.extensions["carbonaccount.engine"]

    def pledge(number: int) -> str:
        return done(
            engine,
            lambda session: giving.pledge_grams(
                session,
                account_id=alice,
                beneficiary_id=event_id,
                grams=100,
                request_key=f"press-{number}",
                statement="同意",
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(PRESSES) as pool:
        outcomes = Counter(pool.map(pledge, range(PRESSES)))
    assert outcomes == {"done": 5, "certified_grams_short": PRESSES - 5}
    session.rollback()
    assert held(session, alice, LedgerKind.HOLD, Unit.G) == {0: 500}
    gifts = session.exec(select(col(Gift.public_id))).all()
    session.rollback()

    def revoke(public_id: str) -> str:
        return done(
            engine,
            lambda session: giving.revoke(
                session, gift_public_id=public_id, account_id=alice, acting_user=SYSTEM, now=NOW
            ),
        )

    def use(_number: str) -> str:
        return done(
            engine,
            lambda session: giving.use_grams(
                session,
                beneficiary_id=event_id,
                purpose="用电",
                grams_at_most=100,
                acting_user=approver,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(PRESSES) as pool:
        tasks = [pool.submit(work, gift) for gift in gifts for work in (revoke, use)]
        found = Counter(task.result() for task in tasks)
    assert found["done"] == 5
    assert set(found) <= {"done", "gift_used", "nothing_pledged"}
    session.expire_all()
    states = Counter(session.exec(select(col(Gift.status))).all())
    assert set(states) <= {"used", "revoked"}
    used = states["used"] * 100
    assert held(session, alice, LedgerKind.RESIDENT, Unit.G) == {0: 584 - used}
    assert held(session, event_account, LedgerKind.INSTITUTION, Unit.G) == (
        {0: used} if used else {}
    )
    assert broken(session) == {}
