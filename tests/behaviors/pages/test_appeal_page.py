"""Objecting to what became of a record, from its receipt; one's own appeals and how all end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from behaviors import appeal_queries, appeals
from behaviors.appeal_queries import Outcomes
from behaviors.rule_models import Appeal
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.roles import Role
from tests.admin.desk import staff
from tests.behaviors.pages.acts import report
from tests.behaviors.pages.conftest import Ride
from tests.people import Browser, field_errors, writing

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
TEXT = "照片就是当天的车票，日期看得清。"


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def held(browser: Browser) -> int:
    """Report with a photo; returns the record that waits."""
    location = report(browser, "bus_trip", photo=True, distance_km="10").headers["Location"]
    return int(location.rsplit("/", 1)[1])


def appeal(browser: Browser, record_id: int, text: str = TEXT) -> int:
    response = browser.post(f"/records/{record_id}/appeal", {"text": text})
    return response.status_code


def test_from_the_receipt_to_the_list(app: Flask, alice: Browser) -> None:
    record_id = held(alice)
    assert f'href="/records/{record_id}/appeal"' in alice.get(f"/records/{record_id}").text
    form = words(alice.get(f"/records/{record_id}/appeal").text)
    assert "15 个工作日内" in form
    assert appeal(alice, record_id) == 303
    with writing(app) as session:
        due_on = session.exec(select(col(Appeal.due_on))).one()
    mine = words(alice.get("/appeals").text)
    assert TEXT in mine
    assert "待答复" in mine
    assert f"{due_on.year}年{due_on.month}月{due_on.day}日" in mine
    receipt = alice.get(f"/records/{record_id}").text
    assert "待答复" in receipt
    assert f'href="/records/{record_id}/appeal"' not in receipt


def test_a_capped_record_can_be_appealed_a_full_one_not(alice: Browser, ride: Ride) -> None:
    full = ride("18", at=NOON)
    capped = ride("10", at=NOON + timedelta(hours=3))
    assert f"/{full.record_id}/appeal" not in alice.get(f"/records/{full.record_id}").text
    assert alice.get(f"/records/{full.record_id}/appeal").status_code == 409
    assert appeal(alice, capped.record_id or 0) == 303


def test_a_short_text_comes_back(alice: Browser) -> None:
    record_id = held(alice)
    response = alice.post(f"/records/{record_id}/appeal", {"text": "不对"})
    assert response.status_code == 422
    assert field_errors(response) == ["请写明理由，10 至 1000 个字。"]
    assert ">不对</textarea>" in response.text.replace("\r\n", "")


def test_twice(alice: Browser) -> None:
    record_id = held(alice)
    assert appeal(alice, record_id) == 303
    assert appeal(alice, record_id) == 422


def test_another_persons_record(alice: Browser, bob: Browser) -> None:
    record_id = held(alice)
    assert bob.get(f"/records/{record_id}/appeal").status_code == 404
    assert alice.get("/appeals").text.count("<section") == 1
    assert "还没有申诉" in bob.get("/appeals").text


def test_strangers_sign_in_first(app: Flask) -> None:
    for path in ("/records/1/appeal", "/appeals", "/messages"):
        assert Browser(app).get(path).status_code == 303


def test_the_resident_reads_reason_and_answer(app: Flask, alice: Browser) -> None:
    record_id = held(alice)
    rita = staff(app, Role.REVIEWER)
    page = f"/admin/reviews/{record_id}"
    rita.post(f"{page}/decline", {"reason": "unreadable", "note": "太暗"}, page=page)
    assert "看不清 · 太暗" in words(alice.get(f"/records/{record_id}").text)
    assert appeal(alice, record_id) == 303
    ruth = staff(app, Role.REVIEWER, login="ruth")
    queue = ruth.get("/admin/appeals").text
    number = re.search(r'href="/admin/appeals/(\d+)"', queue)
    assert number
    desk = f"/admin/appeals/{number[1]}"
    assert TEXT in ruth.get(desk).text
    assert ruth.post(f"{desk}/uphold", {"answer": "放大后看清了。"}, page=desk).status_code == 303
    mine = words(alice.get("/appeals").text)
    assert "放大后看清了。" in mine
    # 10 km x 52 g, half of it in credits.
    assert "增加减排 520 g、260 积分" in words(alice.get("/messages").text)
    assert "复算与账本一致" in alice.get(f"/records/{record_id}").text


def test_the_first_reviewer_is_told_that_somebody_else_decides(app: Flask, alice: Browser) -> None:
    record_id = held(alice)
    rita = staff(app, Role.REVIEWER)
    page = f"/admin/reviews/{record_id}"
    rita.post(f"{page}/decline", {"reason": "unreadable"}, page=page)
    appeal(alice, record_id)
    assert "申诉须由另一个人处理" in rita.get("/admin/appeals/1").text
    response = rita.post("/admin/appeals/1/uphold", {"answer": "好。"}, page="/admin/")
    assert response.status_code == 403
    assert "申诉须由另一个人处理" in response.text


def test_an_answer_is_kept_when_it_cannot_be_upheld(app: Flask, alice: Browser, ride: Ride) -> None:
    ride("18", at=NOON)
    capped = ride("10", at=NOON + timedelta(hours=3))
    appeal(alice, capped.record_id or 0)
    ruth = staff(app, Role.REVIEWER, login="ruth")
    response = ruth.post("/admin/appeals/1/uphold", {"answer": "看过了。"}, page="/admin/appeals/1")
    assert response.status_code == 409
    assert "上限对每个人都一样" in response.text
    assert "看过了。</textarea>" in response.text
    assert (
        ruth.post(
            "/admin/appeals/1/refuse", {"answer": "上限相同。"}, page="/admin/appeals/1"
        ).status_code
        == 303
    )
    assert "上限相同" in alice.get("/appeals").text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.SECURITY_ADMIN])
def test_only_reviewers_decide(app: Flask, alice: Browser, role: Role) -> None:
    appeal(alice, held(alice))
    other = staff(app, role, login="otto")
    for path in ("/admin/appeals", "/admin/appeals/1", "/admin/appeals.csv"):
        assert other.get(path).status_code == 403
    response = other.post("/admin/appeals/1/refuse", {"answer": "不。"}, page="/admin/")
    assert response.status_code == 403


def decided(app: Flask, people: int, *, upheld: int, late: int) -> None:
    """Write down appeals that were decided, each of another person."""
    with writing(app) as session:
        owner = session.exec(select(Appeal)).one()
        for number in range(people):
            account = Account(public_id=f"P{number}", kind="person", opened_at=NOON)
            session.add(account)
            session.flush()
            session.add(
                Appeal(
                    account_id=account.stored_id,
                    record_id=owner.record_id,
                    text_sealed=b"",
                    status=appeals.UPHELD if number < upheld else appeals.REFUSED,
                    opened_at=NOON,
                    due_on=NOON.date(),
                    # Half past midnight in the city is the day after, although not in UTC.
                    decided_at=NOON.replace(hour=16, minute=30) if number < late else NOON,
                    answer="是。",
                )
            )
        session.commit()


def test_rates_are_public_from_ten_people_on(app: Flask, alice: Browser) -> None:
    appeal(alice, held(alice))
    decided(app, 9, upheld=9, late=0)
    assert "少于 10 位" in Browser(app).get("/appeals/outcomes").text
    with writing(app) as session:
        assert appeal_queries.outcomes(session) == Outcomes(9, 9, None, None)


def test_rates_are_rounded_down(app: Flask, alice: Browser) -> None:
    appeal(alice, held(alice))
    decided(app, 12, upheld=5, late=1)
    with writing(app) as session:
        # 5 of 12 are 41.7 %, 11 of 12 are 91.7 %; the open one is not counted.
        assert appeal_queries.outcomes(session) == Outcomes(12, 12, 41, 91)
    page = words(Browser(app).get("/appeals/outcomes").text)
    assert "41%" in page
    assert "91%" in page
