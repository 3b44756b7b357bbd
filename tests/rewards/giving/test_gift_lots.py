"""What residents gave an institution becomes a lot of it, once, however often it is pressed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlmodel import Session

from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.institutions import given, lots
from carbonaccount.ledger.models import LedgerKind, Unit
from carbonaccount.racing import committed
from rewards import giving
from tests.carbonaccount.institutions.offsets.arranging import outcome, school
from tests.rewards.giving.arranging import NOW, broken, held, published, rider, two_staff

PRESSES = 6


def test_a_use_becomes_one_lot(app: Flask, session: Session) -> None:
    place, other = school(session), school(session, "第二小学")
    editor, approver = two_staff(app, session)
    # Grams can only go to an institution that is there, through a beneficiary of that kind.
    for changes in ({"kind": "event"}, {"institution": "NOSUCH"}):
        with pytest.raises(Invalid) as refused:
            published(
                session,
                editor,
                approver,
                **{"kind": "institution", "institution": place.public_id, **changes},
            )
        assert refused.value.code == "beneficiary_institution"
    friend = published(
        session, editor, approver, kind="institution", institution=place.public_id.lower()
    )
    alice = rider(session, "AA")
    giving.pledge_grams(
        session,
        account_id=alice,
        beneficiary_id=friend.id or 0,
        grams=200,
        request_key="k",
        statement="同意",
        acting_user=SYSTEM,
        now=NOW,
    )
    # A pledge can still be taken back: nothing to make a lot of.
    assert given.waiting(session, institution_id=place.stored_id) == []
    giving.use_grams(
        session,
        beneficiary_id=friend.id or 0,
        purpose="抵消 2025 年用电",
        grams_at_most=None,
        acting_user=approver,
        now=NOW,
    )
    (waiting,) = given.waiting(session, institution_id=place.stored_id)
    assert (waiting.grams, waiting.gifts, waiting.purpose) == (200, 1, "抵消 2025 年用电")
    assert given.waiting(session, institution_id=other.stored_id) == []
    session.commit()
    place_id, other_id = place.stored_id, other.stored_id
    owner, friend_account = place.account_id, friend.account_id
    session.rollback()
    with pytest.raises(NotFound):
        given.turn_into_lot(
            session, institution_id=other_id, ref=waiting.ref, acting_user=SYSTEM, now=NOW
        )
    session.rollback()
    engine = app.extensions["carbonaccount.engine"]

    def press(_number: int) -> str:
        # As the pages do: again when another transaction was faster.
        return outcome(
            engine,
            lambda session: committed(
                session,
                lambda session: given.turn_into_lot(
                    session,
                    institution_id=place_id,
                    ref=waiting.ref,
                    acting_user=SYSTEM,
                    now=NOW,
                ),
            ),
        )

    with ThreadPoolExecutor(PRESSES) as pool:
        found = Counter(pool.map(press, range(PRESSES)))
    assert found == {"done": 1, "lot_made_before": PRESSES - 1}
    (lot,) = lots.held(session, institution_id=place_id)
    assert (lot.kind, lot.amount_g, lot.vintage) == ("gift", 200, 2026)
    assert held(session, owner, LedgerKind.INSTITUTION, Unit.G) == {0: 200}
    assert held(session, friend_account, LedgerKind.INSTITUTION, Unit.G) == {}
    assert given.waiting(session, institution_id=place_id) == []
    assert broken(session) == {}
