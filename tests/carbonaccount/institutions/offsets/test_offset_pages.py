"""From bought numbers and planted trees to a published statement, as people do it on the pages.

Figures of the papers are compared with the books and with the year worked out by hand: petrol
2,179 kg, power 8,000 kWh x 0.6410 = 5,128 kg, heat 11,000 kg, together 18,307 kg.
"""

import io
import re
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from sqlmodel import Session, col, select
from werkzeug.test import TestResponse

from behaviors.models import SourceSubject
from behaviors.sources import bind_subject
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import resident_actor
from carbonaccount.audit import SYSTEM, Actor, AuditEntry
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.inventory_evidence import add_evidence, evidence_folder
from carbonaccount.institutions.inventory_models import InventoryLine
from carbonaccount.institutions.models import Institution, InstitutionPerson
from carbonaccount.institutions.neutrality_models import NeutralityStatement, PlanMeasure
from carbonaccount.institutions.offset_models import Attribution, OffsetLot, Plantation
from carbonaccount.institutions.offset_rules import UPTAKE
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.messages.models import Message
from carbonaccount.sealing import canonical
from tests.admin.desk import staff
from tests.behaviors.intake.arranging import admit
from tests.carbonaccount.institutions.offsets.arranging import PDF, books, broken, locked_year
from tests.carbonaccount.institutions.places import Place, arranged
from tests.people import Browser, csrf_token, field_errors, writing
from tests.rewards.certificates.pages import text_of_pdf

# The services behind these pages are tested on both databases.
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PHONES = ("13800000071", "13800000072", "13800000073")
TODAY = business_day(utc_now())
BOUNDS = {
    "area": "请填写 0.0001 到 10,000 之间的数，最多 4 位小数。",
    "trees": "请填写 1 到 10,000,000 之间的整数。",
    "base_year": "请填写 2000 到 2100 之间的年份。",
    "reduce": "请填写 0 到 100 之间的数，最多 1 位小数。",
}
# What the school states by factor, and what it comes to.
SURE = {
    "fuel.petrol": {
        "activity": "3",
        "activity_basis": "加油小票",
        "factor": "4.00",
        "factor_basis": "油品检测报告",
    },
    "grid.shandong": {
        "activity": "6",
        "activity_basis": "按面积推算",
        "factor": "8",
        "factor_basis": "三年间的变化",
    },
    "heat.purchased": {
        "activity": "5",
        "activity_basis": "热量表 3 级",
        "factor": "12",
        "factor_basis": "供热公司的说明",
    },
}
WHOLE = "±8.4%，95% 置信区间 16,783.932 至 19,830.068 kg"


@pytest.fixture
def place(app: Flask) -> Place:
    """A school with an owner, a clerk and a reader, and a locked 2025."""
    found = arranged(app, "orla", PHONES)
    with writing(app) as session:
        row = session.get_one(Institution, found.row_id)
        people = {
            person.seat: resident_actor(account)
            for person, account in session.exec(
                select(InstitutionPerson, Account)
                .join(Account, col(Account.id) == col(InstitutionPerson.account_id))
                .where(col(InstitutionPerson.institution_id) == found.row_id)
            )
        }
        locked_year(session, row, people["owner"], people["clerk"])
        session.commit()
    return found


def sent(
    browser: Browser, path: str, data: dict[str, str], paper: bytes | None = None
) -> TestResponse:
    """Send a form with a file, from the page at the same address."""
    files = {} if paper is None else {"file": (io.BytesIO(paper), "paper.pdf")}
    token = csrf_token(browser.get(path.removesuffix("/checks")))
    return browser.client.post(
        path,
        data={"csrf_token": token, **data, **files},
        content_type="multipart/form-data",
        environ_base={"REMOTE_ADDR": browser.address},
    )


def buy(
    browser: Browser, place: Place, first: str, last: str, registry: str = "ccer", **more: str
) -> TestResponse:
    """Bring in bought numbers of this year."""
    data = {
        "registry": registry,
        "serial_first": first,
        "serial_last": last,
        "produced_on": f"{TODAY.year}-01-15",
        "title": "采购",
        **more,
    }
    return sent(browser, f"{place.address}/offsets/new", data, PDF)


def one(session: Session, model: type) -> object:
    """Return the only row of a table."""
    return session.exec(select(model)).one()


