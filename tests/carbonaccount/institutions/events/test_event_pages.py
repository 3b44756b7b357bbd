"""An event from plan to certificate on its pages, with the worked example of docs/events.md."""

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from openpyxl import load_workbook
from sqlmodel import col, select

from carbonaccount.accounts.limits import Limit
from carbonaccount.clock import utc_now
from carbonaccount.institutions import event_answers
from carbonaccount.institutions.event_models import Event, EventAnswer, EventCertificate
from carbonaccount.institutions.offset_models import OffsetLot
from carbonaccount.institutions.views import event_scan
from carbonaccount.ledger.verify import verify_everything
from tests.carbonaccount.institutions.events.pages import (
    HERE,
    NAME,
    REASON,
    Scene,
    alert,
    arranged_scene,
    draft,
    give_lot,
    make,
    plan,
    today,
    verdict,
)
from tests.people import Browser, field_errors, writing
from tests.rewards.certificates.pages import drawn_qr, picture_of_pdf, read_qr, text_of_pdf

# Who came in the worked example, one answer a browser; the walkers have no phones.
ANSWERS = (
    (30, HERE, "bus", "0"),
    (10, "district:370881", "car", "0"),
    (20, "province", "train", "1"),
    (5, "band_1000", "plane", "2"),
)
LINES = (
    {"item": "power", "amount": "2,000", "green": "500", "evidence": "抄表"},
    {"item": "meal", "amount": "240"},
    {"item": "paper", "amount": "1000"},
    {"item": "waste_burnt", "amount": "100"},
    {"item": "waste_other", "amount": "40"},
)
TOTAL_G = 9_808_530


def answers_of(scene: Scene) -> list[EventAnswer]:
    """Return all answers."""
    with writing(scene.app) as session:
        return list(session.exec(select(EventAnswer).order_by(col(EventAnswer.id))))


def everybody_answers(scene: Scene) -> None:
    """Let participants answer: one on the page, the others as it would write them."""
    first = scene.participant()
    assert scene.say(first, *ANSWERS[0][1:]).status_code == 303
    (said,) = answers_of(scene)
    rows = [
        {"event_id": said.event_id, "token_hash": f"{number}-{mode}", "origin": origin,
         "mode": mode, "nights": int(nights)}
        for people, origin, mode, nights in ANSWERS
        for number in range(people)
    ]  # fmt: skip
    with writing(scene.app) as session:
        session.connection().execute(sa.insert(EventAnswer), rows[1:])
        session.commit()


