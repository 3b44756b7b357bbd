"""The gauge, what ends when, and the fund in the panel, through their pages."""

import re
from datetime import date

from flask import Flask
from sqlmodel import Session, select

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day, utc_now
from carbonaccount.messages.texts import message_text
from rewards import expiry
from rewards.fund_models import CreditExpiry, FundBudget, FundDay
from tests.admin.desk import newest_person, staff
from tests.people import ALICE, Browser, writing
from tests.rewards.fund import arranged
from tests.rewards.fund.arranged import YUAN


def text_of(page: str) -> str:
    """Return a page's words without its marks."""
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", " ", page))


def test_the_public_gauge(app: Flask, session: Session) -> None:
    """Of 1,234.50 yuan 200 are spent and 34.50 set aside, so 1,000 are free: 81 percent."""
    empty = Browser(app).get("/fund")
    assert "今年还没有奖励资金" in empty.text
    programme = arranged.programme(session, slow_coupons_per_day=7)
    today = business_day(utc_now())
    budget = arranged.budget(session, programme, yuan=0, year=today.year)
    budget.budget_fen, budget.spent_fen, budget.committed_fen = 123_450, 20_000, 3_450
    session.commit()
    page = text_of(Browser(app).get("/fund").text)
    for words in ("还剩81%", "1,234.50元", "200.00元", "34.50元", "1,000.00元", programme.name_zh):
        assert words in page, words
    assert "剩30%或更少：提醒" in page
    assert "剩15%或更少：放缓，每天最多发7张券" in page
    assert "剩2%或更少：暂停发放" in page


def test_what_ends_when(app: Flask, session: Session) -> None:
    """Credits of last year end this year; what ended before is listed; the first page says it."""
    browser = Browser(app)
    assert browser.get("/credits").status_code == 303, "a stranger has no credits"
    browser.sign_in(ALICE)
    assert "现在没有积分" in browser.get("/credits").text
    assert "积分的有效期" not in browser.get("/").text
    year = business_day(utc_now()).year
    with writing(app) as own:
        account = newest_person(own).stored_id
        arranged.give(own, account, year - 1, 4321)
        own.add(
            CreditExpiry(
                account_id=account,
                vintage=year - 2,
                period=date(year, 1, 1),
                credits=765,
                booked_at=utc_now(),
            )
        )
        own.commit()
        expiry.remind(own, day=date(year, 12, 20), now=utc_now())
        own.commit()
    told = text_of(browser.get("/messages").text)
    assert f"您有4,321积分（{year - 1}年发放）可用到{year}年12月31日" in told
    page = text_of(browser.get("/credits").text)
    assert f"{year - 1}4,321{year}年12月31日" in page
    assert f"{year}年1月1日{year - 2}765" in page
    assert f"4,321积分可用到{year}年12月31日" in text_of(browser.get("/").text)