@ONE_DATABASE
def test_bought_numbers_and_trees(app: Flask, place: Place) -> None:
    clerk, reader = place.clerk, place.reader
    assert "还没有批次" in clerk.get(f"{place.address}/offsets").text
    # What is missing or wrong stands at its field; readers do not write.
    empty = sent(clerk, f"{place.address}/offsets/new", {"registry": "", "produced_on": "x"})
    assert empty.status_code == 422
    assert {"请选择登记系统。", "请填写。", "请填写日期，例如 2026-12-01。"} <= set(
        field_errors(empty)
    )
    bare = sent(
        clerk,
        f"{place.address}/offsets/new",
        {
            "registry": "ccer",
            "serial_first": "C1",
            "serial_last": "C9",
            "produced_on": "2026-01-01",
        },
        b"not a pdf",
    )
    assert field_errors(bare) == ["请上传完整的 PDF、JPEG 或 PNG 文件。"]
    # Readers are shown no way to write, and refused when they try one.
    assert "登记购入的绿证或减排量" not in reader.get(f"{place.address}/offsets").text
    for page in ("offsets", "plantations", "shares", "neutrality"):
        read = reader.get(f"{place.address}/{page}")
        assert read.status_code == 200
        assert 'method="post"' not in read.text.split("<main")[1]
    assert reader.get(f"{place.address}/offsets/new").status_code == 403
    assert buy(clerk, place, "CCER-1", "CCER-20").status_code == 303
    again = buy(clerk, place, "CCER-20", "CCER-30")
    assert again.status_code == 409
    assert field_errors(again) == [
        "编号 CCER-20 已经登记过：同一编号全市只能登记一次。如果是您单位的编号，请联系主管部门。"
    ]
    for written in ("ccer 20", "CCER_0020", "CCER20", "20", "No.CCER-2O"):
        assert buy(clerk, place, written, written).status_code == 409, written
    for first, last, more, said in (
        ("CCER-101", "CCER-1000100", {}, "1,000,000 个编号。超过 10,000 个时"),
        ("CCER-101", "CCER-1000101", {}, "一个批次最多 1,000,000 个"),
        ("CCER-101", "CCER-200", {"count": "99"}, "有 100 个编号，与填写的个数不同"),
        ("GEC-1", "GEC-2", {}, "编号开头的字母属于“国家绿证核发交易系统”"),
    ):
        slip = buy(clerk, place, first, last, **more)
        assert (slip.status_code, said in field_errors(slip)[0]) == (422, True), first
    assert buy(clerk, place, "GEC0001", "GEC0005", "gec").status_code == 303
    # Trees: planted, checked, accepted by the officer, and a lot of a year that is over.
    planted = {
        "species": "侧柏",
        "place": "泗水县圣水峪",
        "area": "2",
        "trees": "1,000",
        "planted_on": "2015-03-12",
    }
    for name, wrong in (("area", "-2"), ("area", "10000.1"), ("trees", "9" * 14)):
        refused = sent(clerk, f"{place.address}/plantations/new", {**planted, name: wrong}, PDF)
        assert field_errors(refused) == [BOUNDS[name]]
    rule = clerk.get(f"{place.address}/plantations").text
    assert UPTAKE.source in rule
    assert UPTAKE.bands_source in rule
    assert sent(clerk, f"{place.address}/plantations/new", planted, PDF).status_code == 303
    # The same trees with another paper, by anybody and however the place is written.
    alike = {**planted, "place": " 泗水县 圣水峪。", "trees": "900"}
    same = sent(
        clerk, f"{place.address}/plantations/new", alike, PDF.replace(b"<<>>", b"<</T(2)>>")
    )
    assert (same.status_code, "一片林在全市只能登记一次" in same.text) == (409, True)
    with writing(app) as session:
        trees = session.exec(select(Plantation.public_id)).one()
    address = f"{place.address}/plantations/{trees}"
    assert "等待当年或其后四年内通过的存活核查" in clerk.get(address).text
    check = {"checked_on": TODAY.isoformat(), "living": "900"}
    used = sent(clerk, f"{address}/checks", check, PDF)
    assert used.status_code == 303
    twice = sent(clerk, f"{address}/checks", check, PDF)
    assert field_errors(twice) == ["这份文件已经用来证明别的造林或核查，不能再用。"]
    officer = staff(app, Role.INSTITUTION_OFFICER, login="olga")
    assert "侧柏" in officer.get("/admin/survival-checks?status=waiting").text
    assert officer.get("/admin/survival-checks/1/check").data == PDF
    accepted = officer.post(
        "/admin/survival-checks/1/accept", {"reason": "属实"}, page="/admin/survival-checks/1"
    )
    assert accepted.status_code == 303
    with writing(app) as session:
        kinds = session.exec(select(col(Message.kind)).where(col(Message.kind).like("survival%")))
        assert kinds.all() == ["survival_accepted"]
    grown = clerk.get(address)
    year = TODAY.year - 1
    # 20,000 m2 x 365 g x 900/1000, grown after ten years (2015 to 2025: 9 birthdays, half).
    assert "3.28 t" in grown.text
    made = clerk.post_with(csrf_token(grown), f"{address}/lots/{year}", {})
    assert made.status_code == 303
    assert clerk.post_with(csrf_token(grown), f"{address}/lots/{year}", {}).status_code == 409
    with writing(app) as session:
        lots = {lot.kind: lot for lot in session.exec(select(OffsetLot))}
        assert lots["afforestation"].amount_g == 3_285_000
        owner = session.get_one(Institution, place.row_id).account_id
        assert books(session, owner, LedgerKind.INSTITUTION) == 23_285_000
        assert broken(session) == {}
        ccer = lots["ccer"].public_id
    # The list as a file says what the books hold.
    book = openpyxl.load_workbook(io.BytesIO(reader.get(f"{place.address}/offsets.xlsx").data))
    rows = list(book.active.iter_rows(min_row=2, values_only=True))
    assert sum(row[5] for row in rows) == 23_285_000
    assert sum(row[6] for row in rows) == 5_000
    assert [row[2] for row in rows][-1] == "CCER-1"
    only = reader.get(f"{place.address}/offsets.csv?kind_of=ccer").text
    assert only.count("CCER-1,") == 1
    assert "GEC0" not in only
    # What is no page, kind or state shows the list as it is.
    odd = reader.get(f"{place.address}/offsets?page=99&kind_of=gold&status=x")
    assert odd.text.count("/offsets/lots/") == 3
    lot = reader.get(f"{place.address}/offsets/lots/{ccer}")
    assert ("CCER-20" in lot.text, "撤回这个批次" in lot.text) == (True, False)
    assert reader.get(f"{place.address}/offsets/lots/{ccer}/paper").data == PDF
    _lots_are_taken_back(app, place, officer, ccer)


