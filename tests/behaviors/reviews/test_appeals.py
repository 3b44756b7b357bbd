"""Appeals: opened once, decided by somebody else than before, within 15 working days."""

from datetime import date

import pytest
from sqlmodel import Session, col, select

from behaviors import appeals, reviews
from behaviors.intake.door import ItemResult
from behaviors.models import ActivityRecord, Behavior
from behaviors.rule_models import Appeal
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound, Refused
from carbonaccount.messages.models import Message
from tests.behaviors.reviews.conftest import NOW, Hire, Report

TEXT = "照片里就是当天的车票，请再看一次。"


def id_of(result: ItemResult) -> int:
    assert result.record_id is not None
    return result.record_id


class Desk:
    """What residents and reviewers do with appeals, on one session."""

    def __init__(self, session: Session, vault: Vault, account_id: int) -> None:
        self.session, self.vault, self.account_id = session, vault, account_id

    def decline(self, record_id: int, actor: Actor) -> None:
        reviews.decline(
            self.session,
            record_id=record_id,
            reason_code="unreadable",
            note="",
            acting_user=actor,
            now=NOW,
        )

    def open(self, record_id: int, *, text: str = TEXT, account_id: int | None = None) -> Appeal:
        appeal = appeals.open_appeal(
            self.session,
            account_id=account_id or self.account_id,
            record_id=record_id,
            text=text,
            vault=self.vault,
            acting_user=SYSTEM,
            now=NOW,
        )
        assert appeal.id is not None
        return appeal

    def record(self, record_id: int) -> ActivityRecord:
        return self.session.get_one(ActivityRecord, record_id, populate_existing=True)

    def kinds(self) -> list[str]:
        rows = self.session.exec(select(Message).order_by(col(Message.id))).all()
        return [row.kind for row in rows]


@pytest.fixture
def desk(session: Session, vault: Vault, account_id: int) -> Desk:
    return Desk(session, vault, account_id)


def test_it_is_sealed_and_due_after_fifteen_working_days(desk: Desk, report: Report) -> None:
    appeal = desk.open(id_of(report("10")))
    assert TEXT.encode() not in appeal.text_sealed
    assert appeals.text_of(appeal, vault=desk.vault) == TEXT
    # Opened on Monday 2 March 2026; three weeks of five working days end on Monday 23 March.
    assert appeal.due_on == date(2026, 3, 23)


def test_holidays_put_the_deadline_off(desk: Desk, report: Report) -> None:
    # Tomb-Sweeping Day 2026 takes Monday 6 April away; opened on Monday 30 March.
    now = NOW.replace(month=3, day=30)
    appeal = appeals.open_appeal(
        desk.session,
        account_id=desk.account_id,
        record_id=id_of(report("10")),
        text=TEXT,
        vault=desk.vault,
        acting_user=SYSTEM,
        now=now,
    )
    assert appeal.due_on == date(2026, 4, 21)


def test_a_declined_photo_is_counted_when_the_appeal_is_upheld(
    desk: Desk, report: Report, hire: Hire
) -> None:
    record_id, rita, ruth = id_of(report("10")), hire("rita"), hire("ruth")
    desk.decline(record_id, rita)
    appeal = desk.open(record_id)
    with pytest.raises(Refused, match="second_person"):
        appeals.uphold(
            desk.session, appeal_id=appeal.id or 0, answer="是。", acting_user=rita, now=NOW
        )
    added = appeals.uphold(
        desk.session, appeal_id=appeal.id or 0, answer="看清了。", acting_user=ruth, now=NOW
    )
    assert (added.grams, added.credits) == (520, 260)
    record = desk.record(record_id)
    assert (record.status, record.reduction_g, record.credits) == ("c", 520, 260)
    assert (appeal.status, appeal.decided_by, appeal.answer) == ("upheld", ruth.id, "看清了。")
    assert desk.kinds() == ["review_declined", "appeal_upheld"]


def test_a_held_record_is_released(desk: Desk, report: Report, hire: Hire) -> None:
    record_id = id_of(report("10"))
    appeal = desk.open(record_id)
    added = appeals.uphold(
        desk.session, appeal_id=appeal.id or 0, answer="可以。", acting_user=hire("ruth"), now=NOW
    )
    assert (added.grams, desk.record(record_id).status) == (520, "c")


