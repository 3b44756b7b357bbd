"""The whole first path on a phone: register, log a ride, read its receipt, bind a source."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


def test_register_log_receipt_bind_records(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.get_by_role("link", name="登录或开通").click()
    visit.sign_in()
    expect(page.get_by_role("heading", name="从第一笔开始")).to_be_visible()

    page.get_by_role("link", name="记一笔", exact=True).click()
    page.get_by_role("link", name="公交出行").click()
    page.get_by_role("button", name="10 公里", exact=True).click()
    preview = page.locator("#preview")
    # 10 km x 0.052 kg = 520 g; self-declared gives a quarter of the credits and no grams.
    expect(preview).to_contain_text("130 积分")
    expect(preview).to_contain_text("不计减排量")
    page.get_by_role("button", name="提交", exact=True).click()
    expect(page.get_by_text("复算与账本一致")).to_be_visible()
    expect(page.locator("main")).to_contain_text("10.000 × 0.052000000 × 1000")

    page.get_by_role("link", name="我的", exact=True).click()
    page.get_by_role("link", name="我的数据来源").click()
    page.get_by_role("link", name="演示单车").click()
    assert not page.get_by_label("我已阅读并同意").is_checked()
    page.get_by_label("我已阅读并同意").check()
    page.get_by_role("button", name="同意并取绑定码").click()
    assert len(page.locator(".code").inner_text()) == 8
    page.get_by_role("button", name="在演示运营商 App 里确认").click()
    expect(page.get_by_text("接收中")).to_be_visible()

    page.get_by_role("link", name="看它的记录").click()
    page.locator("a.row").first.click()
    expect(page.locator("main")).to_contain_text("演示单车")
    expect(page.get_by_text("复算与账本一致")).to_be_visible()


def test_a_waiting_page_notices_the_binding_by_itself(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    visit.open("/sources/demo-charging")
    page.get_by_label("我已阅读并同意").check()
    page.get_by_role("button", name="同意并取绑定码").click()
    other = visit.context.new_page()
    other.goto(visit.site + "/sources/demo-charging")
    other.get_by_role("button", name="在演示运营商 App 里确认").click()
    expect(page.get_by_text("接收中")).to_be_visible(timeout=10_000)


def test_plus_minus_and_quick_amounts(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    visit.open("/log/bus_trip")
    field = page.get_by_label("乘车里程（公里）")
    page.get_by_role("button", name="3 公里", exact=True).click()
    page.get_by_role("button", name="多 0.5 公里").click()
    expect(field).to_have_value("3.5")
    for _ in range(9):
        page.get_by_role("button", name="少 0.5 公里").click()
    expect(field).to_have_value("0.0")
    field.fill("40")
    expect(page.locator("#preview")).to_contain_text("520 积分")
    page.get_by_label("其他时间").check()
    expect(page.get_by_label("日期和时间")).to_be_visible()


def test_the_calculator_answers_while_typing(visit: Visit) -> None:
    page = visit.page
    visit.open("/calculator")
    page.get_by_label("乘车里程").fill("20")
    expect(page.locator("#calculator-result")).to_contain_text("1.04 kg")
    page.get_by_label("行为").select_option("rooftop_pv")
    page.get_by_label("发电量").fill("10")
    expect(page.locator("#calculator-result")).to_contain_text("6.19 kg")
    assert "behavior=rooftop_pv" in page.url


def test_the_language_stays_chosen(visit: Visit) -> None:
    page = visit.page
    visit.open("/methods/bus_trip")
    page.get_by_role("button", name="Switch to English").click()
    expect(page.get_by_role("heading", name="Bus trip")).to_be_visible()
    assert page.url.endswith("/methods/bus_trip")
    visit.open("/calculator")
    expect(page.get_by_role("heading", name="Calculator")).to_be_visible()


def test_the_keyboard_reaches_the_content_first(visit: Visit) -> None:
    visit.open("/")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="跳到正文")).to_be_focused()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="登录或开通")).to_be_focused()