def _lots_are_taken_back(app: Flask, place: Place, officer: Browser, ccer: str) -> None:
    """By the clerk, who registers the numbers again; then by the officer, who tells the owners."""
    clerk, address = place.clerk, f"{place.address}/offsets/lots"
    withdraw = f"{address}/{ccer}/withdraw"
    assert place.reader.post(withdraw, {"reason": "填错"}).status_code == 403
    assert clerk.post(withdraw, {"reason": " "}, page=f"{address}/{ccer}").status_code == 422
    assert clerk.post(withdraw, {"reason": "末号填错"}, page=f"{address}/{ccer}").status_code == 303
    again = clerk.post(withdraw, {"reason": "末号填错"}, page=f"{place.address}/offsets")
    assert again.status_code == 409
    for page in (f"{address}/{ccer}", f"{place.address}/offsets", f"{place.address}/offsets.csv"):
        shown = clerk.get(page).text
        assert ("已撤回" in shown, "末号填错" in shown) == (True, True), page
    assert buy(clerk, place, "CCER-1", "CCER-2", count="2").status_code == 303
    with writing(app) as session:
        lot = session.exec(
            select(OffsetLot).where(OffsetLot.kind == "ccer", OffsetLot.status == "held")
        ).one()
        mine = lot.public_id
    # The officer finds a number however it is written.
    listed = officer.get("/admin/offset-lots?q=ccer+0002&status=held").text
    assert (mine in listed, ccer in listed) == (True, False)
    assert officer.get("/admin/offset-lots.csv?q=CCER-20").text.count("CCER-20,") == 1
    assert officer.get(f"/admin/offset-lots/{mine}/paper").data == PDF
    panel = f"/admin/offset-lots/{mine}"
    assert officer.post(f"{panel}/withdraw", {"reason": ""}, page=panel).status_code == 422
    done = officer.post(f"{panel}/withdraw", {"reason": "编号属于别的单位"}, page=panel)
    assert done.status_code == 303
    assert "编号属于别的单位" in officer.get(panel).text
    assert "市里的主管部门" in clerk.get(f"{address}/{mine}").text
    told = place.owner.get("/messages").text
    assert "抵消批次（首个编号 CCER-1）已被主管部门撤回" in told
    with writing(app) as session:
        owner = session.get_one(Institution, place.row_id).account_id
        assert books(session, owner, LedgerKind.INSTITUTION) == 3_285_000
        assert broken(session) == {}


