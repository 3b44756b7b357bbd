"""From an application to the first page: refused with a reason, applied anew, admitted."""

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import sqlalchemy as sa
from flask import Flask

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.models import Institution
from tests.carbonaccount.institutions.events.pages import draft
from tests.carbonaccount.institutions.offsets.arranging import PDF
from tests.carbonaccount.institutions.places import CODE_X, CODE_Y, arranged, signed_in
from tests.people import Browser, add_dana, csrf_token, field_errors, writing

OWNER, BOB = "13800000031", "13912345678"
SCHOOL = {
    "kind": "school",
    "name_zh": "示例小学",
    "credit_code": CODE_X,
    "district": "370811",
    "floor_area": "12505.5",
    "head_count": "320",
    "applicant": "王小明",
    "authority": "总务主任，任小字〔2026〕3 号",
}


def officer_at_the_panel(app: Flask) -> Browser:
    """Return the browser of a signed-in officer."""
    browser = Browser(app)
    totp = add_dana(app, Role.INSTITUTION_OFFICER, login="ines")
    assert browser.sign_in_staff(totp.now(), login="ines").status_code == 303
    return browser


def listed(browser: Browser, query: str = "") -> list[dict[str, str]]:
    """Return the panel's list of institutions as its file has it."""
    text = browser.get(f"/admin/institutions.csv{query}").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_from_an_application_to_the_first_page(app: Flask) -> None:
    alice, bob, ines = signed_in(app, OWNER), signed_in(app, BOB), officer_at_the_panel(app)
    assert "您还没有在任何单位任职" in alice.get("/institutions").text
    assert Browser(app).get("/institutions").status_code == 303

    # --- what is wrong is said at its field ---
    wrong = {
        **SCHOOL,
        "credit_code": CODE_X[:-1] + "4",
        "floor_area": "12,5",
        "head_count": "99999999",
    }
    told = alice.post("/institutions/apply", wrong)
    assert told.status_code == 422
    assert {text.split("，")[0] for text in field_errors(told)} >= {"请填平方米数", "请填整数"}
    assert "请填整数，0 到 10,000,000，例如 320。" in field_errors(told)
    told = alice.post("/institutions/apply", {**SCHOOL, "credit_code": CODE_X[:-1] + "4"})
    assert "校验位不对" in field_errors(told)[0]
    told = alice.post("/institutions/apply", {**SCHOOL, "credit_code": ""})
    assert "要填统一社会信用代码" in field_errors(told)[0]
    told = alice.post("/institutions/apply", {**SCHOOL, "parent": "nobody"})
    assert "没有找到" in field_errors(told)[0]

    for missing in ("applicant", "authority"):
        assert alice.post("/institutions/apply", {**SCHOOL, missing: " "}).status_code == 422

    # --- refused with a reason, which the applicant reads ---
    paper = {"file": (io.BytesIO(PDF), "授权书.pdf")}
    token = csrf_token(alice.get("/institutions/apply"))
    sent = alice.client.post("/institutions/apply", data={"csrf_token": token, **SCHOOL, **paper})
    assert sent.status_code == 303
    told = bob.post("/institutions/apply", SCHOOL)
    assert (told.status_code, "正在审核" in field_errors(told)[0]) == (409, True)
    assert [row["状态"] for row in listed(ines, "?status=applied")] == ["待审核"]
    desk = ines.get("/admin/").text
    assert "单位入驻待审核" in desk
    assert "绿色创建待审核" not in desk
    address = ines.get("/admin/institutions").text.split('href="/admin/institutions/')[1]
    page = "/admin/institutions/" + address.split('"')[0]
    assert "<strong>申请入驻</strong> · 一位居民" in ines.get(page).text
    # The officer sees who applies, reads the paper, and the whole number only against a reason.
    seen = ines.get(page).text
    assert "<dd>王小明</dd>" in seen
    assert "总务主任，任小字〔2026〕3 号" in seen
    assert OWNER not in seen
    assert ines.get(f"{page}/authority").data == PDF
    assert ines.post(f"{page}/applicant", {"reason": "看"}, page=page).status_code == 422
    told = ines.post(f"{page}/applicant", {"reason": "打电话核实身份"}, page=page)
    assert OWNER in told.text
    short = ines.post(f"{page}/refuse", {"reason": " "}, page=page)
    assert (short.status_code, "请写明理由" in short.text) == (422, True)
    assert ines.post(f"{page}/refuse", {"reason": "名称与代码不符"}, page=page).status_code == 303
    assert ines.post(f"{page}/admit", {}, page="/admin/institutions").status_code == 409
    assert "名称与代码不符" in alice.get("/institutions").text
    decided = ines.post(f"{page}/applicant", {"reason": "打电话核实身份"}, page=page)
    assert (decided.status_code, OWNER in decided.text) == (409, False)
    assert "没有通过" in alice.get("/messages").text

    # --- applied anew and admitted; the applicant is the owner ---
    assert alice.post("/institutions/apply", SCHOOL).status_code == 303
    (row,) = listed(ines, "?status=applied&q=示例小学")
    assert (row["类型"], row["统一社会信用代码"], row["区县"]) == ("学校", CODE_X, "任城区")
    found = ines.get("/admin/institutions?status=applied").text
    public_id = found.split('href="/admin/institutions/')[1].split('"')[0]
    page = f"/admin/institutions/{public_id}"
    assert ines.post(f"{page}/admit", {}, page=page).status_code == 303
    assert "同意入驻" in ines.get(page).text
    assert "入驻申请已通过" in alice.get("/messages").text
    home = alice.get(f"/institutions/{public_id}").text
    for said in (
        "示例小学",
        "12,505.5 m²",
        "320",
        "负责人",
        "先填一年的排放清单",
        "这个月还没有变化",
    ):
        assert said in home
    assert bob.get(f"/institutions/{public_id}").status_code == 404
    assert ines.get("/admin/institutions.xlsx").data.startswith(b"PK")

    # --- without a code only families and communities; taken back by who applied only ---
    other = {**SCHOOL, "kind": "community", "name_zh": "示例社区", "credit_code": ""}
    assert bob.post("/institutions/apply", other).status_code == 303
    waiting = ines.get("/admin/institutions?status=applied").text
    number = waiting.split('href="/admin/institutions/')[1].split('"')[0]
    away = f"/institutions/applications/{number}/withdraw"
    assert alice.post(away, {}, page="/institutions/apply").status_code == 404
    assert bob.post(away, {}, page="/institutions").status_code == 303
    assert listed(ines, "?status=applied") == []
    assert [row["状态"] for row in listed(ines, "?status=closed")] == ["已撤回"]

    # --- closed with a reason: its pages are gone, its code may be used again ---
    assert "1 个席位、0 位成员和 0 份归它的减排量份额同时结束" in ines.get(page).text
    assert ines.post(f"{page}/close", {"reason": "已合并"}, page=page).status_code == 303
    assert alice.get(f"/institutions/{public_id}").status_code == 404
    assert "“示例小学”已由市里关闭" in alice.get("/messages").text
    assert bob.post("/institutions/apply", SCHOOL).status_code == 303


