"""A year on the pages, from the first line to a corrected version; on both databases."""

import io
import re
from datetime import date

import openpyxl
import pytest
from flask import Flask
from sqlmodel import col, select
from werkzeug.test import TestResponse

from carbonaccount.audit import AuditEntry
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.inventory_completeness import unfinished_years
from carbonaccount.institutions.inventory_evidence import evidence_folder
from carbonaccount.institutions.inventory_models import (
    InventoryChange,
    InventoryEvidence,
    InventoryLine,
)
from carbonaccount.institutions.inventory_results import summaries_of, year_account
from tests.carbonaccount.institutions.places import CODE_Y, Place, arranged
from tests.people import Browser, csrf_token, writing
from tests.queries import counting

PHONES = ("13800138000", "13912345678", "13700137000")
OTHERS = ("13600136000", "13500135000", "13400134000")
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
_COUNT = re.compile(r'data-count="(\w+)">(\d+)<')


@pytest.fixture
def school(app: Flask) -> Place:
    """A school with an owner, a clerk and a reader; 1250.5 m2, 320 people."""
    return arranged(app, "officer", PHONES)


def send(
    browser: Browser, page: str, path: str, data: dict[str, str], **files: tuple[bytes, str]
) -> TestResponse:
    """Send a form with files from the page it stands on."""
    values: dict[str, object] = {"csrf_token": csrf_token(browser.get(page)), **data}
    values |= {name: (io.BytesIO(content), shown) for name, (content, shown) in files.items()}
    return browser.client.post(path, data=values)


def add(place: Place, browser: Browser, **fields: str) -> TestResponse:
    """Enter a line of 2026 through its form."""
    values = {"month": "1", "unit": "kWh", "basis": "metered", "evidence": "", **fields}
    path = (
        f"{place.address}/inventory/2026/lines/new?factor={values.pop('factor', 'grid.shandong')}"
    )
    return browser.post(path, values)


def totals(app: Flask, place: Place, year: int = 2026) -> dict[str, str]:
    """Return what a year comes to."""
    with writing(app) as session:
        account = year_account(session, institution_id=place.row_id, year=year)
        assert account is not None
        names = ("direct_kg", "power_kg", "heat_kg", "optional_kg", "total_kg", "per_m2_kg")
        return {name: str(getattr(account, name)) for name in names}