def test_a_year_becomes_neutral_and_checkable(app: Flask, place: Place, tmp_path: Path) -> None:
    owner, clerk = place.owner, place.clerk
    buy(clerk, place, "CCER-1", "CCER-20")
    buy(clerk, place, "GEC0001", "GEC0005", "gec")
    below = f"{place.address}/neutrality"
    plan = {"base_year": "2025", "target_year": "2030", "reduce": "30.5", "aim": "先减后抵"}
    token = csrf_token(clerk.get(below))
    assert clerk.post_with(token, f"{below}/plan", {**plan, "base_year": "2031"}).status_code == 422
    for name, wrong in (("base_year", "99"), ("reduce", "101"), ("reduce", "-5")):
        refused = clerk.post_with(token, f"{below}/plan", {**plan, name: wrong})
        assert field_errors(refused) == [BOUNDS[name]]
    assert clerk.post_with(token, f"{below}/plan", plan).status_code == 303
    # 18,307 kg less 30.5 % are 12,723.365 kg.
    assert "12.7 t" in clerk.get(below).text
    measure = {"year": "2025", "area": "power", "title": "更换灯具", "expected": "900"}
    unproven = clerk.post(f"{below}/measures/new", {**measure, "achieved": "850.5"})
    assert field_errors(unproven) == ["填写了实际效果，就要写明它是怎样得出的。"]
    right = {**measure, "achieved": "850.5", "basis": "电表前后对比"}
    assert clerk.post(f"{below}/measures/new", right).status_code == 303
    with writing(app) as session:
        measured = f"{below}/measures/{session.exec(select(PlanMeasure.public_id)).one()}"
    # Whoever saves a measure or the plan as it was before is told what has been saved since.
    outdated = clerk.post(measured, {**right, "expected": "901", "seen": "1"})
    assert (outdated.status_code, "<td>900</td><td>901</td>" in outdated.text) == (409, True)
    assert clerk.post(f"{below}/plan", {**plan, "seen": ""}).status_code == 409
    assert clerk.post_with(token, f"{below}/statements/2025/new", {}).status_code == 303
    with writing(app) as session:
        number = session.exec(select(NeutralityStatement.public_id)).one()
    # A draft that is given up leaves nothing behind, and makes room for another.
    token = csrf_token(clerk.get(f"{below}/statements/{number}"))
    for status in (303, 404):
        gone = clerk.post_with(token, f"{below}/statements/{number}/discard", {})
        assert gone.status_code == status
    assert clerk.post_with(token, f"{below}/statements/2025/new", {}).status_code == 303
    with writing(app) as session:
        number = session.exec(select(NeutralityStatement.public_id)).one()
    address = f"{below}/statements/{number}"
    # What came about after 2025 is not taken for it.
    early = clerk.get(address).text
    assert "另有 2 个批次产生于 2025 年之后" in early
    assert "没有使用任何批次" in early
    with writing(app) as session:
        for lot in session.exec(select(OffsetLot)):
            lot.vintage = 2025
        session.commit()
    token = csrf_token(clerk.get(address))
    assert clerk.post_with(token, f"{address}/lots", {}).status_code == 303
    page = clerk.get(address)
    # 5,000 kWh off: 3,205 kg; 15,102 kg are left, for which sixteen whole tonnes are picked.
    for text in ("18,307.000 kg", "3,205.000 kg", "15,102.000 kg", "16,000.000 kg", "CCER-16"):
        assert text in page.text
    assert "还要抵消 15,102.000 kg" in page.text
    assert "留空会选取 16,000.000 kg，比需要的多 898.000 kg" in page.text
    # Fewer are picked by hand, never more than was typed, then as many as needed again.
    token = csrf_token(page)
    for most, words_said, left in (
        ("1000.5", "已选取 1,000.000 kg，不超过填写的上限 1,000.500 kg", "14,102.000"),
        ("15102", "已选取 15,000.000 kg，不超过填写的上限 15,102.000 kg", "102.000"),
    ):
        assert clerk.post_with(token, f"{address}/lots", {"offset": most}).status_code == 303
        fewer = clerk.get(address).text
        assert words_said in fewer
        assert f"尚未碳中和，还剩 {left} kg" in fewer
    assert clerk.post_with(token, f"{address}/lots", {"offset": "16000"}).status_code == 303
    assert "2025 年：碳中和" in clerk.get(address).text
    # Without certificates nothing is taken off: no minus stands before nothing.
    assert clerk.post_with(token, f"{address}/lots", {"certificates": "0"}).status_code == 303
    assert "−0.000" not in clerk.get(address).text
    assert clerk.post_with(token, f"{address}/lots", {"offset": ""}).status_code == 303
    words = {"note": "边界与能源统计一致", "uncertainty": "热量按面积分摊"}
    assert clerk.post_with(token, f"{address}/words", words).status_code == 303
    _how_sure_it_is(place, address)
    assert clerk.post_with(token, f"{address}/publish", {}).status_code == 403
    assert clerk.post_with(token, f"{address}/submit", {}).status_code == 303
    late = f"{address}/uncertainty/fuel.petrol"
    assert clerk.get(late).status_code == 303
    assert clerk.post_with(token, late, SURE["fuel.petrol"]).status_code == 409
    assert owner.get(f"/statements/{number}").status_code == 404
    officer = staff(app, Role.INSTITUTION_OFFICER, login="olga")
    review = f"/admin/statements/{number}"
    assert "18,307.000 kg" in officer.get(review).text
    assert officer.post(f"{review}/review", {"reason": ""}, page=review).status_code == 422
    _the_bills_are_read_by_the_officer(app, place, officer, review)
    back = officer.post(f"{review}/return", {"reason": "请补充说明"}, page=review)
    assert back.status_code == 303
    assert "请补充说明" in clerk.get(address).text
    assert clerk.post_with(token, f"{address}/submit", {}).status_code == 303
    _corrected_in_review(place, officer, address, review)
    # What is going to be retired stands between the first press and the second.
    asked = owner.get(address).text.partition("不能再用于别处")[2].partition("确认发布并注销")[0]
    assert "<code>GEC0001</code> – <code>GEC0005</code>" in asked
    assert "16,000.000 kg · <code>CCER-1</code> – <code>CCER-16</code>" in asked
    published = owner.post(f"{address}/publish", {}, page=address)
    assert published.status_code == 303
    _papers_say_what_the_books_hold(app, place, number, tmp_path)
    _a_correction_is_told(app, place, officer, number)
    _the_check_tells_them_apart(app, place, number)
    _a_gap_is_explained_to_everybody(app, place, officer)


def _the_bills_are_read_by_the_officer(
    app: Flask, place: Place, officer: Browser, review: str
) -> None:
    """The files of the year's lines, and those only, each look kept in the trail."""
    with writing(app) as session:
        line = session.exec(
            select(InventoryLine).where(col(InventoryLine.factor_code) == "fuel.petrol")
        ).one()
        files = [
            add_evidence(
                session,
                institution_id=place.row_id,
                content=PDF.replace(b"<<>>", f"<</T({name})>>".encode()),
                name=f"{name}.pdf",
                folder=evidence_folder(app.extensions["carbonaccount.settings"].instance_path),
                acting_user=Actor("resident", "", line.changed_by),
                now=utc_now(),
            )
            for name in ("bill", "another")
        ]
        line.evidence_id = files[0].id
        bill, another = (file.public_id for file in files)
        session.commit()
    shown = officer.get(review).text
    assert "bill.pdf" in shown
    assert "another.pdf" not in shown
    # What the inventory's page says stands beside the button: three of four lines have no file.
    assert "4 行中有 3 行没有佐证文件" in shown
    assert officer.get(f"{review}/evidence/{bill}").data.startswith(b"%PDF-1.4")
    assert officer.get(f"{review}/evidence/{another}").status_code == 404
    auditor = staff(app, Role.AUDITOR, login="aude")
    assert "bill.pdf" not in auditor.get(review).text
    assert auditor.get(f"{review}/evidence/{bill}").status_code == 403
    with writing(app) as session:
        looks = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "statement.evidence_opened")
        ).all()
        assert [entry.details["file"] for entry in looks] == [bill]


