"""Owners are reminded of the statement of the year before, on two days, unless it is published."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlmodel import Session, select

from carbonaccount.institutions.models import Seat
from carbonaccount.institutions.neutrality_models import NeutralityPlan
from carbonaccount.institutions.statement_jobs import remind
from carbonaccount.messages.models import Message
from carbonaccount.messages.texts import message_text
from tests.behaviors.intake.arranging import open_person
from tests.carbonaccount.institutions.offsets.arranging import school, seat

NOW = datetime(2026, 3, 31, 2, tzinfo=UTC)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_who_has_a_plan_is_reminded_on_two_days(app: Flask, session: Session) -> None:
    place, without = school(session), school(session, "没有计划的学校")
    owner, clerk = open_person(session), open_person(session)
    seat(session, place, owner, Seat.OWNER)
    seat(session, place, clerk, Seat.CLERK)
    seat(session, without, owner, Seat.OWNER)
    plan = NeutralityPlan(
        institution_id=place.stored_id,
        base_year=2024,
        target_year=2030,
        reduce_permille=200,
        changed_at=NOW,
    )
    session.add(plan)
    session.flush()
    assert remind(session, period=date(2026, 3, 30), now=NOW) == "told=0"
    assert remind(session, period=date(2026, 3, 31), now=NOW) == "told=1"
    assert remind(session, period=date(2026, 3, 31), now=NOW) == "told=0"
    assert remind(session, period=date(2026, 6, 30), now=NOW) == "told=1"
    # A plan from 2024 on asks for no statement of 2023.
    assert remind(session, period=date(2024, 3, 31), now=NOW) == "told=0"
    message = session.exec(select(Message)).all()[0]
    assert message.account_id == owner
    with app.test_request_context():
        shown = message_text(message.kind, message.params)
    assert shown.text == "任城第一小学 2025 年的碳中和声明还没有公布。"
    assert shown.link == f"/institutions/{place.public_id}/neutrality"