def test_a_year_from_the_first_line_to_a_corrected_version(app: Flask, school: Place) -> None:
    owner, clerk, reader, home = school.owner, school.clerk, school.reader, school.address
    empty = clerk.get(f"{home}/inventory")
    assert "还没有清单" in empty.text
    assert clerk.post(f"{home}/inventory", {"year": "2026"}).status_code == 303
    again = clerk.post(f"{home}/inventory", {"year": "2026"})
    assert (again.status_code, "2026 年已经有清单了" in again.text) == (409, True)
    assert clerk.post(f"{home}/inventory", {"year": "1999"}).status_code == 422
    refused = clerk.post(f"{home}/inventory/2026/submit", {}, page=f"{home}/inventory/2026")
    assert "还没有数据，不能提交" in refused.text

    for name, said in (
        ("floor_area", "建筑面积须在 0 至"),
        ("head_count", "人数须在 0 至"),
    ):
        wrong = {"floor_area": "10", "head_count": "5", name: "-1"}
        refused = clerk.post(f"{home}/inventory/2026/sizes", wrong, page=f"{home}/inventory/2026")
        assert (refused.status_code, said in refused.text) == (422, True)

    # What cannot be counted stays in the form with its reason.
    for fields, sentence in (
        ({"amount": "-5"}, "数量不能是负数"),
        ({"amount": "5", "unit": ""}, "单位：请写明单位"),
        (
            {"amount": "5", "unit": "therm"},
            "这里不能用“therm”，可以用：kWh, MWh, 万kWh, GJ, MJ, kBtu。",
        ),
        ({"amount": "many"}, "数量不是数字"),
        ({"amount": ""}, "请填数量"),
    ):
        answer = add(school, clerk, **fields)
        assert (answer.status_code, sentence in answer.text) == (422, True), fields
    assert add(school, clerk, amount="10", unit="MWh", green_power="2").status_code == 303
    taken = add(school, clerk, amount="1")
    assert (taken.status_code, "已经有一行了" in taken.text) == (409, True)
    onward = add(school, clerk, amount="5", unit="MWh", month="2", again="1")
    assert "month=3" in onward.location
    assert "unit=MWh" in onward.location
    add(school, clerk, factor="heat.purchased", amount="100", unit="GJ")
    add(school, clerk, factor="fuel.petrol", amount="１，０００", unit="Ｌ")
    add(school, clerk, factor="water.supply", amount="1000", unit="m3")
    offered = clerk.get(f"{home}/inventory/2026/lines/new").text
    assert "可选：差旅（单独列出，不计入合计）" in offered
    assert "可选：员工通勤（单独列出，不计入合计）" in offered
    assert "差旅：飞机" in offered
    new = f"{home}/inventory/2026/lines/new?factor="
    train = clerk.get(f"{new}travel.train").text
    assert "3 人各乘 200 公里，填 600" in train
    assert train.count('value="人公里"') == 1  # pkm is the same to a reader
    assert "0.03546 kgCO2e/人公里" in train
    assert "英国的数值，没有找到中国的" in train
    assert "充的电已计入外购电力" in clerk.get(f"{new}commuting.car").text
    assert "2 间房住 3 晚，填 6" in clerk.get(f"{new}accommodation.night").text
    refused = add(school, clerk, factor="travel.train", amount="600", unit="km", month="0")
    assert "这里不能用“km”，可以用：人公里, pkm。" in refused.text
    for code, amount, unit in (
        ("travel.train", "600", "人公里"),
        ("accommodation.night", "6", "间夜"),
        ("commuting.car", "1000", "公里"),
    ):
        added = add(school, clerk, factor=code, amount=amount, unit=unit, month="0")
        assert added.status_code == 303
    # 8000 + 5000 kWh at 0.6191, 100 GJ at 110, 1000 L at 2.179; 1250.5 m2; and in no total
    # 1000 m3 at 0.168, 600 pkm at 0.03546 + 6 nights at 53.5, 1000 km at 0.250
    expected = {
        "direct_kg": "2179.000",
        "power_kg": "8048.300",
        "heat_kg": "11000.000",
        "optional_kg": "760.276",
        "total_kg": "21227.300",
        "per_m2_kg": "16.975",
    }
    assert totals(app, school) == expected
    page = clerk.get(f"{home}/inventory/2026").text
    assert "16.975 kgCO2/m²" in page
    assert "1 行中" not in page
    assert "8 行中有 8 行没有佐证文件" in page
    for kind, kg in (("水", "168.000"), ("差旅", "342.276"), ("员工通勤", "250.000")):
        assert f"<dt>{kind}</dt><dd>{kg} kgCO2e</dd>" in page
    assert "<dt>可选项合计</dt><dd>760.276 kgCO2e</dd>" in page

    # Green power above the purchase: nothing is left, and the page says so.
    add(school, clerk, amount="100", month="3", green_power="150")
    assert totals(app, school) == expected
    page = clerk.get(f"{home}/inventory/2026").text
    assert "有 1 行的绿电和转供多于外购" in page
    assert "超过外购的 100 kWh" in page
    undone = clerk.post(f"{home}/inventory/2026/undo", {}, page=f"{home}/inventory/2026")
    assert undone.status_code == 303
    assert "有 1 行的绿电和转供多于外购" not in clerk.get(f"{home}/inventory/2026").text

    # Another grid than the city's own: said before it is entered, and with its figures after.
    assert "本市的外购电力通常用“山东省电力”" in offered
    assert offered.index(">山东省电力<") < offered.index(">全国电力<")
    hint = clerk.get(f"{new}grid.national").text
    assert "通常按“山东省电力”（0.6191 kgCO2/kWh）计算" in hint
    assert "结果会差 −14.3%" in hint  # 0.5306 / 0.6191
    assert "通常按“山东省电力”" not in clerk.get(f"{new}grid.shandong").text
    add(school, clerk, factor="grid.national", amount="1000", month="12")
    page = clerk.get(f"{home}/inventory/2026").text
    assert "是 530.6 kg；本市通常用“山东省电力”，会是 619.1 kg" in page
    assert "用了几种电力因子：全国电力和山东省电力" in page
    clerk.post(f"{home}/inventory/2026/undo", {}, page=f"{home}/inventory/2026")

    with writing(app) as session:
        petrol = session.exec(
            select(InventoryLine.id).where(col(InventoryLine.factor_code) == "fuel.petrol")
        ).one()
    form = f"{home}/inventory/2026/lines/{petrol}"
    fields = {"month": "1", "amount": "73", "unit": "kg", "basis": "metered", "evidence": ""}
    # The owner opened the same line before: what they save is put beside what the clerk saved.
    opened = owner.get(form)
    seen = re.search(r'name="seen"[^>]* value="([0-9]+)"', opened.text)
    assert seen is not None
    edited = send(clerk, form, form, fields, file=(PDF, "油票.pdf"))
    assert edited.status_code == 303, edited.text
    late = {**fields, "amount": "75", "seen": seen[1]}
    told = owner.post_with(csrf_token(opened), form, late)
    assert (told.status_code, "您打开之后，有人改过并保存了" in told.text) == (409, True)
    assert '<th scope="row">数量</th><td>73</td><td>75</td>' in told.text
    newer = re.search(r'name="seen"[^>]* value="([0-9]+)"', told.text)
    assert newer is not None
    assert newer[1] != seen[1]
    assert totals(app, school)["direct_kg"] == "217.900"  # 73 kg / 0.73 kg/L = 100 L
    page = clerk.get(f"{home}/inventory/2026").text
    assert "油票.pdf" in page
    found = re.search(r'href="([^"]+/inventory/evidence/[0-9a-f]+)"', page)
    assert found is not None
    assert reader.get(found[1]).data == PDF

    _a_wrong_file_goes_for_good(app, school, form, fields)
    assert totals(app, school)["direct_kg"] == "217.900"

    # A reader reads; submitting, and who may lock.
    assert reader.get(f"{home}/inventory/2026").status_code == 200
    token = csrf_token(reader.get(f"{home}/inventory/2026"))
    assert reader.post_with(token, f"{home}/inventory/2026/undo", {}).status_code == 403
    act(owner, f"{home}/inventory/2026", "submit")
    own = owner.post(f"{home}/inventory/2026/lock", {}, page=f"{home}/inventory/2026")
    assert (own.status_code, "须由另一人复核锁定" in own.text) == (403, True)
    new = f"{home}/inventory/2026/lines/new?factor=grid.shandong"
    for path in (new, f"{home}/inventory/2026/lines/{petrol}"):
        away = clerk.get(path)
        assert (away.status_code, away.location) == (303, f"{home}/inventory/2026"), path
    refusal = clerk.get(f"{home}/inventory/2026")
    assert "现在不能修改" in refusal.text
    late = {"month": "9", "amount": "1", "unit": "kWh", "basis": "metered", "evidence": ""}
    closed = clerk.post_with(csrf_token(refusal), new, late)
    assert (closed.status_code, "现在不能修改" in closed.text) == (409, True)
    # The clerk takes it back before anybody reviewed it, and hands it in again.
    act(clerk, f"{home}/inventory/2026", "take-back")
    assert "提交复核" in clerk.get(f"{home}/inventory/2026").text
    act(owner, f"{home}/inventory/2026", "submit")
    act(owner, f"{home}/inventory/2026", "return", reason="二月的电费单看不清")
    assert "二月的电费单看不清" in clerk.get(f"{home}/inventory/2026").text
    # Nor does whoever wrote a line lock it, whoever submitted; what was taken back stands not.
    add(school, owner, amount="1", month="9")
    act(clerk, f"{home}/inventory/2026", "submit")
    page = owner.get(f"{home}/inventory/2026").text
    assert "两个人都写过时，请先加一位负责人" in page
    assert "/lock" not in page
    wrote = owner.post(f"{home}/inventory/2026/lock", {}, page=f"{home}/inventory/2026")
    assert (wrote.status_code, "请先加一位负责人" in wrote.text) == (403, True)
    act(owner, f"{home}/inventory/2026", "return", reason="九月还没有账单")
    act(owner, f"{home}/inventory/2026", "undo")
    act(clerk, f"{home}/inventory/2026", "submit")
    act(owner, f"{home}/inventory/2026", "lock")
    assert "已锁定" in reader.get(f"{home}/inventory/2026").text
    locked = totals(app, school)
    # The sums that the locked version keeps are those of its lines.
    with writing(app) as session:
        kept_row = life.find(session, institution_id=school.row_id, year=2026)
        kept_sums = summaries_of(session, institution_id=school.row_id)[2026]
        assert kept_row.sums == {name: locked[name] for name in kept_row.sums or {}}
        assert set(kept_row.sums or {}) == {"direct_kg", "power_kg", "heat_kg", "optional_kg"}
        assert (str(kept_sums.total_kg), str(kept_sums.per_m2_kg)) == (
            locked["total_kg"],
            locked["per_m2_kg"],
        )

    # A correction is a new version with a reason; the old one stays to be read.
    nothing = owner.post(
        f"{home}/inventory/2026/correct", {"reason": " "}, page=f"{home}/inventory/2026"
    )
    assert nothing.status_code == 422
    act(owner, f"{home}/inventory/2026", "correct", reason="油票重复计了一次")
    with writing(app) as session:
        rows = session.exec(
            select(InventoryLine).where(col(InventoryLine.factor_code) == "fuel.petrol")
        ).all()
        copy = max(rows, key=lambda row: row.stored_id)
        assert copy.origin_id == petrol
    # What a locked version refers to stays, whoever asks.
    page = found[1].replace("/evidence/", "/2026/evidence/") + "/remove"
    assert "已提交或已锁定的清单里有数据引用这个文件" in clerk.get(page).text
    kept_file = clerk.post_with(csrf_token(clerk.get(form)), page, {"is_sure": "y"})
    assert (kept_file.status_code, "2026 年的清单已提交或已锁定" in kept_file.text) == (409, True)
    assert reader.get(found[1]).data == PDF
    removed = clerk.post(
        f"{home}/inventory/2026/lines/{copy.id}/remove",
        {},
        page=f"{home}/inventory/2026/lines/{copy.id}",
    )
    assert removed.status_code == 303
    assert totals(app, school)["direct_kg"] == "0.000"
    with writing(app) as session:
        kept = year_account(session, institution_id=school.row_id, year=2026, locked_only=True)
        assert kept is not None
        assert (kept.version, str(kept.total_kg)) == (1, locked["total_kg"])
    differs = reader.get(f"{home}/inventory/2026/versions/2").text
    assert "油票重复计了一次" in differs
    assert "−217.900" in differs
    assert (
        locked["total_kg"].split(".")[0][-3:]
        in reader.get(f"{home}/inventory/2026/versions/1").text
    )
    # A correction that nobody needs is given up by an owner, with a reason.
    page = f"{home}/inventory/2026"
    assert clerk.post(f"{page}/drop-correction", {"reason": "误点"}, page=page).status_code == 403
    assert owner.post(f"{page}/drop-correction", {"reason": ""}, page=page).status_code == 422
    act(owner, page, "drop-correction", reason="油票其实只有一张")
    assert totals(app, school) == locked
    assert reader.get(f"{page}/versions/2").status_code == 404
    gone = owner.post(f"{page}/drop-correction", {"reason": "再来一次"}, page=page)
    assert (gone.status_code, "现在不能修改" in gone.text) == (409, True)
    with writing(app) as session:
        acts = session.exec(
            select(AuditEntry.action).where(col(AuditEntry.action).startswith("inventory."))
        ).all()
    assert "inventory.drop_correction" in acts
    assert {"inventory.open", "inventory.submit", "inventory.lock", "inventory.correct"} <= {*acts}