def _a_gap_is_explained_to_everybody(app: Flask, place: Place, officer: Browser) -> None:
    """January of 2024 only: sent in once the owner has said why, which everybody reads."""
    clerk, owner, below = place.clerk, place.owner, f"{place.address}/neutrality"
    year = f"{place.address}/inventory"
    assert clerk.post(year, {"year": "2024"}, page=year).status_code == 303
    line = {"month": "1", "amount": "10", "unit": "kWh", "basis": "metered", "evidence": ""}
    assert clerk.post(f"{year}/2024/lines/new?factor=grid.shandong", line).status_code == 303
    assert clerk.post(f"{year}/2024/submit", {}, page=f"{year}/2024").status_code == 303
    assert owner.post(f"{year}/2024/lock", {}, page=f"{year}/2024").status_code == 303
    assert clerk.post(f"{below}/statements/2024/new", {}, page=below).status_code == 303
    with writing(app) as session:
        wanted = select(NeutralityStatement.public_id).where(col(NeutralityStatement.year) == 2024)
        number = session.exec(wanted).one()
    address, review = f"{below}/statements/{number}", f"/admin/statements/{number}"
    early = clerk.post(f"{address}/submit", {}, page=address)
    assert early.status_code == 409
    assert "还有 1 处缺少的数据没有补上，也没有说明" in early.text
    key = "months|grid.shandong|2,3,4,5,6,7,8,9,10,11,12|"
    why = {"gap": key, "reason": "<b>二月起停用</b>"}
    assert clerk.post(f"{address}/gaps", {**why, "is_sworn": "y"}, page=address).status_code == 403
    unsworn = owner.post(f"{address}/gaps", why, page=address)
    assert unsworn.status_code == 422
    assert ">&lt;b&gt;二月起停用&lt;/b&gt;</textarea>" in unsworn.text
    sworn = owner.post(f"{address}/gaps", {**why, "is_sworn": "y"}, page=address)
    assert sworn.status_code == 303
    assert clerk.post(f"{address}/submit", {}, page=address).status_code == 303
    missing = "缺少这些月份，或者数量为 0：2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    told = officer.get(review).text
    assert "山东省电力 缺少这些月份：2, 3" in told
    _reviewed(officer, review)
    assert owner.post(f"{address}/publish", {}, page=address).status_code == 303
    for text in (told, Browser(app).get(f"/statements/{number}").text):
        assert "&lt;b&gt;二月起停用" in text
        assert missing in text
    book = openpyxl.load_workbook(io.BytesIO(officer.get(f"/statements/{number}.xlsx").data))
    assert [row[1] for row in book["缺少的数据"].iter_rows(min_row=2, values_only=True)] == [
        "<b>二月起停用</b>"
    ]


def _corrected(place: Place, factor: str, month: str, amount: str, unit: str) -> None:
    """Add a line to the year's inventory and lock it again."""
    year = f"{place.address}/inventory/2025"
    assert place.owner.post(f"{year}/correct", {"reason": "漏记"}, page=year).status_code == 303
    line = {"month": month, "amount": amount, "unit": unit, "basis": "metered", "evidence": ""}
    added = place.clerk.post(f"{year}/lines/new?factor={factor}", line)
    assert added.status_code == 303
    assert place.clerk.post(f"{year}/submit", {}, page=year).status_code == 303
    assert place.owner.post(f"{year}/lock", {}, page=year).status_code == 303


def _corrected_in_review(place: Place, officer: Browser, address: str, review: str) -> None:
    """Correct the inventory (water is in no total) before the review and after it."""
    owner, said = place.owner, "提交之后，排放清单有了新的锁定版本（第 {} 版）"

    def confirm() -> TestResponse:
        shown = officer.get(review).text
        digest = re.search(r"/review\?digest=(\w{64})", shown)
        assert digest, shown
        address = f"{review}/review?digest={digest[1]}"
        _corrected(place, "water.supply", "1", "10", "m3")
        return officer.post(address, {"reason": "属实"}, page=review)

    late = confirm()
    assert (late.status_code, "按新的清单重新提交" in late.text) == (409, True)
    for page in (late.text, officer.get(review).text, owner.get(address).text):
        assert said.format(2) in page
        assert "/review?digest" not in page
    assert officer.post(f"{review}/return", {"reason": "已更正"}, page=review).status_code == 303
    assert owner.post(f"{address}/submit", {}, page=address).status_code == 303
    unseen = officer.post(f"{review}/review", {"reason": "属实"}, page=review)
    assert unseen.status_code == 409
    _reviewed(officer, review)
    assert "/publish" in owner.get(address).text
    _corrected(place, "water.supply", "2", "10", "m3")
    for browser, page in ((owner, address), (officer, review)):
        assert said.format(3) in browser.get(page).text
    assert "/publish" not in owner.get(address).text
    early = owner.post(f"{address}/publish", {}, page=address)
    assert early.status_code == 409
    assert owner.post(f"{address}/take-back", {}, page=address).status_code == 303
    assert owner.post(f"{address}/submit", {}, page=address).status_code == 303
    assert "有了新的锁定版本" not in officer.get(review).text
    _reviewed(officer, review)


