"""A rule is changed as a new administrator would: drafted, tried, approved, announced, in force."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from behaviors.demo_samples import load_sample_trips
from behaviors.rule_services import activate_due
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import CITY_ZONE, utc_now
from tests.browser.conftest import DESKTOP, PHONE, Visit, load_demonstration, new_visit
from tests.browser.panel import MovedClock, Panel, moved_clock, running
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser
__all__ = ["moved_clock"]

PHONE_NUMBER = "13700990001"


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path, moved_clock: type[MovedClock]) -> Iterator[Panel]:
    """The demonstration as `flask demo` leaves it, an editor and an approver."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    settings = make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path)
    app = create_app(settings)
    load_demonstration(app.extensions["carbonaccount.engine"], settings)
    with writing(app) as session:
        load_sample_trips(session, now=utc_now())
        session.commit()
    with running(app) as site:
        site.employ("erin", Role.RULE_EDITOR)
        site.employ("anna", Role.RULE_APPROVER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def windows(chromium: Browser, panel: Panel) -> Iterator[tuple[Visit, Visit, Visit]]:
    """A resident's phone, the editor's and the approver's desks; all end without complaints."""
    sizes = (PHONE, DESKTOP, DESKTOP)
    found = [new_visit(chromium, panel.address, size, "zh-CN") for size in sizes]
    resident, erin, anna = found
    yield resident, erin, anna
    for visit in found:
        visit.context.close()
        assert visit.complaints == []


def log_bus_trip(resident: Visit) -> str:
    """Report 10 km by bus by hand; returns the address of the receipt."""
    resident.open("/log/bus_trip")
    resident.page.fill("#distance_km", "10")
    resident.page.click("button[value=send]")
    resident.page.wait_for_url("**/records/*")
    return resident.page.url.removeprefix(resident.site)


def draft_all_electric_bus(erin: Visit) -> None:
    """Draft 0.0269 kg/pkm; self-reports shall earn all credits, so that some people gain."""
    page = erin.page
    erin.open("/admin/behaviors")
    page.get_by_role("link", name="公交出行").click()
    page.get_by_role("link", name="起草新版本").click()
    expect(page.locator("#live")).to_contain_text("520 克")
    page.locator("button[value='remove_parameters-1']").click()
    page.fill("#parameters-0-name", "ef_reduction")
    expect(page.locator("#live")).to_contain_text("没有名为 ef_baseline 的变量")
    page.fill("#factor_expression", "ef_reduction")
    page.fill("#parameters-0-value", "0.0269")
    page.fill("#parameters-0-source", "深圳市低碳公共出行方法学 2021：全电动车队")
    page.fill("#multiplier_d", "1")
    # 10 km x 0.0269 kg = 269 g; the rule in force gives 520 g.
    expect(page.locator("#live")).to_contain_text("269 克")
    expect(page.locator("#live")).to_contain_text("现行版本：520 克")
    page.fill("#reason", "车队已全部电动化")
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_text("草稿已保存")).to_be_visible()


def preview_on_history(erin: Visit) -> None:
    """Try the draft on everything there is: the sample trips, and what the resident reported.

    36 of the 48 sample riders are metered and lose (52 credits a km become 26.9); 12 declare and
    gain, as the resident does (13 credits a km become 26.9).
    """
    page = erin.page
    page.get_by_role("link", name="用历史试算").click()
    page.get_by_label("用哪段历史").select_option("all")
    page.get_by_role("button", name="开始试算").click()
    main = page.locator("main")
    expect(main).to_contain_text("算完了", timeout=30_000)
    expect(main).to_contain_text("13 / 36 / 0")
    expect(main).to_contain_text("演示公交（示例数据）")
    expect(main).to_contain_text("不是真实记录")
    expect(page.locator("svg[role=img]")).to_be_visible()
    assert page.locator(".examples tbody tr").count() == 10


def submit(erin: Visit) -> str:
    """Hand the draft to the approver; returns the version's address."""
    page = erin.page
    page.get_by_role("link", name="第 2 版").first.click()
    page.fill("#reason-submit_rule", "请看试算")
    page.get_by_role("button", name="提交审批").click()
    expect(page.get_by_text("已提交")).to_be_visible()
    return page.url.removeprefix(erin.site)


def approve(anna: Visit, version: str) -> date:
    """Approve as a second person; returns the day from which the version holds."""
    page = anna.page
    anna.open("/admin/rules")
    page.get_by_role("link", name="公交出行 第 2 版").click()
    expect(page.get_by_text("正是这一稿")).to_be_visible()
    page.fill("#reason-approve_rule", "数字核对过")
    page.get_by_role("button", name="批准并排期").click()
    expect(page.get_by_text("已批准并排期")).to_be_visible()
    assert page.url.endswith(version)
    day = page.locator(".panel__facts time").first.get_attribute("datetime")
    assert day is not None
    return date.fromisoformat(day)


def go_to_noon_of(day: date) -> None:
    """Move the site's clock."""
    noon = datetime.combine(day, time(12), CITY_ZONE)
    MovedClock.ahead += noon - utc_now()


def test_an_administrator_changes_the_bus_rule(
    panel: Panel, windows: tuple[Visit, Visit, Visit]
) -> None:
    resident, erin, anna = windows
    resident.sign_in(PHONE_NUMBER)
    old_receipt = log_bus_trip(resident)
    expect(resident.page.locator("main")).to_contain_text("130")

    panel.sign_in(erin, "erin")
    draft_all_electric_bus(erin)
    preview_on_history(erin)
    version = submit(erin)
    assert erin.page.get_by_role("button", name="批准并排期").count() == 0
    panel.sign_in(anna, "anna")
    from_day = approve(anna, version)

    resident.open("/methods/bus_trip")
    announced = f"{from_day.year}年{from_day.month}月{from_day.day}日"
    expect(resident.page.locator("main")).to_contain_text(f"自 {announced}起")
    expect(resident.page.locator("main")).to_contain_text("少得 251 积分")

    go_to_noon_of(from_day)
    with writing(panel.app) as session:
        activate_due(session, now=utc_now())
        session.commit()
    # Half an hour without a click signs a resident out; the same number comes back.
    resident.context.clear_cookies()
    resident.sign_in(PHONE_NUMBER)
    log_bus_trip(resident)
    main = resident.page.locator("main")
    expect(main).to_contain_text("10.000 × 0.026900000 × 1000")
    expect(main).to_contain_text("269")
    resident.open(old_receipt)
    expect(main).to_contain_text("10.000 × 0.052000000 × 1000")
    anna.context.clear_cookies()
    panel.sign_in(anna, "anna")
    anna.open(version)
    expect(anna.page.locator("h1")).to_contain_text("现行")