def _a_wrong_file_goes_for_good(
    app: Flask, school: Place, form: str, fields: dict[str, str]
) -> None:
    """A second file takes the place of the first at the petrol, and is removed again."""
    clerk, year = school.clerk, f"{school.address}/inventory/2026"
    assert send(clerk, form, form, fields, file=(PDF + b"%%EOF", "张三.pdf")).status_code == 303
    with writing(app) as session:
        row = session.exec(
            select(InventoryEvidence).where(col(InventoryEvidence.name) == "张三.pdf")
        ).one()
        kept_as = evidence_folder(app.extensions["carbonaccount.settings"].instance_path)
        kept_as, sha256 = kept_as / f"{row.public_id}.pdf", row.sha256
    # A line that was taken out holds the file as well.
    add(school, clerk, month="11", amount="1", evidence=row.public_id)
    with writing(app) as session:
        gone = session.exec(select(InventoryLine.id).where(col(InventoryLine.month) == 11)).one()
    clerk.post(f"{year}/lines/{gone}/remove", {}, page=year)
    page = f"{year}/evidence/{row.public_id}/remove"
    assert page in clerk.get(year).text
    assert (page in school.reader.get(year).text, school.reader.get(page).status_code) == (
        False,
        403,
    )
    asked = clerk.get(page).text
    assert "有 1 行数据引用这个文件" in asked
    assert "A 级变为 B 级" in asked
    unsure = clerk.post(page, {"forget_name": "y"})
    assert (unsure.status_code, "请勾选确认后再删除" in unsure.text) == (422, True)
    assert kept_as.is_file()
    assert clerk.post(page, {"forget_name": "y", "is_sure": "y"}).status_code == 303
    shown = clerk.get(year).text
    assert (page in shown, "张三.pdf" in shown, "佐证文件已删除" in shown) == (False, False, True)
    assert (kept_as.exists(), clerk.get(page).status_code) == (False, 404)
    with writing(app) as session:
        entry = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "inventory.evidence_remove")
        ).one()
        assert (entry.details["sha256"], entry.details["name"]) == (sha256, "")
        account = year_account(session, institution_id=school.row_id, year=2026)
        assert account is not None
        petrol = next(line for line in account.lines if line.factor_code == "fuel.petrol")
        assert (petrol.grade, petrol.evidence_files) == ("B", ())
    # Undoing passes over it: the line comes back without the file, the petrol with that of before.
    act(clerk, year, "undo")
    with writing(app) as session:
        back = session.get_one(InventoryLine, gone)
        assert (back.removed, back.evidence_id) == (False, None)
    act(clerk, year, "undo")
    act(clerk, year, "undo")
    assert clerk.get(year).text.count(" · 油票.pdf") == 1


