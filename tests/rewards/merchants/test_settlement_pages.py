"""The panel's settlements: two people, and papers whose totals are those of the books."""

import io
import subprocess
from datetime import timedelta

from flask import Flask
from openpyxl import load_workbook
from sqlmodel import Session, select

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day, utc_now
from rewards import settlement_queries
from rewards.merchant_models import CouponDispute, Merchant, Settlement
from rewards.models import Coupon
from tests.admin.desk import staff
from tests.people import Browser
from tests.rewards.merchants.counter import Counter
from tests.rewards.redeeming.arranging import DAY, balances, broken


def pdf_text(content: bytes) -> str:
    """Return what a PDF says, set as it is laid out."""
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True
    )
    return read.stdout.decode()


def only(session: Session) -> Settlement:
    """Return the one settlement there is."""
    found = session.exec(select(Settlement).execution_options(populate_existing=True)).one()
    session.commit()
    return found


def draft(counter: Counter, editor: Browser) -> str:
    """Draft a settlement of the counter's day; returns its address."""
    merchant = counter.session.get_one(Merchant, counter.shop.merchant_id)
    counter.session.commit()  # On SQLite the pages wait for whoever reads like this.
    form = {"merchant": merchant.public_id, "last_day": DAY.isoformat()}
    page = editor.get(f"/admin/settlements/new?merchant={merchant.public_id}")
    assert f'value="{DAY.isoformat()}"' in page.text, "from the oldest open use on"
    for first, sentence in (
        ("", "请填写起始日"),
        ((DAY + timedelta(days=1)).isoformat(), "不早于起始日"),
    ):
        answer = editor.post("/admin/settlements/new", {**form, "first_day": first})
        assert (answer.status_code, sentence in answer.text) == (422, True)
    done = editor.post("/admin/settlements/new", {**form, "first_day": DAY.isoformat()})
    assert done.status_code == 303
    return str(done.location)


def test_two_people_settle_and_the_papers_say_the_same(app: Flask, counter: Counter) -> None:
    coupons = counter.used(3)
    editor = staff(app, Role.REWARD_EDITOR, login="eddie")
    approver = staff(app, Role.REWARD_APPROVER, login="april")
    address = draft(counter, editor)
    assert "与账本一致" in editor.get(address).text
    assert editor.post(f"{address}/submit", {}, page=address).status_code == 303
    assert editor.post(f"{address}/approve", {}, page=address).status_code == 403
    waiting = approver.post(f"{address}/approve", {}, page=address)
    assert "还有 3 张抽中的券没有核对" in waiting.text
    for coupon in coupons:
        check = {"coupon": coupon.public_id, "result": "fine", "note": ""}
        assert approver.post(f"{address}/check", check, page=address).status_code == 303
    assert approver.post(f"{address}/approve", {}, page=address).status_code == 303
    assert "凭证" in editor.post(f"{address}/pay", {"reference": ""}, page=address).text
    paying = editor.post(f"{address}/pay", {"reference": "=1+1"}, page=address)
    assert paying.status_code == 303
    settlement = only(counter.session)
    assert (settlement.status, settlement.credits, settlement.value_fen) == ("paid", 300, 1500)
    booked = settlement_queries.booked_credits(counter.session, settlement_id=settlement.id or 0)
    assert booked == 300
    counter.session.commit()
    book = load_workbook(io.BytesIO(editor.get(f"{address}/statement.xlsx").data))
    sums = {row[0].value: row[1].value for row in book["合计"].iter_rows()}
    assert (sums["券数"], sums["积分"]) == (3, 300)
    assert (sums["金额（元）"], sums["扣减（元）"], sums["应付（元）"]) == (15, 0, 15)
    assert (sums["付款凭证"], book["合计"]["B10"].data_type) == ("=1+1", "s")
    lines = list(book["券"].iter_rows(min_row=2, max_row=4, values_only=True))
    assert {line[1] for line in lines} == {coupon.public_id for coupon in coupons}
    assert (sum(line[4] for line in lines), sum(line[5] for line in lines)) == (300, 15)
    assert lines[0][0] == "2026-03-10 18:00"
    paper = pdf_text(editor.get(f"{address}/statement.pdf").data)
    plain = paper.split()
    assert settlement.public_id in paper
    assert [plain[plain.index(name) + 1] for name in ("券数", "积分", "应付（元）")] == [
        "3",
        "300",
        "15.00",
    ]
    assert all(coupon.public_id in paper for coupon in coupons)
    for kind in ("csv", "xlsx"):
        assert editor.get(f"/admin/settlements.{kind}?status=paid").status_code == 200
    listed = editor.get("/admin/settlements.csv?status=paid").text
    assert settlement.public_id in listed
    assert settlement.public_id not in editor.get("/admin/settlements.csv?status=draft").text


