"""An inventory by hand in a browser: entered, drawn, imported, reviewed; accessible throughout."""

import io
import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser
from sqlmodel import col, select

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account, resident_actor
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.models import Institution
from tests.browser.conftest import AXE, Visit, new_visit
from tests.browser.panel import Panel, running
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.carbonaccount.institutions.places import CODE_X, CODE_Y, actor_of, add_officer, admitted
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser

CODES = iter((CODE_X, CODE_Y))
PHONES = count(13310000000)


@pytest.fixture(scope="module")
def panel(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A site without institutions."""
    folder = tmp_path_factory.mktemp("inventory")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    with running(app) as site:
        site.employ("olga", Role.INSTITUTION_OFFICER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


def test_an_inventory_by_hand(
    chromium: Browser, panel: Panel, language: str, size: dict[str, int], tmp_path: Path
) -> None:
    visit = new_visit(chromium, panel.address, size, language)
    visit.context.add_init_script(AXE.read_text("utf-8"))
    phone = str(next(PHONES))
    visit.sign_in(phone)
    home = admit(panel, phone)
    visit.open(f"{home}/inventory")
    found = problems(visit, "no year yet")
    last_year = str(utc_now().year - 1)
    visit.page.select_option("#open-year", last_year)
    visit.page.click("main form:has(#open-year) button")
    visit.page.wait_for_url(f"**/inventory/{last_year}")
    year = f"{home}/inventory/{last_year}"

    visit.open(f"{year}/lines/new")
    found += problems(visit, "which energy")
    visit.page.click("a.tile[href*='grid.shandong']")
    visit.page.fill("#amount", "-1")
    visit.page.click("main button[name=again]")
    visit.page.wait_for_selector(".field__error")
    found += problems(visit, "a refused line")
    for month in range(1, 4):
        visit.page.fill("#amount", str(10 * month))
        visit.page.select_option("#unit", "MWh")
        visit.page.fill("#green_power", "1")
        visit.page.click("main button[name=again]")
        visit.page.wait_for_url(f"**month={month + 1}*")
    visit.open(year)
    visit.page.wait_for_selector(".chart--drawn canvas")
    found += problems(visit, "a year")
    # (10 + 20 + 30 - 3) MWh at 0.6410
    assert "36.6 t" in visit.page.locator(".inventory-figures").inner_text()

    imported(visit, year, tmp_path)
    found += problems(visit, "a file to look at")
    visit.page.click("main form[action$=take] button")
    visit.page.wait_for_url(f"**/inventory/{last_year}")
    visit.page.click("main form[action$=submit] button")
    visit.page.wait_for_selector("main form[action$=return]")
    lock_by_another(panel, home, int(last_year))
    visit.open(year)
    found += problems(visit, "locked")
    visit.page.fill("#correct-reason", "A meter was read twice")
    visit.page.click("main form[action$=correct] button")
    visit.open(f"{year}/versions/2")
    found += problems(visit, "a version")
    visit.open(f"{home}/inventory")
    visit.page.wait_for_selector(".chart--drawn canvas")
    found += problems(visit, "the years")
    visit.context.close()
    assert found == []
    assert visit.complaints == []


def admit(panel: Panel, phone: str) -> str:
    """Make the person owner of a new institution, and return where its pages are."""
    with writing(panel.app) as session:
        owner = actor_of(panel.app, session, phone)
        officer = add_officer(panel.app, session, f"officer{phone[-3:]}")
        row = admitted(
            session, applicant=owner, officer=officer, credit_code=next(CODES), name_en="A school"
        )
        session.commit()
        return f"/institutions/{row.public_id}"


def imported(visit: Visit, year: str, folder: Path) -> None:
    """Fill in the template with a right line and one whose unit is missing, then without that."""
    visit.open(f"{year}/import")
    with visit.page.expect_download() as download:
        visit.page.click("main a[href$='template.xlsx']")
    book = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes()))
    sheet = book.worksheets[0]
    for column, value in enumerate((1, "heat.purchased", "", 120, "GJ"), start=1):
        sheet.cell(6, column, value)
    sheet.cell(7, 1, 2)
    sheet.cell(7, 2, "heat.purchased")
    sheet.cell(7, 4, 130)
    for name, unit in (("wrong.xlsx", None), ("right.xlsx", "GJ")):
        sheet.cell(7, 5).value = unit
        book.save(folder / name)
        visit.page.set_input_files("#table-file", folder / name)
        visit.page.click("main form:has(#table-file) button")
        visit.page.wait_for_selector(f"h2:has-text('{name}')")
        refused = visit.page.locator("[data-count=refused]").inner_text()
        assert refused == ("1" if unit is None else "0")


def lock_by_another(panel: Panel, home: str, year: int) -> None:
    """Lock the year as somebody else than who submitted it."""
    with writing(panel.app) as session:
        other = resident_actor(
            open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
        )
        place = session.exec(
            select(Institution).where(col(Institution.public_id) == home.rpartition("/")[2])
        ).one()
        row = life.locked_row(session, institution_id=place.stored_id, year=year)
        life.lock(session, inventory=row, acting_user=other, now=utc_now())
        session.commit()


def test_the_lists_of_the_panel(
    chromium: Browser, panel: Panel, language: str, size: dict[str, int], tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "OSEBuildingID,PropertyName,PrimaryPropertyType,PropertyGFATotal,SteamUse(kBtu),"
        "Electricity(kWh),NaturalGas(therms),ComplianceStatus\n"
        f"{language},School {language},K-12 School,1000,0,1000,0,Compliant\n"
        "9,,Other,1,0,1,0,Flag\n",
        "utf-8",
    )
    staff = panel.visit(chromium, "olga", size, language)
    staff.context.add_init_script(AXE.read_text("utf-8"))
    staff.open("/admin/institution-lists")
    found = problems(staff, "lists")
    staff.page.set_input_files("#list-file", file)
    staff.page.fill("#list-year", "2016")
    staff.page.click("button[name=write][value='1']")
    staff.page.wait_for_selector("[data-result='accepted=1 flagged=0 rejected=1']")
    found += problems(staff, "a list's lines")
    staff.open("/admin/institutions")
    staff.page.click(f"a:has-text('School {language}')")
    staff.page.click("form[action$=first-owner] button")
    code = staff.page.locator("[data-invitation]").inner_text()
    assert re.fullmatch(r"[0-9A-Z-]{12,}", code)
    found += problems(staff, "an invitation")
    staff.context.close()
    assert found == []
    assert staff.complaints == []