def act(browser: Browser, page: str, what: str, **data: str) -> None:
    """Do one of the year's acts."""
    answer = browser.post(f"{page}/{what}", data, page=page)
    assert answer.status_code == 303, answer.text


def test_a_table_is_looked_at_first_and_taken_whole_or_not(app: Flask, school: Place) -> None:
    clerk, home = school.clerk, school.address
    clerk.post(f"{home}/inventory", {"year": "2026"})
    year, page = f"{home}/inventory/2026", f"{home}/inventory/2026/import"
    template = clerk.get(f"{year}/template.xlsx").data
    book = openpyxl.load_workbook(io.BytesIO(template))
    sheet = book.worksheets[0]
    for number, month in enumerate((1, 2, 4), start=5):
        for column, value in enumerate(
            (month, "山东省电力", "一号楼", 10 * number, "MWh"), start=1
        ):
            sheet.cell(number, column, value)
    sheet.cell(8, 1, 5)
    sheet.cell(8, 2, "山东省电力")
    sheet.cell(8, 4, -7)
    sheet.cell(8, 5, "kWh")
    assert send(clerk, page, page, {}).status_code == 422
    assert send(clerk, page, page, {}, file=(b"x", "a.pdf")).status_code == 422
    assert send(clerk, page, page, {}, file=(saved(book), "bad.xlsx")).status_code == 303
    shown = clerk.get(page)
    assert counts(shown) == {"added": 3, "changed": 0, "unchanged": 0, "refused": 1}
    assert "数量不能是负数" in shown.text
    assert "缺少这些月份" in shown.text
    key = re.search(r'name="key" value="(\w+)"', shown.text)
    assert key is not None
    # A file that is refused is named, and nobody takes the one before for it.
    utf_16 = "月份,能源".encode("utf-16")
    for answer, said in (
        (send(clerk, page, page, {}, file=(utf_16, "u16.csv")), "“u16.csv”没有收下"),
        (send(clerk, page, page, {}), "请选择要导入的文件"),
        (clerk.post(f"{page}/take", {"key": "0"}, page=page), ""),
        (clerk.post(f"{page}/drop", {"key": "0"}, page=page), ""),
    ):
        assert answer.status_code in {404, 422}
        assert said in answer.text
        assert "“bad.xlsx”上传于" in answer.text
        assert "不是您刚才操作的文件" in answer.text
        assert (counts(answer), 'name="key"' in answer.text) == ({}, False)
    held = clerk.post(f"{page}/take", {"key": key[1]}, page=page)
    assert (held.status_code, lines(app)) == (422, 0)

    for column in range(1, 6):
        sheet.cell(8, column).value = None
    send(clerk, page, page, {}, file=(saved(book), "good.xlsx"))
    assert take(clerk, page).status_code == 303
    # 50 + 60 + 70 MWh at 0.6191
    assert (lines(app), totals(app, school)["power_kg"]) == (3, "111438.000")
    # The same file, and the year's own export: nothing to write.
    export = clerk.get(f"{year}.xlsx").data
    for content, name in ((saved(book), "good.xlsx"), (export, "export.xlsx")):
        send(clerk, page, page, {}, file=(content, name))
        assert counts(clerk.get(page)) == {"added": 0, "changed": 0, "unchanged": 3, "refused": 0}
    text = clerk.get(f"{year}.csv").data.decode("utf-8-sig")
    assert "111438" not in text
    assert "30955.000" in text  # 50 MWh
    changed = text.replace(",50,MWh", ",51,MWh").encode()
    send(clerk, page, page, {}, file=(changed, "export.csv"))
    assert counts(clerk.get(page))["changed"] == 1
    # Another file came in the meantime: the key of the first is not good any more.
    stale = clerk.post(f"{page}/take", {"key": key[1]}, page=page)
    assert stale.status_code == 404
    take(clerk, page)
    assert totals(app, school)["power_kg"] == "112057.100"
    clerk.post(f"{year}/undo", {}, page=year)
    assert totals(app, school)["power_kg"] == "111438.000"
    clerk.post(f"{year}/undo", {}, page=year)
    assert lines(app) == 0
    assert clerk.post(f"{year}/undo", {}, page=year).status_code == 409
    send(clerk, page, page, {}, file=(saved(book), "good.xlsx"))
    dropped = clerk.get(page)
    key = re.search(r'name="key" value="(\w+)"', dropped.text)
    assert key is not None
    assert clerk.post(f"{page}/drop", {"key": key[1]}, page=page).status_code == 303
    assert "good.xlsx" not in clerk.get(page).text


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def counts(page: TestResponse) -> dict[str, int]:
    return {name: int(count) for name, count in _COUNT.findall(page.text)}


