"""A worked story: what a few people and the city hold after each step of two years."""

import pytest
from sqlmodel import Session

from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger.models import LedgerKind, TransferKind, Unit
from tests.carbonaccount.ledger.books import (
    ALICE,
    BOB,
    SCHOOL,
    broken,
    ended,
    held,
    issuance,
    open_ledger,
    post,
    posting,
    transfers,
)


def test_a_story_of_two_years(session: Session) -> None:
    # The city opens its books: grams, and the credits of 2026.
    grams_issued, issued = issuance(session, Unit.G, 0), issuance(session, vintage=2026)
    alice_g = open_ledger(session, ALICE, unit=Unit.G, vintage=0)
    alice, bob = open_ledger(session, ALICE), open_ledger(session, BOB)
    school = open_ledger(session, SCHOOL, LedgerKind.INSTITUTION)
    shops = open_ledger(session, 0, LedgerKind.REDEEMED)
    assert held(session, alice_g, alice, bob, school) == [0] * 4
    assert ended(session, shops) == [0]

    # Alice rides ten kilometres by bus: 520 g, and a credit a gram.
    grams = {"unit": int(Unit.G)}
    post(
        session,
        posting(grams_issued, alice_g, 520, cause_id=1, **grams),
        posting(issued, alice, 520, cause_id=1),
    )
    assert held(session, alice_g, alice) == [520, 520]

    # She gives a hundred to the school and redeems two hundred for a coupon.
    post(session, posting(alice, school, 100, kind=int(TransferKind.GIVE), cause_id=2))
    post(session, posting(alice, shops, 200, kind=int(TransferKind.REDEEM), cause_id=3))
    assert held(session, alice, school) == [220, 100]
    assert ended(session, shops) == [200]

    # A second coupon for three hundred is more than she has; nothing of the try is left.
    session.commit()
    with pytest.raises(InsufficientBalance):
        post(session, posting(alice, shops, 300, kind=int(TransferKind.REDEEM), cause_id=4))
    session.rollback()
    assert held(session, alice, school) == [220, 100]
    assert ended(session, shops) == [200]

    # The shop could not honour the coupon: the redemption is reversed, not deleted.
    coupon = transfers(session)[-1]
    mirrored = posting(shops, alice, 200, kind=int(TransferKind.REVERSE), cause_id=3)
    post(session, mirrored | {"reverses_id": coupon.id})
    assert held(session, alice) == [420]
    assert ended(session, shops) == [0]
    assert transfers(session)[-2].id == coupon.id

    # Next year's credits are another vintage; what is left of 2026 expires at its end.
    next_issued = issuance(session, vintage=2027)
    alice_2027 = open_ledger(session, ALICE, vintage=2027)
    expired = open_ledger(session, 0, LedgerKind.EXPIRED)
    post(session, posting(next_issued, alice_2027, 50, cause_id=5))
    post(session, posting(alice, expired, 420, kind=int(TransferKind.EXPIRE), cause_id=6))
    session.commit()
    assert held(session, alice, alice_2027) == [0, 50]
    assert ended(session, expired) == [420]

    # Grams never move: the reduction happened. Every credit that was issued is somewhere.
    assert held(session, alice_g) == [520]
    assert held(session, bob, school) == [0, 100]
    assert ended(session, shops) == [0]
    assert 0 + 50 + 420 + 100 == 520 + 50
    assert len(transfers(session)) == 7
    assert broken(session) == {}
