"""Reporting an act by hand: preview first, booked once, errors that keep what was typed."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlmodel import col, func, select

from behaviors.models import ActivityRecord, Behavior
from carbonaccount.clock import utc_now
from tests.behaviors.pages.acts import opened_form, picture, report, send
from tests.people import Browser, csrf_token, field_errors, writing


def records(app: Flask) -> list[ActivityRecord]:
    """Return every record there is."""
    with writing(app) as session:
        return list(session.exec(select(ActivityRecord).order_by(col(ActivityRecord.id))))


def preview(browser: Browser, behavior: str, **fields: str) -> str:
    """Return what the page says an act would earn, without its markup."""
    form = opened_form(browser, behavior) | fields
    response = browser.client.post(f"/log/{behavior}/preview", data=form)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def test_the_grid_offers_what_can_be_reported(app: Flask, alice: Browser) -> None:
    with writing(app) as session:
        by_hand = session.exec(
            select(func.count()).where(col(Behavior.self_report), col(Behavior.enabled))
        ).one()
    page = alice.get("/log")
    assert len(set(re.findall(r'href="/log/(\w+)"', page.text))) == by_hand
    assert "bus_trip" in page.text
    assert "rooftop_pv" not in page.text  # a meter tells of it, never a person


@pytest.mark.parametrize("path", ["/log", "/log/bus_trip"])
def test_it_needs_sign_in(app: Flask, path: str) -> None:
    response = Browser(app).get(path)
    assert response.status_code == 303
    assert "/sign-in" in response.headers["Location"]


def test_a_behaviour_that_only_meters_report_is_not_found(alice: Browser) -> None:
    assert alice.get("/log/rooftop_pv").status_code == 404
    assert alice.get("/log/flying").status_code == 404


def test_the_preview_says_that_a_self_report_counts_no_grams(app: Flask, alice: Browser) -> None:
    text = preview(alice, "bus_trip", distance_km="10")
    # 10 x 0.052 = 520 g; D gives a quarter of the credits and no grams, C half and the grams.
    assert "130 积分" in text
    assert "0 g" in text
    assert "不计减排量" in text
    assert "260 积分、520 g" in text
    assert "还可以计 40 人公里" in text
    assert records(app) == []


def test_the_preview_knows_what_the_day_has_left(alice: Browser) -> None:
    report(alice, "bus_trip", distance_km="35")
    text = preview(alice, "bus_trip", distance_km="10")
    # 5 of 10 km count: 260 g, a quarter of it 65 credits.
    assert "还可以计 5 人公里" in text
    assert "65 积分" in text
    assert "超出的部分不计" in text
    report(alice, "bus_trip", distance_km="5")
    assert "已用完" in preview(alice, "bus_trip", distance_km="10")


def test_the_preview_works_without_javascript(app: Flask, alice: Browser) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "10", "action": "preview"}
    response = send(alice, "bus_trip", form)
    assert response.status_code == 200
    assert 'value="130"' in response.text
    assert records(app) == []


def test_an_act_is_recorded_and_leads_to_its_receipt(app: Flask, alice: Browser) -> None:
    response = report(alice, "bus_trip", distance_km="10")
    (record,) = records(app)
    assert response.headers["Location"] == f"/records/{record.id}"
    assert (record.evidence, record.status, record.reduction_g, record.credits) == (
        "D",
        "c",
        0,
        130,
    )


def test_a_photo_makes_it_wait_for_review(app: Flask, alice: Browser) -> None:
    response = report(alice, "bus_trip", photo=True, distance_km="10")
    (record,) = records(app)
    assert (record.evidence, record.status, record.credits) == ("C", "h", 0)
    page = alice.get(response.headers["Location"])
    assert "通过后最多计 520 g、260 积分" in page.text


def test_the_button_pressed_twice_books_once(app: Flask, alice: Browser) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "10"}
    first = send(alice, "bus_trip", form)
    with time_machine.travel(utc_now() + timedelta(minutes=2), tick=False):
        again = send(alice, "bus_trip", form)
    assert first.headers["Location"] == again.headers["Location"]
    assert len(records(app)) == 1


def test_the_same_form_with_another_amount_is_asked_about(app: Flask, alice: Browser) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "10"}
    send(alice, "bus_trip", form)
    response = send(alice, "bus_trip", form | {"distance_km": "11"})
    assert response.status_code == 422
    assert "这张表单已经提交过" in response.text
    assert 'value="11"' in response.text
    assert len(records(app)) == 1
    assert f'value="{form["form_token"]}"' not in response.text


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("", "缺少"),
        ("ten", "不是数字"),
        ("-3", "乘车里程不能是负数"),
        ("501", "不能大于 500"),
        ("0", "算下来是零"),
        ("0.0004", "算下来是零"),
    ],
)
def test_a_wrong_amount_is_named_and_kept(
    app: Flask, alice: Browser, amount: str, said: str
) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": amount, "when": "yesterday"}
    response = send(alice, "bus_trip", form)
    assert response.status_code == 422
    assert any(said in error and "乘车里程" in error for error in field_errors(response))
    assert f'value="{amount}"' in response.text
    assert re.search(r'<input checked id="when-1"[^>]*value="yesterday"', response.text)
    assert records(app) == []


@pytest.mark.parametrize(
    ("moment", "said"),
    [("", "请填写日期和时间"), ("soon", "请填写"), ("2099-01-01T00:00", "还没有到")],
)
def test_another_time_must_be_past(app: Flask, alice: Browser, moment: str, said: str) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "1", "when": "other", "moment": moment}
    response = send(alice, "bus_trip", form)
    assert response.status_code == 422
    assert any(said in error for error in field_errors(response))
    assert records(app) == []


def test_another_time_is_the_citys_time(app: Flask, alice: Browser) -> None:
    report(alice, "bus_trip", distance_km="1", when="other", moment="2026-03-01T00:30")
    (record,) = records(app)
    assert record.occurred_at.isoformat() == "2026-02-28T16:30:00+00:00"
    assert record.business_day.isoformat() == "2026-03-01"


@pytest.mark.parametrize("photo", [b"MZ not a picture", b""])
def test_what_is_no_picture_is_refused(app: Flask, alice: Browser, photo: bytes) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "1"}
    response = send(alice, "bus_trip", form, photo=photo)
    assert response.status_code == 422
    assert field_errors(response)
    assert records(app) == []


def test_a_forged_form_is_refused(app: Flask, alice: Browser) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "1", "csrf_token": "forged"}
    assert send(alice, "bus_trip", form).status_code == 400
    assert records(app) == []


def test_a_switched_off_behaviour_is_refused(app: Flask, alice: Browser) -> None:
    form = opened_form(alice, "bus_trip") | {"distance_km": "1"}
    with writing(app) as session:
        behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
        behavior.enabled = False
        session.add(behavior)
        session.commit()
    assert send(alice, "bus_trip", form, photo=picture()).status_code == 409
    assert "bus_trip" not in alice.get("/log").text


def test_the_form_carries_a_token_of_its_own_each_time(alice: Browser) -> None:
    page, again = alice.get("/log/bus_trip"), alice.get("/log/bus_trip")
    tokens = [
        re.findall(r'name="form_token"[^>]*value="(\w+)"', each.text) for each in (page, again)
    ]
    assert tokens[0] != tokens[1]
    assert csrf_token(page)


def test_while_a_behaviour_is_stopped_the_record_is_kept(app: Flask, alice: Browser) -> None:
    with writing(app) as session:
        behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
        behavior.stopped_at = utc_now()
        session.add(behavior)
        session.commit()
    assert "暂停受理" in alice.get("/log/bus_trip").text
    location = report(alice, "bus_trip", distance_km="10").headers["Location"]
    (record,) = records(app)
    assert (record.status, record.outcome, record.credits) == ("h", "stopped", 0)
    assert "恢复后最多计 0 g、130 积分" in alice.get(location).text