def test_the_fund_in_the_panel(app: Flask, session: Session) -> None:
    """One proposes 500 yuan, cannot approve it, another does; the rule is the approver's."""
    editor = staff(app, Role.REWARD_EDITOR, login="erin")
    approver = staff(app, Role.REWARD_APPROVER, login="frank")
    reader = staff(app, Role.AUDITOR, login="olga")
    sponsors, new = "/admin/fund/sponsors", "/admin/fund/programmes/new"
    assert editor.post(sponsors, {"name_zh": "", "name_en": ""}).status_code == 422
    assert editor.post(sponsors, {"name_zh": "示范企业", "name_en": "Example"}).status_code == 303
    assert "已有同名的出资方" in editor.post(sponsors, {"name_zh": "示范企业"}).text
    rule = {"warn_pct": "40", "slow_pct": "20", "slow_coupons_per_day": "3", "pause_pct": "5"}
    named = {"sponsor_id": "1", "name_zh": "绿色出行", "name_en": ""}
    wrong = editor.post(new, {**named, **rule, "warn_pct": "10"})
    assert (wrong.status_code, "三条线须在" in wrong.text) == (422, True)
    assert editor.post(new, {**named, **rule}).status_code == 303
    page, year = "/admin/fund/programmes/1", business_day(utc_now()).year

    def send(browser: Browser, path: str, **data: str) -> tuple[int, str]:
        answer = browser.post(path, data, page=page)
        return answer.status_code, answer.text

    def propose(change: str) -> tuple[int, str]:
        return send(editor, f"{page}/budgets", year=str(year), change=change, reason="年度拨款")

    assert "最多 2 位小数" in propose("0.001")[1]
    assert propose("500.5")[0] == 303
    assert send(editor, "/admin/fund/proposals/1/approve")[0] == 403
    assert "待审批：绿色出行" in approver.get("/admin/fund").text
    assert "预算变动待另一人批准1" in text_of(approver.get("/admin/").text)
    assert send(approver, "/admin/fund/proposals/1/approve")[0] == 303
    assert "已经办过" in send(approver, "/admin/fund/proposals/1/approve")[1]
    assert propose("-600")[0] == 303
    assert "还差 99.50 元" in send(approver, "/admin/fund/proposals/2/approve")[1]
    assert send(approver, "/admin/fund/proposals/2/refuse", reason="")[0] == 422
    assert send(approver, "/admin/fund/proposals/2/refuse", reason="没有批文")[0] == 303
    assert propose("1")[0] == 303
    assert send(editor, "/admin/fund/proposals/3/withdraw")[0] == 303
    assert send(approver, f"{page}/rule", **{**rule, "pause_pct": "x"})[0] == 422
    assert send(approver, f"{page}/rule", **{**rule, "pause_pct": "6"})[0] == 303

    budget = session.exec(select(FundBudget)).one()
    assert budget.budget_fen == 50_050
    budget.committed_fen = 48_000
    session.add(
        FundDay(
            budget_id=budget.id or 0,
            day=business_day(utc_now()),
            coupons=480,
            committed_fen=480 * YUAN,
        )
    )
    session.commit()
    shown = text_of(reader.get("/admin/fund").text)
    assert "绿色出行：暂停发放，还剩4%（20.50元）" in shown
    assert "绿色出行：暂停发放，还剩4%（20.50元）" in text_of(reader.get("/admin/").text)
    detail = text_of(reader.get(page).text)
    for words in ("剩6%或更少：暂停发放", "480.00", "没有批文", "Dana"):
        assert words in detail, words
    assert "提出预算变动" not in detail, "the auditor changes nothing"
    for address, cell in (
        (f"/admin/fund.csv?year={year}", ",500.50,480.00,"),
        ("/admin/fund/liability.csv", "发放年份"),
        (f"{page}/days.csv", ",480.00"),
        (f"{page}/movements.csv", "年度拨款"),
    ):
        found = reader.get(address)
        assert cell in found.text, address
    assert reader.get(f"{page}/movements.xlsx").status_code == 200
    assert reader.get("/admin/fund/programmes/999").status_code == 404


def test_every_message_has_words(app: Flask) -> None:
    """What no other test reads: each kind in both languages, with what it is about."""
    title = {"title_zh": "游泳券", "title_en": "Swim"}
    draw: dict[str, object] = {"draw": "d1", **title}
    place: dict[str, object] = {"reward": "R1", "ends_at": "2026-03-01T04:00:00+00:00"}
    sent: dict[str, dict[str, object]] = {
        "credit_ended": {"vintage": 2025, "credits": 1234},
        "draw_passed": {**draw, "code": "insufficient_balance"},
        "draw_called_off": draw,
        "queue_passed": {**place, **title},
    }
    for header, about in (("zh-CN", ("1,234", "游泳券")), ("en-US", ("1,234", "Swim"))):
        with app.test_request_context(headers={"Accept-Language": header}):
            for kind, params in sent.items():
                shown = message_text(kind, params)
                assert any(word in shown.text for word in about), kind
                assert shown.link.startswith("/")
