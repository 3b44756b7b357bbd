"""One of the 95 listed buildings, by hand from its inventory to a statement that can be checked.

Every page on the way is accessible, whole and without complaints, in both languages and sizes.
"""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlmodel import Session, col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.institutions import listed
from carbonaccount.institutions.inventory_models import Inventory
from carbonaccount.institutions.inventory_results import year_account
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from carbonaccount.institutions.neutrality import grams_of
from tests.browser.conftest import AXE, Visit, new_visit
from tests.browser.panel import Panel, running
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.carbonaccount.institutions.inventory.test_public_buildings import NAME, YEAR, real_file
from tests.carbonaccount.institutions.offsets.arranging import PDF, broken
from tests.carbonaccount.institutions.places import actor_of
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser

PHONES = count(13320000000)
TURN = count()


@pytest.fixture(scope="module")
def panel(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A site with the listed buildings, and the city's officer."""
    content = real_file().read_bytes()
    folder = tmp_path_factory.mktemp("neutrality")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    with writing(app) as session:
        listed.import_listing(
            session, content=content, name=NAME, year=YEAR, acting_user=SYSTEM, now=utc_now()
        )
        session.commit()
    with running(app) as site:
        site.employ("olga", Role.INSTITUTION_OFFICER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


def person(
    chromium: Browser, panel: Panel, language: str, size: dict[str, int], home: str, seat: Seat
) -> Visit:
    """Return the window of a person who has just been given a seat."""
    visit = new_visit(chromium, panel.address, size, language)
    visit.context.add_init_script(AXE.read_text("utf-8"))
    phone = str(next(PHONES))
    visit.sign_in(phone)
    with writing(panel.app) as session:
        actor = actor_of(panel.app, session, phone)
        session.add(
            InstitutionPerson(
                institution_id=place_of(session, home).stored_id,
                account_id=actor.id or 0,
                seat=seat.value,
                joined_at=utc_now(),
            )
        )
        session.commit()
    return visit


def place_of(session: Session, home: str) -> Institution:
    """Return the institution whose pages are below an address."""
    number = home.rpartition("/")[2]
    return session.exec(select(Institution).where(col(Institution.public_id) == number)).one()


def a_building(panel: Panel) -> tuple[str, int]:
    """Return the address of a listed building and its grams; each turn another one."""
    with writing(panel.app) as session:
        rows = session.exec(select(Institution).join(Inventory).order_by(col(Institution.id))).all()
        found = []
        for row in rows[:12]:
            account = year_account(session, institution_id=row.stored_id, year=YEAR)
            if account is not None and account.power_kg > 10_000:
                found.append((f"/institutions/{row.public_id}", grams_of(account.total_kg)))
        return found[next(TURN)]


def test_from_a_listed_inventory_to_a_checked_statement(
    chromium: Browser, panel: Panel, language: str, size: dict[str, int]
) -> None:
    home, total_g = a_building(panel)
    clerk = person(chromium, panel, language, size, home, Seat.CLERK)
    owner = person(chromium, panel, language, size, home, Seat.OWNER)
    found: list[str] = []
    turn = home[-4:]

    # The imported inventory is handed in by one and locked by another.
    clerk.open(f"{home}/offsets")
    found += problems(clerk, "no lots yet")
    clerk.open(f"{home}/neutrality")
    found += problems(clerk, "no year is locked")
    clerk.open(f"{home}/inventory/{YEAR}")
    clerk.page.click("main form[action$=submit] button")
    clerk.page.wait_for_selector("main form[action$=return], main [data-status=in_review], main")
    owner.open(f"{home}/inventory/{YEAR}")
    owner.page.click("main form[action$=lock] button")
    owner.page.wait_for_load_state()

    # Certificates and credits are bought; a number that is wrong says so.
    tonnes = total_g // 1_000_000 + 1
    for registry, first, last in (
        ("gec", f"GEC-{turn}-000001", f"GEC-{turn}-000010"),
        ("ccer", f"CCER-{turn}-1", f"CCER-{turn}-{tonnes}"),
    ):
        clerk.open(f"{home}/offsets/new")
        clerk.page.select_option("#registry", registry)
        clerk.page.fill("#serial_first", first)
        clerk.page.fill("#serial_last", "none")
        clerk.page.fill("#produced_on", utc_now().date().replace(day=1).isoformat())
        clerk.page.set_input_files(
            "#file", {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": PDF}
        )
        clerk.page.click("main form button.weui-btn_primary")
        clerk.page.wait_for_selector(".field__error")
        found += problems(clerk, "a refused number")
        clerk.page.fill("#serial_last", last)
        clerk.page.set_input_files(
            "#file", {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": PDF}
        )
        clerk.page.click("main form button.weui-btn_primary")
        clerk.page.wait_for_url(f"**{home}/offsets")
    found += problems(clerk, "two lots")
    clerk.page.click("main ul.rows a[href*='/offsets/lots/']")
    clerk.page.wait_for_url("**/offsets/lots/*")
    clerk.page.click("main details.card summary")
    found += problems(clerk, "a lot that can be withdrawn")
    for path in ("shares", "plantations", "plantations/new", "neutrality/measures/new"):
        clerk.open(f"{home}/{path}")
        found += problems(clerk, path)
    clerk.open("/me/shares")
    found += problems(clerk, "my shares")

    # A plan, a measure, and the statement of the year.
    clerk.open(f"{home}/neutrality")
    clerk.page.click("details summary")
    for name, value in (("base_year", str(YEAR)), ("target_year", "2030"), ("reduce", "30")):
        clerk.page.fill(f"#{name}", value)
    clerk.page.click("details form button")
    clerk.page.wait_for_load_state()
    clerk.open(f"{home}/neutrality/measures/new")
    for name, value in (("year", str(YEAR)), ("title", "LED"), ("expected", "1200.5")):
        clerk.page.fill(f"#{name}", value)
    clerk.page.click("main form button.weui-btn_primary")
    clerk.page.wait_for_url(f"**{home}/neutrality")
    found += problems(clerk, "a plan and a locked year")
    clerk.page.click(f"main form[action$='statements/{YEAR}/new'] button")
    clerk.page.wait_for_url("**/neutrality/statements/*")
    found += problems(clerk, "a draft")
    statement = clerk.page.url.removeprefix(panel.address)
    clerk.page.click("main a[href*='/uncertainty/grid.']")
    clerk.page.wait_for_url("**/uncertainty/grid.*")
    found += problems(clerk, "how sure the power is")
    clerk.page.click("main form[action$='/accept/meter_1'] button")
    clerk.page.wait_for_url(f"**{statement}")
    clerk.page.click("main form[action$=submit] button")
    clerk.page.wait_for_selector("main form[action$=take-back]")
    number = statement.rpartition("/")[2]

    # The officer looks at it and confirms.
    officer = panel.visit(chromium, "olga", size, language)
    officer.context.add_init_script(AXE.read_text("utf-8"))
    officer.open("/admin/statements")
    found += problems(officer, "statements to review")
    officer.open("/admin/survival-checks")
    found += problems(officer, "survival checks")
    officer.open("/admin/offset-lots")
    found += problems(officer, "lots of the city")
    officer.page.click("th a[href^='/admin/offset-lots/']")
    officer.page.wait_for_url("**/admin/offset-lots/*")
    found += problems(officer, "a lot in the panel")
    officer.open(f"/admin/statements/{number}")
    found += problems(officer, "a statement under review")
    officer.page.fill("form[action*='/review?'] textarea", "Checked against bills and papers")
    officer.page.click("form[action*='/review?'] button")
    officer.page.wait_for_url("**/admin/statements")

    # The owner publishes; everybody can check.
    owner.open(statement)
    found += problems(owner, "a reviewed statement")
    owner.page.click("main details:has(form[action$=publish]) summary")
    owner.page.click("main form[action$=publish] button")
    owner.page.wait_for_selector("main a[href^='/statements/']")
    anybody = new_visit(chromium, panel.address, size, language)
    anybody.context.add_init_script(AXE.read_text("utf-8"))
    anybody.open("/statements")
    found += problems(anybody, "the public list")
    anybody.open(f"/statements/{number}")
    found += problems(anybody, "a public statement")
    check = anybody.page.locator("a[href*='/statements/check?']").get_attribute("href") or ""
    for address, verdict in (
        (check, "genuine"),
        (check.replace("&date=", "&date=2"), ""),
        (check.replace("total=", "total=1"), "differs"),
    ):
        anybody.page.goto(address)
        shown = anybody.page.locator("[data-verdict]")
        assert (shown.get_attribute("data-verdict") if verdict else shown.count()) == (verdict or 0)
        found += problems(anybody, f"check: {verdict or 'a date nobody can read'}")
    pdf = anybody.context.request.get(f"{panel.address}/statements/{number}.pdf")
    assert pdf.body().startswith(b"%PDF-")

    # Withdrawn, it says so to whoever checks it.
    owner.open(statement)
    owner.page.click("details summary")
    owner.page.fill("#reason", "A meter was read twice")
    found += problems(owner, "withdrawing")
    owner.page.click("main details form button")
    owner.page.wait_for_load_state()
    anybody.page.goto(check)
    assert anybody.page.locator("[data-verdict]").get_attribute("data-verdict") == "withdrawn"
    found += problems(anybody, "a withdrawn statement")
    with writing(panel.app) as session:
        assert broken(session) == {}
    for visit in (clerk, owner, officer, anybody):
        visit.context.close()
        assert visit.complaints == []
    assert found == []