def test_from_plan_to_certificate(app: Flask, tmp_path: Path) -> None:
    scene = arranged_scene(app)
    clerk, owner, second = scene.place.clerk, scene.place.owner, scene.place.reader
    stranger = Browser(app)

    # --- the plan comes first ---
    make(scene)
    assert "还没有开始" in stranger.get(scene.scan).text
    early = scene.do(clerk, "begin")
    assert (early.status_code, alert(early)) == (
        422,
        "计划至少要有一个预计的排放来源和一项减排措施。",
    )
    assert stranger.get(f"/events/{scene.event_id}").status_code == 404
    plan(scene)
    assert scene.do(clerk, "edit", **draft(name_zh="别的")).status_code == 409
    assert scene.do(clerk, "replan").status_code == 303
    assert stranger.get(f"/events/{scene.event_id}").status_code == 404
    assert scene.do(clerk, "edit", **draft(place="体育馆")).status_code == 303
    assert scene.do(clerk, "begin").status_code == 303
    public = stranger.get(f"/events/{scene.event_id}").text
    assert "体育馆" in public
    assert "接驳大巴" in public
    assert "1,500.5 kg" in public

    # --- participants: poster, code, answer, correction, withdrawal ---
    poster = clerk.get(f"{scene.address}/poster")
    assert read_qr(drawn_qr(poster.text)).endswith(scene.scan)
    pdf = clerk.get(f"{scene.address}/poster.pdf").data
    assert read_qr(picture_of_pdf(pdf, tmp_path)).endswith(scene.scan)
    written = text_of_pdf(pdf, tmp_path)
    code = scene.event().scan_code
    for said in (NAME, "Rencheng low-carbon forum", f"{code[:4]} {code[4:]}", "扫码说说您怎么来的"):
        # How wide a gap is between the letters of a random code is the reader's guess.
        assert "".join(said.split()) in "".join(written.split())
    typed = stranger.get(f"/e?code={code[:4].lower()}-{code[4:].lower()}")
    assert (typed.status_code, typed.location) == (303, scene.scan)
    assert stranger.get("/e?code=ZZZZZZZZ").status_code == 404

    guest = scene.participant()
    wrong = scene.say(guest, "province", "walk")
    assert (wrong.status_code, alert(wrong)) == (422, "这种方式只适用于本市，请另选一种。")
    assert alert(scene.say(guest, "", "bus")) == "请选择您从哪里来。"
    assert alert(scene.say(guest, HERE, "plane")) == "市内没有航班，请另选一种。"
    assert alert(scene.say(guest, HERE, "bus", "61")) == "住宿须为 0 至 60 晚的整数。"
    assert alert(scene.say(guest, "district:999999", "bus")) == "请选择您从哪里来。"
    assert scene.say(guest, "province", "train", "2").status_code == 303
    assert "谢谢，记下了" in guest.get(scene.scan).text
    assert scene.say(guest, "province", "car", "2").status_code == 303
    (kept,) = answers_of(scene)
    assert (kept.origin, kept.mode, kept.nights) == ("province", "car", 2)
    cookie = guest.client.get_cookie("event", path=scene.scan)
    assert cookie is not None
    assert cookie.value not in str(kept.token_hash)
    assert cookie.http_only
    assert cookie.path == scene.scan
    other = scene.participant()
    assert scene.say(other, HERE, "walk").status_code == 303
    assert len(answers_of(scene)) == 2
    assert guest.post(f"{scene.scan}/withdraw", {}, page=scene.scan).status_code == 303
    assert [row.mode for row in answers_of(scene)] == ["walk"]
    assert other.post(f"{scene.scan}/withdraw", {}, page=scene.scan).status_code == 303
    assert answers_of(scene) == []
    assert "您从哪里来" in guest.get(scene.scan).text

    everybody_answers(scene)
    assert alert(scene.do(clerk, "replan"))[:10] == "已经有人填写或已录入"
    none = scene.do(clerk, "people/groups", origin=HERE, mode="walk", nights="0", people="0")
    assert alert(none) == "人数须为 1 至 1000000 的整数。"
    for _ in range(2):
        scene.do(clerk, "people/groups", origin=HERE, mode="walk", nights="0", people="15")
    page = clerk.get(f"{scene.address}/people").text
    assert "<strong>95</strong>" in page
    (group,) = re.findall(r"groups/(\d+)/remove", page)[1:]
    assert scene.do(clerk, f"people/groups/{group}/remove").status_code == 303

    # --- the account ---
    assert scene.do(clerk, "people/count", head_count="120").status_code == 409
    assert scene.do(clerk, "end").status_code == 303
    late = Browser(app)
    assert "填写已结束" in late.get(scene.scan).text
    refused = guest.post(scene.scan, {"origin": HERE, "mode": "bus"}, page="/sign-in")
    assert (refused.status_code, alert(refused)[:6]) == (403, "现在不能填写")
    for line in LINES:
        assert scene.do(clerk, "account/lines", **line).status_code == 303
    assert alert(scene.do(clerk, "account/lines", item="meal", amount="1", green="1")) == (
        "绿电只能填在外购电下。"
    )
    assert alert(scene.do(clerk, "account/lines", item="meal", amount="-3")).startswith("请填大于")
    assert alert(scene.do(clerk, "account/close")).startswith("请先在“参加者”页")
    assert alert(scene.do(clerk, "people/count", head_count="79")) == (
        "参加人数不能少于已填写的 80 人。"
    )
    assert scene.do(clerk, "people/count", head_count="120").status_code == 303
    measure = re.search(r"measures/(\d+)/achieved", clerk.get(f"{scene.address}/plan").text)
    assert measure
    scene.do(clerk, f"plan/measures/{measure[1]}/achieved", achieved="1200")
    open_account = clerk.get(f"{scene.address}/account").text
    assert "9,808.53" in open_account
    assert scene.do(second, "account/close").status_code == 303
    closed = scene.event()
    assert closed.state == "offset"
    assert {row.token_hash for row in answers_of(scene)} == {None}

    # --- the files say the same ---
    book = load_workbook(io.BytesIO(owner.get(f"{scene.address}/account.xlsx").data)).active
    assert book is not None
    grams = [row[9] for row in book.iter_rows(min_row=2, values_only=True)]
    assert sum(int(value) for value in grams if value not in ("", None)) == TOTAL_G
    listed = csv.DictReader(
        io.StringIO(owner.get(f"{scene.address}/people.csv").data.decode("utf-8-sig"))
    )
    counted = {
        (row["怎么来"], row["来源"]): (row["人数"], row["往返合计（人公里）"]) for row in listed
    }
    assert counted["步行", "组织者代填"] == ("15", "1800")
    assert counted["飞机", "扫码填写"] == ("5", "10000")

    # --- making good: ten tonnes are needed, five are there, then more ---
    assert scene.do(clerk, "offset").status_code == 403
    assert alert(scene.do(owner, "offset")) == "单位现在没有可用的抵消量。"
    with writing(app) as session:
        give_lot(session, app, scene.place, 5)
        session.commit()
    before = owner.get(f"{scene.address}/offset").text
    assert "还差 4,808.53 kg" in before
    assert "上面 1 批、共 " in before.partition("确认注销")[0]
    assert scene.do(owner, "offset").status_code == 303
    short = scene.do(owner, "publish")
    assert (short.status_code, alert(short)) == (409, "抵消量还差 4809 千克，不能公布。")
    with writing(app) as session:
        give_lot(session, app, scene.place, 9, prefix="CCER-B-")
        session.commit()
    assert scene.do(owner, "offset").status_code == 303
    assert alert(scene.do(owner, "offset")) == "已经全部抵消。"
    with writing(app) as session:
        held = {
            (row.first_number, row.last_number): row.status
            for row in session.exec(select(OffsetLot))
        }
        assert held == {
            ("CCER-0001", "CCER-0005"): "retired",
            ("CCER-B-0001", "CCER-B-0009"): "split",
            ("CCER-B-0001", "CCER-B-0005"): "retired",
            ("CCER-B-0006", "CCER-B-0009"): "held",
        }
        assert [found[0] for found in verify_everything(session) if found[-1]] == []

    # --- a second person publishes ---
    own = scene.do(second, "publish")
    assert (own.status_code, alert(own)[:8]) == (403, "锁定核算的人不能")
    assert scene.do(clerk, "publish").status_code == 403
    assert scene.do(owner, "publish").status_code == 303
    with writing(app) as session:
        number = session.exec(select(col(EventCertificate.number))).one()
    paper = stranger.get(f"/events/certificates/{number}")
    checked = read_qr(drawn_qr(paper.text)).split("localhost", 1)[1]
    assert checked == f"/events/check/{number}?total={TOTAL_G}&date={today().isoformat()}"
    assert verdict(stranger, checked) == "genuine"
    assert verdict(stranger, checked.replace("9808530", "9808531")) == "differs"
    assert verdict(stranger, f"/events/check/{number}") == "exists"
    assert verdict(stranger, "/events/check/0000000000000000") == "unknown"
    content = stranger.get(f"/events/certificates/{number}.pdf").data
    text = text_of_pdf(content, tmp_path)
    for said in ("活动碳中和证书", NAME, "9,808,530 g", "10,000,000 g", "9,808.53 kg",
                 "CCER-0001 – CCER-0005", "CCER-B-0001 – CCER-B-0005", "2,784.27 kg"):  # fmt: skip
        assert said in text
    assert "回收、堆肥等其他方式处理的垃圾 40 kg" in text.replace("\n", " ")
    assert read_qr(picture_of_pdf(content, tmp_path)).endswith(checked)

    # --- what everybody sees: one unit, counts, small groups together ---
    public = stranger.get(f"/events/{scene.event_id}").text
    assert "<strong>9,808.53</strong> kg CO" in public
    assert "</strong> g CO" not in public
    for said in (text, paper.text, public):
        assert "5,568.54" in said
        assert "1,425.3" not in said
    shown = re.findall(
        r'<tr><th scope="row">([^<]+)</th><td class="right">([\d,]+)</td></tr>',
        stranger.get(f"/events/{scene.event_id}").text,
    )
    assert shown == [
        ("公交、大巴", "30"), ("火车、高铁", "20"), ("步行", "15"),
        ("其他（不足 10 人的组合并）", "15"),
        ("任城区", "45"), ("山东省其他城市", "20"), ("其他（不足 10 人的组合并）", "15"),
    ]  # fmt: skip

    # --- withdrawn, corrected, published again ---
    assert scene.do(clerk, "withdraw", reason=REASON).status_code == 403
    assert scene.do(owner, "withdraw", reason="").status_code == 422
    assert scene.do(owner, "withdraw", reason=REASON).status_code == 303
    assert verdict(stranger, checked) == "withdrawn"
    assert "已撤回" in text_of_pdf(
        stranger.get(f"/events/certificates/{number}.pdf").data, tmp_path
    )
    assert scene.do(owner, "reopen", reason=REASON).status_code == 303
    scene.do(clerk, "account/lines", item="gas", amount="10")
    assert scene.do(clerk, "account/close").status_code == 303
    # 10 m3 x 2.184 kg: 9,830.37 kg, still less than the ten tonnes
    assert scene.do(owner, "publish").status_code == 303
    with writing(app) as session:
        newest = session.exec(
            select(EventCertificate).order_by(col(EventCertificate.id).desc())
        ).first()
        assert newest is not None
        assert '"total_g":9830370' in newest.payload
        newest.payload = newest.payload.replace('"total_g":9830370', '"total_g":9830371')
        session.add(newest)
        session.commit()
        address = f"/events/check/{newest.number}"
    assert verdict(stranger, address) == "altered"

    with writing(app) as session:
        assert [found[0] for found in verify_everything(session) if found[-1]] == []

    # --- the list, its filter and its file ---
    listing = f"{scene.place.address}/events"
    assert NAME in owner.get(listing).text
    assert NAME not in owner.get(f"{listing}?state=planned").text
    assert NAME not in owner.get(f"{listing}?year={today().year - 1}").text
    assert "9830370" in owner.get(f"{listing}.csv?state=published").data.decode("utf-8-sig")

    # --- what must hold is found when it does not ---
    with writing(app) as session:
        session.connection().execute(
            sa.update(EventAnswer).values(token_hash="x" + sa.cast(col(EventAnswer.id), sa.Text))
        )
        session.connection().execute(sa.update(EventCertificate).values(withdrawn_at=None))
        session.connection().execute(
            sa.update(OffsetLot).where(col(OffsetLot.purpose) == "event").values(purpose_id=9999)
        )
        broken = {found[0] for found in verify_everything(session) if found[-1]}
    assert broken >= {"E1", "E2", "E3"}


