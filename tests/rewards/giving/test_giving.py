"""Giving credits and grams: what moves, what is refused, what can be taken back and until when."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Consent, Guardian
from carbonaccount.accounts.notices import PRIVACY_PURPOSE
from carbonaccount.accounts.services import withdraw_consent
from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, InsufficientBalance, Invalid, NotFound, Refused
from carbonaccount.ledger.models import LedgerKind, Unit
from rewards import beneficiaries, giving
from rewards.giving_models import Gift
from tests.rewards.catalogue.test_guardians import born
from tests.rewards.fund.arranged import give, person
from tests.rewards.giving.arranging import (
    NOW,
    RIDE_G,
    broken,
    content,
    held,
    messages,
    published,
    rider,
    two_staff,
)

STATEMENT = "抵消当天用电的排放。我同意。"


def code_of(error: pytest.ExceptionInfo[Exception]) -> str:
    """Return the code of what was refused."""
    return str(getattr(error.value, "code", ""))


def test_credits_are_given_oldest_first_and_once_a_press(app: Flask, session: Session) -> None:
    editor, approver = two_staff(app, session)
    project = published(session, editor, approver, kind="class", takes="credits")
    alice = person(session, NOW, v2025=100, v2026=500)
    wanted: dict[str, Any] = {
        "account_id": alice,
        "beneficiary_id": project.id or 0,
        "credits": 250,
        "request_key": "press-1",
        "acting_user": SYSTEM,
        "now": NOW,
    }

    gift = giving.give_credits(session, **wanted)
    again = giving.give_credits(session, **wanted)
    with pytest.raises(Conflict) as other:
        giving.give_credits(session, **{**wanted, "credits": 251})
    with pytest.raises(InsufficientBalance), session.begin_nested():
        giving.give_credits(session, **{**wanted, "credits": 351, "request_key": "press-2"})
    with pytest.raises(Invalid), session.begin_nested():
        giving.give_credits(session, **{**wanted, "credits": 0, "request_key": "press-3"})
    with pytest.raises(Conflict) as grams:
        giving.pledge_grams(
            session,
            account_id=alice,
            beneficiary_id=project.id or 0,
            grams=1,
            request_key="press-4",
            statement=STATEMENT,
            acting_user=SYSTEM,
            now=NOW,
        )
    with pytest.raises(Conflict) as closed:
        giving.give_credits(
            session,
            **{**wanted, "request_key": "press-5", "now": datetime(2027, 1, 1, 4, tzinfo=UTC)},
        )
    session.commit()

    assert again.id == gift.id
    assert [code_of(other), code_of(grams), code_of(closed)] == [
        "request_key_used",
        "beneficiary_takes_no_grams",
        "beneficiary_closed",
    ]
    assert held(session, alice, LedgerKind.RESIDENT, Unit.CREDIT) == {2026: 350}
    assert held(session, project.account_id, LedgerKind.INSTITUTION, Unit.CREDIT) == {
        2025: 100,
        2026: 150,
    }
    assert messages(session, alice)[-1][0] == "gift_given"
    assert broken(session) == {}


def test_a_child_gives_only_while_somebody_answers(app: Flask, session: Session) -> None:
    editor, approver = two_staff(app, session)
    event = published(session, editor, approver)
    child, parent = person(session, NOW, v2026=500), person(session, NOW)
    wanted: dict[str, Any] = {
        "account_id": child,
        "beneficiary_id": event.id or 0,
        "acting_user": SYSTEM,
        "now": NOW,
    }
    # Who did not tell a month of birth gives, as they take rewards that have no age limit.
    giving.give_credits(session, credits=1, request_key="untold", **wanted)
    born(session, child, 2014)
    with pytest.raises(Invalid, match="guardian_needed"):
        giving.give_credits(session, credits=1, request_key="child", **wanted)
    with pytest.raises(Invalid, match="guardian_needed"):
        giving.pledge_grams(session, grams=1, request_key="grams", statement=STATEMENT, **wanted)
    session.add(Guardian(child_id=child, guardian_id=parent, confirmed_at=NOW))
    session.flush()
    giving.give_credits(session, credits=1, request_key="guarded", **wanted)
    assert held(session, child, LedgerKind.RESIDENT, Unit.CREDIT) == {2026: 498}


def test_only_measured_grams_can_be_pledged_and_taken_back_until_used(
    app: Flask, session: Session
) -> None:
    editor, approver = two_staff(app, session)
    event = published(session, editor, approver)
    # Two rides measured, one matched by a partner, one on a photo: four times 146 g.
    alice = rider(session, "AABC")
    assert held(session, alice, LedgerKind.RESIDENT, Unit.G) == {0: 4 * RIDE_G}
    assert giving.certified_left(session, account_id=alice) == 3 * RIDE_G

    def pledge(grams: int, key: str, statement: str = STATEMENT) -> Gift:
        return giving.pledge_grams(
            session,
            account_id=alice,
            beneficiary_id=event.id or 0,
            grams=grams,
            request_key=key,
            statement=statement,
            acting_user=SYSTEM,
            now=NOW,
        )

    with pytest.raises(Conflict) as short:
        pledge(3 * RIDE_G + 1, "too-much")
    with pytest.raises(Invalid) as silent:
        pledge(1, "silent", " ")
    first = pledge(300, "first")
    assert giving.certified_left(session, account_id=alice) == 3 * RIDE_G - 300
    assert held(session, alice, LedgerKind.HOLD, Unit.G) == {0: 300}

    giving.revoke(
        session, gift_public_id=first.public_id, account_id=alice, acting_user=SYSTEM, now=NOW
    )
    with pytest.raises(Conflict) as twice:
        giving.revoke(
            session, gift_public_id=first.public_id, account_id=alice, acting_user=SYSTEM, now=NOW
        )
    with pytest.raises(NotFound):
        giving.revoke(
            session,
            gift_public_id=first.public_id,
            account_id=alice + 1,
            acting_user=SYSTEM,
            now=NOW,
        )
    assert giving.certified_left(session, account_id=alice) == 3 * RIDE_G
    consent = session.get(Consent, first.consent_id)
    assert consent is not None
    assert consent.purpose == f"gift:{first.public_id}"
    assert consent.withdrawn_at is not None

    used, kept = pledge(200, "second"), pledge(100, "third")
    use = giving.use_grams(
        session,
        beneficiary_id=event.id or 0,
        purpose="马拉松当天用电",
        grams_at_most=250,
        acting_user=approver,
        now=NOW,
    )
    with pytest.raises(Conflict) as late:
        giving.revoke(
            session, gift_public_id=used.public_id, account_id=alice, acting_user=SYSTEM, now=NOW
        )
    assert (use.gifts, use.grams) == (1, 200)
    assert held(session, event.account_id, LedgerKind.INSTITUTION, Unit.G) == {0: 200}

    # The consent to everything ends: what is pledged comes back, what is used stays used.
    session.add(
        Consent(
            account_id=alice,
            purpose=PRIVACY_PURPOSE,
            version="1",
            text_sha256="0" * 64,
            channel="web",
            given_at=NOW,
        )
    )
    session.flush()
    withdraw_consent(
        session, account_id=alice, purpose=PRIVACY_PURPOSE, acting_user=SYSTEM, now=NOW
    )
    session.commit()
    states = dict(
        session.exec(select(col(Gift.public_id), col(Gift.status)).where(Gift.unit == Unit.G)).all()
    )

    assert states == {first.public_id: "revoked", used.public_id: "used", kept.public_id: "revoked"}
    assert short.value.params["available"] == 3 * RIDE_G
    assert [code_of(item) for item in (short, silent, twice, late)] == [
        "certified_grams_short",
        "consent_needed",
        "gift_not_pledged",
        "gift_used",
    ]
    assert held(session, alice, LedgerKind.RESIDENT, Unit.G) == {0: 4 * RIDE_G - 200}
    assert [kind for kind, _ in messages(session, alice)] == [
        "gift_pledged",
        "gift_revoked",
        "gift_pledged",
        "gift_pledged",
        "gift_used",
        "gift_revoked",
    ]
    assert broken(session) == {}


def test_a_use_takes_whole_pledges_that_fit_the_oldest_first(app: Flask, session: Session) -> None:
    editor, approver = two_staff(app, session)
    event = published(session, editor, approver)
    alice, bob = rider(session, "AAA"), rider(session, "A", "bob")

    def pledge(account_id: int, grams: int, key: str) -> Gift:
        return giving.pledge_grams(
            session,
            account_id=account_id,
            beneficiary_id=event.id or 0,
            grams=grams,
            request_key=key,
            statement=STATEMENT,
            acting_user=SYSTEM,
            now=NOW,
        )

    pledges = [pledge(alice, 100, "a"), pledge(alice, 300, "b"), pledge(bob, 60, "c")]
    with pytest.raises(Refused):
        giving.use_grams(
            session,
            beneficiary_id=event.id or 0,
            purpose="用电",
            grams_at_most=None,
            acting_user=editor,
            now=NOW,
        )
    with pytest.raises(Conflict) as none:
        giving.use_grams(
            session,
            beneficiary_id=event.id or 0,
            purpose="用电",
            grams_at_most=59,
            acting_user=approver,
            now=NOW,
        )
    use = giving.use_grams(
        session,
        beneficiary_id=event.id or 0,
        purpose="用电",
        grams_at_most=170,
        acting_user=approver,
        now=NOW,
    )
    rest = giving.use_grams(
        session,
        beneficiary_id=event.id or 0,
        purpose="用水",
        grams_at_most=None,
        acting_user=approver,
        now=NOW,
    )
    session.commit()

    assert code_of(none) == "nothing_pledged"
    assert (use.gifts, use.grams) == (2, 160)
    assert (rest.gifts, rest.grams) == (1, 300)
    assert [gift.use_id for gift in pledges] == [use.id, rest.id, use.id]
    assert held(session, event.account_id, LedgerKind.INSTITUTION, Unit.G) == {0: 460}
    assert [kind for kind, _ in messages(session, bob)] == ["gift_pledged", "gift_used"]
    assert broken(session) == {}


def test_a_beneficiary_is_published_by_another_person(app: Flask, session: Session) -> None:
    editor, approver = two_staff(app, session)
    needs: dict[str, Any] = {"acting_user": editor, "now": NOW}

    def refused(**changes: object) -> str:
        with pytest.raises(Invalid) as error:
            beneficiaries.draft(session, content=content(**changes), **needs)
        return f"{code_of(error)} {error.value.params.get('field')}"

    assert refused(kind="class") == "grams_for_whom takes"
    assert refused(kind="shop") == "beneficiary_kind kind"
    assert refused(texts={"zh": content().texts["zh"]}) == "beneficiary_text title_en"
    assert refused(open_until=date(2025, 1, 1)) == "beneficiary_days open_until"
    assert refused(goal_g=0) == "beneficiary_goal goal_g"

    row = beneficiaries.draft(session, content=content(), acting_user=approver, now=NOW)
    step: dict[str, Any] = {"beneficiary_id": row.id or 0, "reason": "好", "now": NOW}
    with pytest.raises(Conflict):
        beneficiaries.publish(session, **step, acting_user=approver)
    beneficiaries.submit(session, **step, acting_user=editor)
    with pytest.raises(Refused) as own:
        beneficiaries.publish(session, **step, acting_user=approver)
    beneficiaries.return_to_draft(session, **step, acting_user=approver)
    beneficiaries.edit(session, beneficiary_id=row.id or 0, content=content(goal_g=7), **needs)
    beneficiaries.submit(session, **step, acting_user=editor)
    with pytest.raises(Invalid):
        beneficiaries.publish(session, **{**step, "reason": " "}, acting_user=approver)
    beneficiaries.publish(session, **step, acting_user=approver)
    alice = person(session, NOW)
    give(session, alice, 2026, 10)
    beneficiaries.end(session, **step, acting_user=editor)
    with pytest.raises(Conflict) as ended:
        giving.give_credits(
            session,
            account_id=alice,
            beneficiary_id=row.id or 0,
            credits=1,
            request_key="k",
            acting_user=SYSTEM,
            now=NOW,
        )

    assert (row.status, row.goal_g, code_of(own), code_of(ended)) == (
        "ended",
        7,
        "own_work",
        "beneficiary_closed",
    )
