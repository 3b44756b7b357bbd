"""A reviewer accepts a photo or declines it with a reason; the resident is told."""

import pytest
from sqlmodel import Session, col, select

from behaviors import reviews
from behaviors.intake.door import ItemResult
from behaviors.models import ActivityRecord, Behavior
from behaviors.rule_models import EvidenceReview
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import SYSTEM, AuditEntry
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages.models import Message
from tests.behaviors.reviews.conftest import NOW, Hire, Report


def id_of(result: ItemResult) -> int:
    assert result.record_id is not None
    return result.record_id


def message(session: Session) -> Message:
    return session.exec(select(Message)).one()


def test_an_accepted_photo_counts_and_is_told(
    session: Session, hire: Hire, report: Report, account_id: int
) -> None:
    rita, record_id = hire("rita"), id_of(report("10"))
    result = reviews.accept(session, record_id=record_id, acting_user=rita, now=NOW)
    # 10 km x 52 g; a photo earns half the credits.
    assert (result.grams, result.credits) == (520, 260)
    review = session.exec(select(EvidenceReview)).one()
    assert (review.record_id, review.accepted, review.staff_id) == (record_id, True, rita.id)
    told = message(session)
    assert (told.account_id, told.kind) == (account_id, "review_accepted")
    assert told.params["reduction_g"] == 520
    assert told.params["credits"] == 260
    assert told.params["name_en"] == "Bus trip"
    entry = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "review.accept")).one()
    assert (entry.actor, entry.subject) == ("staff:rita", f"record:{record_id}")


def test_a_declined_photo_earns_nothing_and_says_why(
    session: Session, hire: Hire, report: Report
) -> None:
    rita, record_id = hire("rita"), id_of(report("10"))
    reviews.decline(
        session,
        record_id=record_id,
        reason_code="unreadable",
        note=" 太暗了 ",
        acting_user=rita,
        now=NOW,
    )
    record = session.get_one(ActivityRecord, record_id, populate_existing=True)
    assert (record.status, record.credits) == ("d", 0)
    review = session.exec(select(EvidenceReview)).one()
    assert (review.accepted, review.reason_code, review.note) == (False, "unreadable", "太暗了")
    assert message(session).kind == "review_declined"
    # What the reviewer wrote stays with the record; the message says the reason only.
    assert "太暗了" not in str(message(session).params)


@pytest.mark.parametrize(
    ("reason", "note", "code"),
    [
        ("because", "", "review_reason"),
        ("", "", "review_reason"),
        ("other", "  ", "review_note"),
        ("unreadable", "x" * 301, "review_note"),
    ],
)
def test_a_reason_is_needed(
    session: Session, hire: Hire, report: Report, reason: str, note: str, code: str
) -> None:
    record_id = id_of(report("10"))
    with pytest.raises(Invalid, match=code):
        reviews.decline(
            session,
            record_id=record_id,
            reason_code=reason,
            note=note,
            acting_user=hire("rita"),
            now=NOW,
        )


def test_the_second_reviewer_comes_too_late(session: Session, hire: Hire, report: Report) -> None:
    record_id = id_of(report("10"))
    reviews.accept(session, record_id=record_id, acting_user=hire("rita"), now=NOW)
    with pytest.raises(NotFound, match="nothing_held"):
        reviews.decline(
            session,
            record_id=record_id,
            reason_code="unreadable",
            note="",
            acting_user=hire("ruth"),
            now=NOW,
        )


def test_a_report_without_photo_is_nothing_to_review(
    session: Session, hire: Hire, report: Report
) -> None:
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    behavior.stopped_at = NOW
    session.flush()
    held = report("10", photo=False)
    assert held.status == "held"
    with pytest.raises(NotFound, match="nothing_held"):
        reviews.accept(session, record_id=id_of(held), acting_user=hire("rita"), now=NOW)


def test_nothing_is_accepted_while_the_behaviour_is_stopped(
    session: Session, hire: Hire, report: Report
) -> None:
    record_id = id_of(report("10"))
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    behavior.stopped_at = NOW
    session.flush()
    with pytest.raises(Conflict, match="behavior_stopped"):
        reviews.accept(session, record_id=record_id, acting_user=hire("rita"), now=NOW)


def test_only_reviewers(session: Session, hire: Hire, report: Report) -> None:
    record_id = id_of(report("10"))
    for actor in (hire("olga", Role.OPERATOR, Role.SYSTEM_ADMIN), SYSTEM):
        with pytest.raises(Refused, match="role_missing"):
            reviews.accept(session, record_id=record_id, acting_user=actor, now=NOW)