def test_what_does_not_fit_is_said_at_its_field(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = arranged_scene(app)
    address = f"{scene.place.address}/events/new"
    clerk = scene.place.clerk
    empty = clerk.post(address, {"kind": "meeting"})
    assert (empty.status_code, len(field_errors(empty))) == (422, 6)
    assert field_errors(clerk.post(address, draft(first_day="morgen"))) == [
        "请填写日期，例如 2026-12-01。"
    ]
    before = (today() - timedelta(days=1)).isoformat()
    assert field_errors(clerk.post(address, draft(last_day=before))) == [
        "结束日期不能早于开始日期，活动最多 60 天。"
    ]
    assert field_errors(clerk.post(address, draft(expected_people="9" * 16))) == [
        "请填写 1 到 1,000,000 之间的整数。"
    ]
    past = (today() - timedelta(days=9)).isoformat()
    make(scene, first_day=past, last_day=past)
    scene.do(clerk, "plan/sources", **{"source-travel": "1"})
    assert alert(scene.do(clerk, "plan/sources", **{"source-travel": "1", "kg-travel": "x"}))
    assert alert(scene.do(clerk, "plan/measures", what="", source="travel", expected="1"))
    scene.do(clerk, "plan/measures", what="无纸化", source="materials", expected="1")
    assert scene.do(clerk, "plan/measures/999/remove").status_code == 404
    # Its days have passed: it is accounted for at once, and nobody scans in.
    assert "确定计划，开始核算" in clerk.get(scene.address).text
    assert scene.do(clerk, "begin").status_code == 303
    assert "活动结束后补录，没有现场扫码" in clerk.get(scene.address).text
    assert "结束后补录" in Browser(app).get(f"/events/{scene.address.rsplit('/', 1)[1]}").text
    # Another institution's people, readers and people without a cookie.
    blind = Browser(app).post(scene.scan, {"origin": HERE, "mode": "bus"}, page="/sign-in")
    assert (blind.status_code, alert(blind)[:15]) == (422, "请允许浏览器保存 Cookie")
    assert clerk.get(f"{scene.place.address}/events/NOSUCHEVENT").status_code == 404
    assert Browser(app).get(f"{scene.address}/people").status_code == 303
    few = Limit("event_answer", 2, timedelta(hours=1))
    monkeypatch.setattr(event_scan, "ANSWERS_PER_ADDRESS", few)
    tries = [
        Browser(app).post(scene.scan, {"origin": HERE, "mode": "bus"}, page="/sign-in").status_code
        for _ in range(2)
    ]
    assert tries == [422, 429]


def assert_no_source_is_left_out_silently(scene: Scene) -> None:
    """The plan declared meals, and nobody entered any."""
    clerk, owner, stranger = scene.place.clerk, scene.place.owner, Browser(scene.app)
    silent = scene.do(clerk, "account/close")
    assert alert(silent).startswith("计划列出的来源有 1 个没有用量")
    meals = {"kind-meals": "not_estimated", "why-meals": " "}
    mute = scene.do(clerk, "account/close", **meals)
    assert alert(mute) == "请写明理由，1 至 200 个字。"
    assert re.search(r'value="not_estimated" checked', mute.text)
    assert alert(scene.do(clerk, "account/missing", **{"why-meals": "自带茶点"})).startswith(
        "请选择"
    )
    # Not declared: nothing is said of it.
    waste = {"kind-waste": "absent", "why-waste": "没有"}
    assert scene.do(clerk, "account/missing", **waste).status_code == 422
    meals["why-meals"] = "自带茶点"
    assert scene.do(clerk, "account/missing", **meals).status_code == 303
    assert 'value="自带茶点"' in clerk.get(f"{scene.address}/account").text
    assert scene.do(clerk, "account/close").status_code == 303
    assert "已过期限" in owner.get(f"{scene.address}/offset").text
    file = owner.get(f"{scene.address}/account.csv").data.decode("utf-8-sig").splitlines()
    assert file[-1] == "餐饮,,,,,,,,,,无法估算：自带茶点"
    scene.do(owner, "offset")
    said = "核算不完整，不能称为碳中和"
    assert said in owner.get(f"{scene.address}/offset").text
    assert scene.do(owner, "publish").status_code == 303
    paper = owner.get(f"{scene.address}/certificate").location
    number = paper.rsplit("/", 1)[1]
    pages = (f"/events/{scene.event_id}", paper, f"/events/check/{number}")
    shown = [stranger.get(page).text for page in pages]
    for text in shown:
        gap = re.search(r"event-left-out.*?<strong>餐饮</strong>：无法估算，自带茶点", text, re.S)
        assert gap
        assert "已实现碳中和" not in text
    assert said in shown[0]
    assert said in shown[2]
    assert "<h1>活动碳抵消证书（核算不完整）</h1>" in shown[1]
    with writing(scene.app) as session:
        (row,) = session.exec(select(EventCertificate))
        assert '"neutral":false' in row.payload
        # As it was before anybody was asked: the plan tells.
        kept, cut = row.payload, re.sub(r'"gaps":\[[^]]*\],', "", row.payload)
        assert cut != kept
        row.payload = cut
        session.commit()
    assert "<strong>餐饮</strong>：没有用量，也没有说明" in stranger.get(paper).text
    with writing(scene.app) as session:
        session.exec(select(EventCertificate)).one().payload = kept
        session.commit()
    # It did not occur after all: whole, and said.
    for step, form in (
        ("withdraw", {"reason": REASON}),
        ("reopen", {"reason": REASON}),
        ("account/close", {"kind-meals": "absent", "why-meals": "会期半天，没有供餐"}),
    ):
        browser = clerk if step == "account/close" else owner
        assert scene.do(browser, step, **form).status_code == 303
    assert scene.do(owner, "publish").status_code == 303
    paper = owner.get(f"{scene.address}/certificate").location
    assert "已实现碳中和" in stranger.get(pages[0]).text
    text = stranger.get(paper).text
    assert "<h1>活动碳中和证书</h1>" in text
    assert "餐饮：会期半天，没有供餐" in text


def test_late_and_with_few_answers(app: Flask) -> None:
    scene = arranged_scene(app)
    make(scene, last_day=today().isoformat())
    plan(scene)
    event, now = scene.event(), utc_now()

    def answer(_turn: int) -> None:
        with writing(app) as session:
            event_answers.answer(
                session, event=event, token="one", origin=HERE, mode="bus", nights=0, now=now
            )
            session.commit()

    # One browser that sends eight times at once is one participant.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(answer, range(8)))
    assert len(answers_of(scene)) == 1
    clerk, owner, stranger = scene.place.clerk, scene.place.owner, Browser(app)
    scene.do(clerk, "end")
    scene.do(clerk, "people/count", head_count="1")
    with writing(app) as session:
        row = session.exec(select(Event)).one()
        row.first_day = row.last_day = today() - timedelta(days=400)
        give_lot(session, app, scene.place, 1)
        session.commit()
    assert_no_source_is_left_out_silently(scene)
    public = stranger.get(f"/events/{scene.event_id}").text
    # One person, 30 km x 2 x 0.052 kg: the total is told, how they came is not.
    assert "<strong>3.12</strong> kg" in public
    assert "晚于活动结束后一年" in public
    assert "填写者不足 10 人，不显示。" in public
    for hidden in ("公交、大巴", "3.12 kg", "按来源"):
        assert hidden not in public
        assert hidden not in stranger.get(owner.get(f"{scene.address}/certificate").location).text