def lines(app: Flask) -> int:
    with writing(app) as session:
        return len(session.exec(select(InventoryLine).where(~col(InventoryLine.removed))).all())


def take(browser: Browser, page: str) -> TestResponse:
    found = re.search(r'name="key" value="(\w+)"', browser.get(page).text)
    assert found is not None
    return browser.post(f"{page}/take", {"key": found[1]}, page=page)


def test_queries_do_not_grow_and_strangers_see_nothing(app: Flask, school: Place) -> None:
    clerk, home = school.clerk, school.address
    other = arranged(app, "second", OTHERS, credit_code=CODE_Y, name_zh="另一所学校")
    for year in ("2025", "2026"):
        clerk.post(f"{home}/inventory", {"year": year})
    add(school, clerk, amount="10")
    sent = send(
        clerk,
        f"{home}/inventory/2026",
        f"{home}/inventory/2026/evidence",
        {},
        file=(PDF, "bill.pdf"),
    )
    assert sent.status_code == 303

    def statements(path: str) -> int:
        with counting(app) as found:
            assert clerk.get(path).status_code == 200
        return len(found)

    # One month is no year: it is compared with none, and says so.
    said = "只填了 1 个月，和整年不能比较"
    for page in (f"{home}/inventory", f"{home}/inventory/2026"):
        text = clerk.get(page).text
        assert said in text
        assert "不能比较" in text
        assert not re.search(r"[+−\d]\d*\.\d%", text)
    before = statements(f"{home}/inventory/2026"), statements(f"{home}/inventory")
    for month in range(2, 13):
        add(school, clerk, amount="10", month=str(month))
    after = statements(f"{home}/inventory/2026"), statements(f"{home}/inventory")
    assert after == before
    assert "这一年还没有结束" in clerk.get(f"{home}/inventory/2026").text
    for month in range(1, 7):
        path = f"{home}/inventory/2025/lines/new?factor=grid.shandong"
        line = {"month": str(month), "amount": "9", "unit": "kWh", "basis": "metered"}
        assert clerk.post(path, {**line, "evidence": ""}).status_code == 303
    with writing(app) as session:
        years = summaries_of(session, institution_id=school.row_id)
        left = unfinished_years(session, years, today=date(2027, 1, 2))
        assert {year: item.months for year, item in left.items()} == {2025: 6}
    assert after[0] <= 14
    assert after[1] <= 7

    # Another institution's line, file and year do not exist below one's own address.
    with writing(app) as session:
        line_id = session.exec(select(InventoryChange.line_id)).first()
    other.clerk.post(f"{other.address}/inventory", {"year": "2026"})
    page = clerk.get(f"{home}/inventory/2026").text
    file = re.search(r"/inventory/evidence/([0-9a-f]+)", page)
    assert file is not None
    for path in (
        f"{other.address}/inventory/2026/lines/{line_id}",
        f"{other.address}/inventory/evidence/{file[1]}",
        f"{other.address}/inventory/2025",
        f"{home}/inventory",
        f"{home}/inventory/2026.xlsx",
    ):
        assert other.clerk.get(path).status_code == 404, path
    foreign = other.clerk.post(
        f"{other.address}/inventory/2026/lines/new?factor=grid.shandong",
        {"month": "1", "amount": "1", "unit": "kWh", "basis": "metered", "evidence": file[1]},
    )
    assert foreign.status_code == 404

    # The files hold what the page holds.
    book = openpyxl.load_workbook(io.BytesIO(clerk.get(f"{home}/inventory/2026.xlsx").data))
    total = {row[0]: row[1] for row in book["汇总"].iter_rows(min_row=2, values_only=True)}
    assert f"{total['合计（kgCO2）']:.3f}" == totals(app, school)["total_kg"] == "74.292"
    years = clerk.get(f"{home}/inventory.csv").data.decode("utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in years[1:]] == ["2025", "2026"]
    assert ",74.292," in years[2]
    base = school.owner.post(
        f"{home}/inventory/base-year",
        {"year": "2026", "reason": "新校区启用"},
        page=f"{home}/inventory",
    )
    assert base.status_code == 303
    assert "现在的基准年是 2026 年" in clerk.get(f"{home}/inventory").text
