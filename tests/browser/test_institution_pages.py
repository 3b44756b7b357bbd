"""An institution by hand: applied for on a phone, admitted at the panel, joined by a pupil's QR."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from carbonaccount.institutions.demo import OWNER_PHONE
from tests.browser.conftest import AXE, DESKTOP, PHONE, WINDOWS, Visit, new_visit
from tests.browser.panel import MovedClock, Panel, moved_clock, running
from tests.browser.test_every_page import problems
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser
__all__ = ["moved_clock"]

APPLICANT, PUPIL = "13700770001", "13700770002"
CODE = "91350100M000100Y43"
OWN = ("", "/people", "/members", "/campaigns", "/recognition", "/units")
RESIDENT = ("/institutions", "/institutions/apply", "/institutions/seat", "/me/institutions")


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path, moved_clock: type[MovedClock]) -> Iterator[Panel]:
    """The school of the demonstration and an officer of the city."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path))
    with writing(app) as session:
        app.extensions["carbonaccount.load_demo_institutions"](session, now=utc_now())
        session.commit()
    with running(app) as site:
        site.employ("ines", Role.INSTITUTION_OFFICER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


def window(chromium: Browser, panel: Panel, phone: str) -> Visit:
    """Open a phone-sized window in Chinese and sign a resident in."""
    visit = new_visit(chromium, panel.address, PHONE, "zh-CN")
    visit.context.add_init_script(AXE.read_text("utf-8"))
    visit.sign_in(phone)
    return visit


def close(*visits: Visit) -> None:
    """Close windows, which must have had nothing to complain of."""
    for visit in visits:
        visit.context.close()
        assert visit.complaints == []


def test_from_the_application_to_the_first_member(chromium: Browser, panel: Panel) -> None:
    applicant = window(chromium, panel, APPLICANT)
    page = applicant.page

    # --- a mistyped code is found before anybody looks at it ---
    applicant.open("/institutions")
    page.click("a:has-text('申请入驻')")
    page.select_option("#kind", "school")
    page.fill("#name_zh", "手工小学")
    page.fill("#credit_code", CODE[:-2] + "34")
    page.select_option("#district", "370881")
    page.fill("#floor_area", "3200.5")
    page.fill("#head_count", "210")
    page.fill("#applicant", "赵一")
    page.fill("#authority", "校长，任教字〔2026〕8 号")
    page.click("main form button[type=submit]")
    expect(page.locator("#credit_code-error")).to_contain_text("校验位不对")
    assert problems(applicant, "the form with a mistake") == []
    page.fill("#credit_code", CODE)
    page.click("main form button[type=submit]")
    expect(page.locator("main")).to_contain_text("待审核")

    # --- admitted at the panel ---
    officer = panel.visit(chromium, "ines", DESKTOP, "zh-CN")
    officer.context.add_init_script(AXE.read_text("utf-8"))
    officer.open("/admin/institutions?status=applied")
    assert problems(officer, "the list") == []
    officer.page.click("a:has-text('手工小学')")
    assert problems(officer, "the application") == []
    officer.page.click("button:has-text('通过')")
    expect(officer.page.locator("main")).to_contain_text("已入驻")

    # --- the owner makes a code; a pupil reads, ticks and joins; both see what they may ---
    applicant.open("/institutions")
    page.click("a:has-text('手工小学')")
    expect(page.locator("main")).to_contain_text("3,200.5 m²")
    page.click("nav.place-tabs >> text=成员")
    page.click("button:has-text('生成成员码')")
    code = page.inner_text("[data-join-code]").replace(" ", "")
    assert page.locator(".place-qr svg.qr").is_visible()
    pupil = window(chromium, panel, PUPIL)
    pupil.open(f"/join/{code}")
    assert not pupil.page.is_checked("#agree")
    pupil.page.click("main form button[type=submit]")
    expect(pupil.page.locator("[role=alert]")).to_contain_text("勾选同意")
    pupil.page.check("#agree")
    pupil.page.click("main form button[type=submit]")
    expect(pupil.page.locator("main")).to_contain_text("手工小学")
    assert problems(pupil, "counted with") == []
    page.reload()
    expect(page.locator(".place-figure strong").first).to_have_text("1")
    pupil.page.click("button:has-text('退出')")
    expect(pupil.page.locator("main")).to_contain_text("还没有计入任何单位")
    close(applicant, officer, pupil)


@pytest.mark.parametrize(("locale", "size"), list(WINDOWS.values()), ids=list(WINDOWS))
def test_every_page_of_the_school(
    chromium: Browser, panel: Panel, locale: str, size: dict[str, int]
) -> None:
    visit = new_visit(chromium, panel.address, size, locale)
    visit.context.add_init_script(AXE.read_text("utf-8"))
    visit.open("/recognised")
    found = problems(visit, "/recognised")
    visit.sign_in(OWNER_PHONE)
    visit.open("/institutions")
    place = visit.page.get_attribute("main a.row[href^='/institutions/']", "href")
    assert place is not None
    for path in (*RESIDENT, *(place + part for part in OWN)):
        visit.open(path)
        found += problems(visit, path)
    for part in ("campaigns", "recognition"):
        visit.open(f"{place}/{part}")
        visit.page.click(f"main a.row[href*='/{part}/']")
        found += problems(visit, f"a page of {part}")
    visit.open(f"{place}/people")
    visit.page.click("form[action$='/invitations'] button")
    found += problems(visit, "an invitation")
    assert found == []
    close(visit)
