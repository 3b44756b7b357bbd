"""Control totals: records, answers and books of a source's day, and what does not add up."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, select

from behaviors.control_models import ControlTotal
from behaviors.control_totals import check_day
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day
from tests.admin.desk import staff
from tests.behaviors.intake.arranging import NOW, admit, bring, item, open_person

DAY = business_day(NOW)


def totals(session: Session) -> ControlTotal:
    return session.exec(select(ControlTotal).execution_options(populate_existing=True)).one()


def test_a_day_adds_up_and_a_difference_is_told(
    app: Flask, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    source = admit(session)
    for name in ("alice", "bob"):
        open_person(session, (source, name))
    bring(session, source, item(1), item(2, subject="bob"), item(3, subject="nobody"))
    bring(session, source, item(4, occurred_at="2026-03-03T08:00:00+08:00"), item(1))
    assert check_day(session, day=DAY - timedelta(days=1), now=NOW) == (0, 0)
    assert check_day(session, day=DAY, now=NOW) == (1, 0)
    total = totals(session)
    assert (total.batches, total.answered, total.records, total.subjects) == (2, 3, 3, 2)
    # Three rides of 146 g; a stranger's and a repetition were not taken.
    assert total.reduction_g == total.booked_g == 438
    assert total.credits == total.booked_credits == 438
    assert not total.differs
    # A record that was changed behind the books' back.
    first = "id = (SELECT min(id) FROM activity_record)"
    session.execute(
        sa.text(f"UPDATE activity_record SET reduction_g = reduction_g + 7 WHERE {first}")
    )
    assert check_day(session, day=DAY, now=NOW) == (1, 1)
    total = totals(session)
    assert total.differs
    assert total.reduction_g == total.booked_g + 7
    assert "control_total_differs" in caplog.text
    session.commit()
    page = staff(app, Role.AUDITOR, login="otto")
    shown = page.get("/admin/control-totals?state=differs").text
    assert "不一致" in shown
    assert "共 1 条" in shown
    assert "还没有对账合计" in page.get("/admin/control-totals?state=agrees").text
    lines = page.get("/admin/control-totals.csv").data.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{DAY.isoformat()},{source.code},不一致,2,3,3,2,")


def test_an_answer_without_a_record_is_a_difference(session: Session) -> None:
    source = admit(session)
    open_person(session, (source, "alice"))
    bring(session, source, item(1))
    session.execute(sa.text("UPDATE intake_batch SET accepted = accepted + 1"))
    assert check_day(session, day=DAY, now=NOW) == (1, 1)
    assert (totals(session).answered, totals(session).records) == (2, 1)