def test_only_the_officer_decides_and_at_most_five_wait(app: Flask) -> None:
    alice = signed_in(app, OWNER)
    for number in range(5):
        family = {**SCHOOL, "kind": "family", "name_zh": f"家庭{number}", "credit_code": ""}
        assert alice.post("/institutions/apply", family).status_code == 303
    sixth = alice.post("/institutions/apply", {**SCHOOL, "credit_code": CODE_Y})
    assert (sixth.status_code, "5 个申请" in sixth.text) == (429, True)
    operator = Browser(app)
    assert operator.sign_in_staff(add_dana(app, Role.OPERATOR).now()).status_code == 303
    assert "单位入驻待审核" not in operator.get("/admin/").text
    shown = operator.get("/admin/institutions").text
    public_id = shown.split('href="/admin/institutions/')[1].split('"')[0]
    page = operator.get(f"/admin/institutions/{public_id}")
    assert (page.status_code, "拒绝" in page.text) == (200, False)
    refused = operator.post(f"/admin/institutions/{public_id}/admit", {}, page="/admin/intake/new")
    assert refused.status_code == 403
    assert "家庭4" in operator.get("/admin/institutions?about=family").text


def pressed_at_once(browser: Browser, page: str, form: dict[str, str], at: str) -> set[int]:
    """Send one form from four connections at the same moment; returns the answers there were."""
    shown = browser.get(page)
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', shown.text)
    assert key
    start, token = Barrier(4), csrf_token(shown)

    def press(name: str, *, alone: bool = False) -> int:
        if not alone:
            start.wait()
        sent = {**form, "request_key": key[1], "name_zh": name}
        return browser.twin().post_with(token, at, sent).status_code

    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(press, ["一号"] * 4))
    # The key is used up: another text is no second press.
    assert press("二号", alone=True) == 409
    broken = {**form, "request_key": "short", "name_zh": "三号"}
    assert browser.post_with(token, at, broken).status_code == 422
    return found


def test_a_form_sent_at_once_from_four_sides_makes_one(app: Flask) -> None:
    place = arranged(app, "ines", ("13800000041", "13800000042", "13800000043"))
    first = (business_day(utc_now()).replace(day=1) + timedelta(days=32)).replace(day=1)
    challenge = {
        "behavior": "bike_ride",
        "first_day": first.isoformat(),
        "last_day": (first + timedelta(days=6)).isoformat(),
        "goal_acts": "300",
    }
    family = {**SCHOOL, "kind": "family", "credit_code": ""}
    campaigns, apply = f"{place.address}/campaigns", "/institutions/apply"
    assert pressed_at_once(place.clerk, campaigns, challenge, f"{campaigns}/new") == {303}
    event = f"{place.address}/events/new"
    assert pressed_at_once(place.clerk, event, draft(), event) == {303}
    assert pressed_at_once(place.owner, apply, family, apply) == {303}
    with writing(app) as session:
        for table in (Campaign, Event, Institution):
            names = [row.name_zh for row in session.execute(sa.select(table)).scalars()]
            assert [name for name in names if "号" in name] == ["一号"], table