def _reviewed(officer: Browser, review: str) -> None:
    """Confirm what the officer's page shows."""
    digest = re.search(r"/review\?digest=(\w{64})", officer.get(review).text)
    assert digest
    done = officer.post(f"{review}/review?digest={digest[1]}", {"reason": "属实"}, page=review)
    assert done.status_code == 303


def _how_sure_it_is(place: Place, address: str) -> None:
    """5 % of petrol, 10 % of power, 13 % of heat: see test_uncertainty for the arithmetic."""
    clerk, below = place.clerk, f"{address}/uncertainty"
    petrol, power = f"{below}/fuel.petrol", f"{below}/grid.shandong"
    page = clerk.get(petrol)
    token = csrf_token(page)
    assert "2006 IPCC Guidelines, Volume 2" in page.text
    assert "没有可以采用的值" in clerk.get(f"{below}/heat.purchased").text
    # Water is in no total, and readers do not write.
    assert clerk.get(f"{below}/water.supply").status_code == 404
    assert (
        clerk.post_with(token, f"{below}/grid.national", SURE["grid.shandong"]).status_code == 404
    )
    assert clerk.post_with(token, f"{petrol}/accept/meter_1", {}).status_code == 404
    assert place.reader.get(petrol).status_code == 403
    sure = SURE["fuel.petrol"]
    for wrong, said in (
        ({}, "至少填写一个百分数"),
        ({**sure, "activity": "0"}, "请填写 0.01 到 100 之间的数，最多 2 位小数。"),
        ({**sure, "factor": "100.01"}, "请填写 0.01 到 100 之间的数，最多 2 位小数。"),
        ({**sure, "factor": "1.234"}, "请填写 0.01 到 100 之间的数，最多 2 位小数。"),
        ({**sure, "activity_basis": " "}, "请写明这个百分数的依据"),
        ({**sure, "factor": ""}, "写了依据，还要填写百分数。"),
    ):
        refused = clerk.post_with(token, petrol, wrong)
        assert refused.status_code == 422
        assert said in "".join(field_errors(refused)), said
    # A suggestion counts once it is taken, and says nothing of the factor.
    assert clerk.post_with(token, f"{petrol}/accept/ipcc_fuel", {}).status_code == 303
    assert 'value="5.00"' in clerk.get(petrol).text
    assert "未给出：没有做过评估" in clerk.get(address).text
    assert clerk.post_with(token, petrol, sure).status_code == 303
    # 2,179 of 18,307 kg are 11.9 %: what a part comes to is not said of the whole.
    partly = clerk.get(address).text
    assert "只给出了占排放 11.9% 的部分" in partly
    assert "95% 置信区间 " not in partly
    for code in ("grid.shandong", "heat.purchased"):
        assert clerk.post_with(token, f"{below}/{code}", SURE[code]).status_code == 303
    assert clerk.post_with(token, f"{power}/remove", {}).status_code == 303
    assert clerk.post_with(token, f"{power}/remove", {}).status_code == 404
    assert "只给出了占排放 71.9% 的部分" in clerk.get(address).text
    assert clerk.post_with(token, power, SURE["grid.shandong"]).status_code == 303
    # 16,000 kg are enough for 15,102 kg, and 576.824 kg below the upper end.
    whole = clerk.get(address).text
    for text in (WHOLE, "碳中和", "16,576.824 kg，相差 576.824 kg：实际排放可能比抵消的多"):
        assert text in whole, text


def _a_correction_is_told(app: Flask, place: Place, officer: Browser, number: str) -> None:
    """16,000 kg made good 15,102 kg: 217.9 kg more are covered, 2,179 kg on top are not."""
    stranger = Browser(app)
    pages = (
        *(f"/statements/{number}", "/statements", f"/statements/check?number={number}"),
        *(f"/statements/check?number={number}&total=18307&offset=16000&date={TODAY}",),
    )
    inside = (place.address, f"{place.address}/neutrality")
    for litres, month, said in (
        ("100", "1", "清单已更正，抵消仍足够"),
        ("1000", "2", "清单已更正，抵消不足，还差 1,498.900 kg"),
    ):
        _corrected(place, "fuel.petrol", month, litres, "L")
        shown = [stranger.get(page).text for page in pages]
        shown += [place.reader.get(page).text for page in inside]
        shown += [officer.get(f"/admin/statements{suffix}").text for suffix in ("", ".csv")]
        assert all(said in text for text in shown), said
    for text in shown:
        assert "已实现碳中和" not in text.replace("已经实现碳中和", "")
        assert "年：碳中和" not in text
        assert "真实有效" not in text
    assert "已更正，抵消不足" in shown[1]
    row = stranger.get("/statements.csv").text.splitlines()[1]
    assert "已更正，抵消不足" in row
    assert row.endswith(f"{number},1498.900")
    book = openpyxl.load_workbook(io.BytesIO(stranger.get(f"/statements/{number}.xlsx").data))
    results = {row[0].value: row[1].value for row in book.worksheets[0].iter_rows()}
    assert results["结论"] == "已更正，抵消不足"


