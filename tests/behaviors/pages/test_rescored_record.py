"""The receipt of a record that was scored again shows what was changed, and by which version."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from behaviors import appeals
from behaviors.models import ActivityRecord, RuleVersion
from behaviors.rule_models import Appeal, RecordAdjustment, Rescore
from carbonaccount.accounts.roles import Role
from carbonaccount.errors import Conflict
from tests.behaviors.pages.conftest import Ride
from tests.behaviors.rules.acts import staff
from tests.people import Browser, writing

BOOKED_AT = datetime(2026, 3, 10, 4, tzinfo=UTC)


def rescored(app: Flask, record_id: int | None, *, booked: bool) -> None:
    """Take 100 g and credits off a record by a re-scoring."""
    with writing(app) as session:
        record = session.get_one(ActivityRecord, record_id)
        rescore = Rescore(
            public_id="rescore-1",
            behavior_id=record.behavior_id,
            rule_version_id=_version(session, record.behavior_id),
            first_day=date(2026, 1, 1),
            last_day=date(2026, 3, 1),
            status="booked" if booked else "approved",
            reason="a test",
            proposed_by=staff(session, "erin", Role.RULE_EDITOR).id or 0,
            proposed_at=BOOKED_AT,
            booked_at=BOOKED_AT if booked else None,
        )
        session.add(rescore)
        session.flush()
        session.add(
            RecordAdjustment(
                rescore_id=rescore.id or 0,
                record_id=record.id or 0,
                account_id=record.account_id,
                counted_milli=record.counted_milli,
                g_before=record.reduction_g,
                credits_before=record.credits,
                difference_g=-100,
                difference_credits=-100,
            )
        )
        session.commit()


def _version(session: Session, behavior_id: int) -> int:
    return (
        session.exec(
            select(RuleVersion.id).where(col(RuleVersion.behavior_id) == behavior_id)
        ).first()
        or 0
    )


def test_the_receipt_shows_the_adjustment(app: Flask, alice: Browser, ride: Ride) -> None:
    # 10 km x 48.7 g.
    record_id = ride("10").record_id
    rescored(app, record_id, booked=True)
    page = alice.get(f"/records/{record_id}").text
    assert "487" in page
    assert "387" in page
    receipt = alice.get(f"/records/{record_id}.json").json
    assert receipt is not None
    assert (receipt["reduction_g"], receipt["agrees"]) == (487, True)
    assert receipt["adjustments"] == [
        {
            "rescore": "rescore-1",
            "rule_version": 1,
            "counted_quantity": "10.000",
            "g_before": 487,
            "g_after": 387,
            "credits_before": 487,
            "credits_after": 387,
            "booked_at": BOOKED_AT.isoformat(),
        }
    ]


def test_what_is_not_booked_yet_is_not_shown(app: Flask, alice: Browser, ride: Ride) -> None:
    record_id = ride("10").record_id
    rescored(app, record_id, booked=False)
    receipt = alice.get(f"/records/{record_id}.json").json
    assert receipt is not None
    assert receipt["adjustments"] == []


def test_what_a_re_scoring_took_may_be_appealed(app: Flask, alice: Browser, ride: Ride) -> None:
    """It is given back by another re-scoring; before that the appeal cannot be upheld."""
    record_id = ride("10").record_id
    page = f"/records/{record_id}"
    assert "提出申诉" not in alice.get(page).text
    assert alice.get(f"{page}/appeal").status_code == 409
    rescored(app, record_id, booked=True)
    assert "提出申诉" in alice.get(page).text
    text = {"text": "那天的车不是电动的，请再核对一次。"}
    assert alice.post(f"{page}/appeal", text, page=f"{page}/appeal").status_code == 303
    with writing(app) as session:
        rita = staff(session, "rita", Role.REVIEWER)
        appeal_id = session.exec(select(col(Appeal.id))).one() or 0
        with pytest.raises(Conflict, match="rescored_record"):
            appeals.uphold(
                session, appeal_id=appeal_id, answer="好", acting_user=rita, now=BOOKED_AT
            )