def test_a_dispute_is_decided_and_the_credits_come_back(app: Flask, counter: Counter) -> None:
    first, second = counter.used(2)
    editor = staff(app, Role.REWARD_EDITOR, login="eddie")
    approver = staff(app, Role.REWARD_APPROVER, login="april")
    reviewer = staff(app, Role.REVIEWER, login="rita")
    address = draft(counter, editor)
    editor.post(f"{address}/submit", {}, page=address)
    wrong = {"coupon": first.public_id, "result": "wrong", "note": ""}
    assert "有问题时请写明" in approver.post(f"{address}/check", wrong, page=address).text
    wrong["note"] = "商户没有这张凭据"
    # Whoever drafted it ticks nothing of its sample.
    assert "须由另一位同事核对和批准" in editor.get(address).text
    assert 'name="result"' not in editor.get(address).text
    assert editor.post(f"{address}/check", wrong, page=address).status_code == 403
    assert approver.post(f"{address}/check", wrong, page=address).status_code == 303
    assert only(counter.session).coupons == 1
    dispute = counter.session.exec(select(CouponDispute)).one()
    counter.session.commit()
    where = f"/admin/disputes/{dispute.id}"
    listed = approver.get("/admin/disputes").text
    assert (first.public_id in listed, second.public_id in listed) == (True, False)
    assert "须由另一位同事决定" in approver.get(where).text
    assert "请写明理由" in reviewer.post(f"{where}/uphold", {"decision": ""}, page=where).text
    decided = reviewer.post(f"{where}/uphold", {"decision": "小票对不上"}, page=where)
    assert decided.status_code == 303
    counter.session.commit()
    assert balances(counter.session, counter.holder) == {"free": 4900, "held": 0}
    coupon = counter.session.get_one(Coupon, first.stored_id, populate_existing=True)
    assert coupon.status == "cancelled"
    counter.session.commit()
    assert "成立" in approver.get("/admin/disputes?status=all").text
    assert first.public_id in approver.get("/admin/disputes.csv?status=upheld").text
    assert broken(counter.session) == {}
    counter.session.commit()


def test_merchants_are_admitted_changed_and_closed(app: Flask, counter: Counter) -> None:
    editor = staff(app, Role.REWARD_EDITOR, login="eddie")
    form = {"name_zh": "", "name_en": "", "district": "370811", "address": "", "first_till": "甲"}
    assert "中文名称" in editor.post("/admin/merchants/new", form).text
    form["name_zh"] = "社区图书馆"
    made = editor.post("/admin/merchants/new", form)
    address = str(made.location)
    assert (
        "data-invitation"
        in editor.post(f"{address}/invitations", {"role": "owner"}, page=address).text
    )
    assert "已有名为" in editor.post(f"{address}/tills", {"name": "甲"}, page=address).text
    closed = {"name_zh": "社区图书馆", "name_en": "Library", "district": "", "address": "路边"}
    assert editor.post(f"{address}/edit", closed, page=address).status_code == 303
    assert "社区图书馆" in editor.get("/admin/merchants.csv?state=closed&name=libr").text
    counter.used(1)
    page = editor.get("/admin/merchants?sort=-waiting").text
    assert page.index("修车铺") < page.index("社区图书馆")
    auditor = staff(app, Role.AUDITOR, login="audrey")
    assert auditor.get(address).status_code == 200
    assert "生成邀请码" not in auditor.get(address).text
    assert business_day(utc_now()) > DAY