def test_one_that_was_counted_meanwhile_is_upheld_without_booking(
    desk: Desk, report: Report, hire: Hire
) -> None:
    record_id = id_of(report("10"))
    appeal = desk.open(record_id)
    reviews.accept(desk.session, record_id=record_id, acting_user=hire("rita"), now=NOW)
    added = appeals.uphold(
        desk.session, appeal_id=appeal.id or 0, answer="已计。", acting_user=hire("ruth"), now=NOW
    )
    assert (added.booked, added.grams) == ([], 0)
    assert desk.record(record_id).reduction_g == 520


def test_the_cap_is_no_reason_to_add(desk: Desk, report: Report, hire: Hire) -> None:
    report("35", photo=False)
    capped = report("10", photo=False)
    assert capped.code == "capped"
    appeal = desk.open(id_of(capped))
    with pytest.raises(Conflict, match="nothing_to_add"):
        appeals.uphold(
            desk.session, appeal_id=appeal.id or 0, answer="是。", acting_user=hire("ruth"), now=NOW
        )


def test_a_refusal_is_answered_and_final(desk: Desk, report: Report, hire: Hire) -> None:
    record_id = id_of(report("10"))
    desk.decline(record_id, hire("rita"))
    appeal = desk.open(record_id)
    appeals.refuse(
        desk.session, appeal_id=appeal.id or 0, answer="看不清。", acting_user=hire("ruth"), now=NOW
    )
    assert desk.record(record_id).status == "d"
    assert desk.kinds() == ["review_declined", "appeal_refused"]
    with pytest.raises(Conflict, match="appeal_decided"):
        desk.open(record_id)
    with pytest.raises(Conflict, match="appeal_closed"):
        appeals.uphold(
            desk.session, appeal_id=appeal.id or 0, answer="是。", acting_user=hire("rosa"), now=NOW
        )


def test_one_open_appeal_a_record(desk: Desk, report: Report) -> None:
    record_id = id_of(report("10"))
    desk.open(record_id)
    with pytest.raises(Conflict, match="appeal_open"):
        desk.open(record_id)


def test_what_counts_in_full_cannot_be_appealed(desk: Desk, report: Report) -> None:
    with pytest.raises(Conflict, match="nothing_to_appeal"):
        desk.open(id_of(report("10", photo=False)))


def test_only_ones_own_records(desk: Desk, report: Report) -> None:
    record_id = id_of(report("10"))
    with pytest.raises(NotFound, match="unknown_record"):
        desk.open(record_id, account_id=desk.account_id + 1000)
    with pytest.raises(NotFound, match="unknown_record"):
        desk.open(999_999)


@pytest.mark.parametrize("text", ["", "太短", "长" * 1001, " " * 50])
def test_a_text_of_some_length(desk: Desk, report: Report, text: str) -> None:
    with pytest.raises(Invalid, match="appeal_text"):
        desk.open(id_of(report("10")), text=text)


@pytest.mark.parametrize("answer", ["", "  ", "长" * 501])
def test_an_answer_is_needed(desk: Desk, report: Report, hire: Hire, answer: str) -> None:
    appeal = desk.open(id_of(report("10")))
    with pytest.raises(Invalid, match="appeal_answer"):
        appeals.refuse(
            desk.session,
            appeal_id=appeal.id or 0,
            answer=answer,
            acting_user=hire("ruth"),
            now=NOW,
        )


def test_who_may_not_decide(desk: Desk, report: Report, hire: Hire) -> None:
    appeal = desk.open(id_of(report("10")))
    for actor in (hire("olga", Role.OPERATOR), SYSTEM):
        with pytest.raises(Refused, match="role_missing"):
            appeals.refuse(
                desk.session, appeal_id=appeal.id or 0, answer="不。", acting_user=actor, now=NOW
            )


def test_not_while_the_behaviour_is_stopped(desk: Desk, report: Report, hire: Hire) -> None:
    appeal = desk.open(id_of(report("10")))
    behavior = desk.session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    behavior.stopped_at = NOW
    desk.session.flush()
    with pytest.raises(Conflict, match="behavior_stopped"):
        appeals.uphold(
            desk.session, appeal_id=appeal.id or 0, answer="是。", acting_user=hire("ruth"), now=NOW
        )


def test_an_appeal_that_is_not_there(desk: Desk, hire: Hire) -> None:
    with pytest.raises(DomainError, match="unknown_appeal"):
        appeals.refuse(desk.session, appeal_id=77, answer="不。", acting_user=hire("r2x"), now=NOW)