def _papers_say_what_the_books_hold(app: Flask, place: Place, number: str, folder: Path) -> None:
    stranger = Browser(app)
    with writing(app) as session:
        row = session.exec(select(NeutralityStatement)).one()
        gone = session.exec(select(OffsetLot).where(col(OffsetLot.status) == "retired")).all()
        account = session.get_one(Institution, place.row_id).account_id
        assert sum(lot.amount_g for lot in gone) == 16_000_000
        assert books(session, account, LedgerKind.INSTITUTION) == 4_000_000
        assert broken(session) == {}
        digest = row.digest
    paper = text_of_pdf(stranger.get(f"/statements/{number}.pdf").data, folder)
    for text in (
        *("18,307.000 kg", "2,179.000 kg", "5,128.000 kg", "11,000.000 kg", "3,205.000 kg"),
        *("15,102.000 kg", "16,000.000 kg", "0.000 kg", "CCER-1", "GEC0005", "JS/T 303-2026"),
        "B · JS/T 303-2026 表 A.1",
        *(
            "示例学校",
            "0.6410",
            "16,783.932",
            "16,576.824",
            "热量表 3 级",
            "热量按面积分摊",
            "850.500",
            "Dana",
            f"{TODAY}",
        ),
    ):
        assert text in paper, text
    # The digest is set over several lines.
    assert digest in "".join(paper.split())
    page = stranger.get(f"/statements/{number}").text
    for text in ("示例学校", "山东省电力平均二氧化碳排放因子", "CCER-16", digest):
        assert text in page, text
    book = openpyxl.load_workbook(io.BytesIO(stranger.get(f"/statements/{number}.xlsx").data))
    results = {row[0].value: row[1].value for row in book.worksheets[0].iter_rows()}
    assert results["排放总量（千克）"] == 18_307
    assert results["抵消总量（千克）"] == 16_000
    assert results["剩余（千克）"] == 0
    assert results["结论"] == "已实现碳中和"
    assert results["不确定度"] == WHOLE
    assert results["数据是否完整"] == "外购电力有十二个月或全年的数据，热力的采暖月份齐全"
    assert {row[3] for row in book["核算"].iter_rows(min_row=2, values_only=True)} >= {"全年"}
    assert results["95% 置信区间上限（千克）"] == 19_830.068
    sure = list(book.worksheets[5].iter_rows(min_row=2, values_only=True))
    assert [(row[0], row[2], row[3], row[5]) for row in sure] == [
        ("fuel.petrol", 2_179, 3, 4),
        ("grid.shandong", 5_128, 6, 8),
        ("heat.purchased", 11_000, 5, 12),
    ]
    lines = list(book.worksheets[1].iter_rows(min_row=2, values_only=True))
    assert sum(line[6] for line in lines if line[0] != "可选项（不计入合计）") == 18_307
    lots = list(book.worksheets[3].iter_rows(min_row=2, values_only=True))
    assert [(lot[3], lot[4], lot[6], lot[7]) for lot in lots] == [
        ("GEC0001", "GEC0005", 0, 5_000),
        ("CCER-1", "CCER-16", 16_000, 0),
    ]
    # Anybody can work the digest out from the text that was sealed.
    sealed = stranger.get(f"/statements/{number}.json").data.decode()
    assert statement_content.digest_of(sealed) == digest
    listed = stranger.get("/statements").text
    assert "示例学校" in listed
    assert "已实现碳中和" in listed
    line = stranger.get("/statements.csv?about=school").text.splitlines()[1]
    assert line.endswith(f"2025,18307.000,16000.000,0.000,{number},")


def _the_check_tells_them_apart(app: Flask, place: Place, number: str) -> None:
    stranger, owner = Browser(app), place.owner
    grouped = "-".join(number[start : start + 4] for start in range(0, 16, 4))

    def verdict(**changes: str) -> str:
        said = {"number": grouped, "total": "18307.000", "offset": "16,000.000"}
        page = stranger.client.get(
            "/statements/check", query_string={**said, "date": TODAY.isoformat(), **changes}
        )
        assert page.status_code == 200
        return page.text.split('data-verdict="')[1].split('"')[0]

    assert verdict() == "genuine"
    _as_it_was_sealed_before(app, number)
    assert verdict() == "genuine"
    assert verdict(total="") == "exists"
    for changed in ({"total": "18307.001"}, {"offset": "16001"}, {"date": "2026-01-01"}):
        assert verdict(**changed) == "differs"
    assert verdict(number="0000-0000-0000-0000") == "unknown"
    address = f"{place.address}/neutrality/statements/{number}"
    gone = owner.post(f"{address}/withdraw", {"reason": "发现漏报"}, page=address)
    assert gone.status_code == 303
    assert verdict() == "withdrawn"
    public = stranger.get(f"/statements/{number}").text
    assert "这份声明已撤回，不再有效" in public
    assert "发现漏报" in public
    with writing(app) as session:
        assert broken(session) == {}


