"""Owners are reminded that an event is over, and before its year is; once each."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from carbonaccount.institutions.event_jobs import DUE, OVERDUE, forget_browsers, tell_owners
from carbonaccount.institutions.event_models import Event, EventAnswer, EventState, year_after
from carbonaccount.messages.models import Message
from carbonaccount.messages.texts import message_text
from tests.carbonaccount.institutions.events.pages import arranged_scene, make, plan
from tests.people import writing

LAST = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("last_day", "due"),
    [
        (date(2026, 3, 10), date(2027, 3, 10)),
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2025, 12, 31), date(2026, 12, 31)),
    ],
)
def test_a_year_after_its_end(last_day: date, due: date) -> None:
    assert year_after(last_day) == due


def test_owners_are_told_once_each(app: Flask) -> None:
    scene = arranged_scene(app)
    make(scene)
    plan(scene)
    with writing(app) as session:
        event = session.exec(select(Event)).one()
        event.first_day = event.last_day = LAST
        session.flush()

        def told(day: date) -> int:
            return tell_owners(session, day=day, now=event.created_at)

        assert told(LAST) == 0
        # Two owners; the clerk is told nothing.
        assert told(LAST + timedelta(days=1)) == 2
        assert told(LAST + timedelta(days=40)) == 0
        event.state = EventState.OFFSET
        session.flush()
        assert told(date(2026, 12, 9)) == 0
        # 90 days before 10 March 2027, then 30, then 7, then the day after.
        assert told(date(2026, 12, 10)) == 2
        assert told(date(2026, 12, 11)) == 0
        assert told(date(2027, 2, 8)) == 2
        assert told(date(2027, 3, 3)) == 2
        assert told(date(2027, 3, 11)) == 2
        event.state = EventState.PUBLISHED
        session.flush()
        assert told(date(2027, 4, 1)) == 0
        kinds = session.exec(select(col(Message.kind)).order_by(col(Message.id))).all()
        assert [kind for kind in kinds if kind.startswith("event")] == [
            *["event_over"] * 2,
            *["event_offset_due"] * 6,
            *["event_offset_overdue"] * 2,
        ]
        session.add(
            EventAnswer(
                event_id=event.stored_id, token_hash="x", origin="province", mode="bus", nights=0
            )
        )
        session.flush()
        assert forget_browsers(session, day=LAST + timedelta(days=60)) == 0
        assert forget_browsers(session, day=LAST + timedelta(days=61)) == 1
        assert forget_browsers(session, day=LAST + timedelta(days=62)) == 0
        session.commit()
    page = scene.place.owner.get("/messages").text
    assert "活动“任城低碳论坛”已结束，请开始核算。" in page
    assert "的排放须在" in page
    assert "2027年3月10日" in page
    assert f'href="{scene.address}"' in page


def test_the_words_say_the_day(app: Flask) -> None:
    told = {
        "institution": "school",
        "event": "E1",
        "name_zh": "论坛",
        "name_en": "Forum",
        "due": "2026-09-23",
    }
    with app.test_request_context():
        assert message_text(DUE, told).text == (
            "活动“论坛”的排放须在 2026年9月23日 前抵消，还没有完成。"
        )
        assert message_text(OVERDUE, told).text == (
            "活动“论坛”已过抵消期限（2026年9月23日），还没有公布。"
        )