def _as_it_was_sealed_before(app: Flask, number: str) -> None:
    """A statement from before percentages had the institution's words alone, and keeps them."""
    with writing(app) as session:
        row = session.exec(select(NeutralityStatement)).one()
        content = statement_content.read(row.content)
        assert content["uncertainty_stated"]["to_offset"]["upper_g"] == 16_576_824
        del content["uncertainty_stated"]
        assert content["other_grids"] == []
        names = {"name_zh": "全国电力", "name_en": ""}, {"name_zh": "山东省电力", "name_en": ""}
        other = {"factor": names[0], "usual": names[1], "counted": "8000", "unit": "kWh"}
        content["other_grids"] = [{**other, "emission_g": 4_244_800, "usual_g": 5_128_000}]
        row.content = canonical({**content, "v": 1})
        row.digest = statement_content.digest_of(row.content)
        row.seal = statement_content.seal_of(row.content, app.extensions["carbonaccount.vault"])
        session.commit()
    page = Browser(app).get(f"/statements/{number}")
    assert page.status_code == 200
    assert "热量按面积分摊" in page.text
    grids = "8,000 kWh 按“全国电力”计算，是 4,244.800 kg；按“山东省电力”计算是 5,128.000 kg"
    assert grids in page.text
    assert "置信区间" not in page.text
    sent = Browser(app).get(f"/statements/{number}.xlsx").data
    results = openpyxl.load_workbook(io.BytesIO(sent)).worksheets[0]
    assert ("电力因子", grids) in [*results.iter_rows(values_only=True)]


@ONE_DATABASE
def test_a_share_as_both_sides_see_it(app: Flask, place: Place) -> None:
    with writing(app) as session:
        source = admit(session)
        account_id = session.exec(
            select(InstitutionPerson.account_id).where(col(InstitutionPerson.seat) == "reader")
        ).one()
        session.add(
            SourceSubject(
                source_id=source.stored_id,
                subject="rita",
                account_id=account_id,
                bound_at=utc_now(),
            )
        )
        session.commit()
        source_id = str(source.stored_id)
    reader = place.reader
    data = {"institution": place.public_id, "source": source_id, "role": "staff", "percent": "30"}
    wrong = reader.post("/me/shares", {**data, "percent": "100.1"})
    assert "请先阅读说明并勾选同意。" in field_errors(wrong)
    above = reader.post("/me/shares", {**data, "percent": "100.1", "agree": "y"})
    assert field_errors(above) == ["请填写 0.1 到 100 之间的数，最多 1 位小数。"]
    assert reader.post("/me/shares", {**data, "agree": "y"}).status_code == 303
    assert "把减排量的一份归给单位" in reader.get("/me").text
    mine, theirs = reader.get("/me/shares").text, place.owner.get(f"{place.address}/shares").text
    with writing(app) as session:
        share = session.exec(select(Attribution)).one()
        number, begins = share.public_id, share.first_day
    assert (begins - TODAY).days in (1, 2)  # Midnight may pass while the test runs.
    for text in ("30%", number, "来源"):
        assert text in mine
        assert text in theirs
    # The institution is not told whose it is.
    assert PHONES[2][-4:] not in theirs
    early = place.clerk.post(
        f"{place.address}/shares/lots/{source_id}/staff",
        {"first": "2026-01-01", "last": "2026-01-31"},
        page=f"{place.address}/shares",
    )
    assert early.status_code == 409
    assert "这段时间没有可归入本单位的已核证减排量。" in early.text
    _the_fleet_is_the_schools(app, place)
    ended = reader.post(f"/me/shares/{number}/end", {}, page="/me/shares")
    assert ended.status_code == 303
    # Ended on the day it was agreed, it never took effect: no days from tomorrow to today.
    shown = reader.get("/me/shares").text
    assert "在生效的前一天已结束" in shown
    assert (begins.strftime("从 %Y") in shown, "已结束</span>" in shown) == (False, False)
    with writing(app) as session:
        row = session.exec(select(Attribution).where(col(Attribution.public_id) == number)).one()
        row.first_day -= timedelta(days=1)
        session.commit()
    assert "已结束</span>" in reader.get("/me/shares").text
    with writing(app) as session:
        assert broken(session) == {}


def _the_fleet_is_the_schools(app: Flask, place: Place) -> None:
    """The help desk binds the buses to the account whose number the page shows."""
    page = f"{place.address}/shares"
    with writing(app) as session:
        row = session.get_one(Institution, place.row_id)
        shown = session.get_one(Account, row.account_id).public_id
        assert shown in place.owner.get(page).text
        buses = admit(session, "buses")
        bind_subject(
            session,
            source=buses,
            subject="bus-1",
            account_public_id=shown,
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
        source = {"source": str(buses.stored_id)}
    assert place.owner.post(f"{page}/fleet", {"source": ""}, page=page).status_code == 422
    token = csrf_token(place.clerk.get("/me"))
    assert place.clerk.post_with(token, f"{page}/fleet", source).status_code == 403
    assert place.owner.post(f"{page}/fleet", source, page=page).status_code == 303
    again = place.owner.post(f"{page}/fleet", source, page=page)
    assert again.status_code == 409
    with writing(app) as session:
        fleet = session.exec(select(Attribution).where(col(Attribution.role) == "fleet")).one()
        assert (fleet.permille, fleet.institution_id) == (1000, place.row_id)
        number = fleet.public_id
    assert "100%" in place.reader.get(page).text
    assert place.owner.post(f"{page}/{number}/end", {}, page=page).status_code == 303
    assert "从未生效</span>" in place.reader.get(page).text
