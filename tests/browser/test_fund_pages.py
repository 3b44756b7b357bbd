"""The pages of fund, draws and queues, empty and full: accessible, whole, no complaints."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from tests.admin.desk import newest_person
from tests.browser.conftest import AXE, new_visit
from tests.browser.panel import Panel, running
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.conftest import make_settings
from tests.people import writing
from tests.rewards.fund import city

pytestmark = pytest.mark.browser

PUBLIC = ("gauge", "draws", "open", "drawn")
PERSONAL = ("credits", "home", "draws", "open", "drawn", "queue")
STAFF = ("fund", "programme", "sponsors", "new_programme", "all_draws", "new_draw")
STAFF_DRAWS = ("panel_open", "panel_drawn", "panel_queue")


@pytest.fixture(scope="module")
def panel(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A site on which nothing has happened yet."""
    folder = tmp_path_factory.mktemp("fund")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    with running(app) as site:
        site.employ("erin", Role.REWARD_EDITOR)
        site.employ("frank", Role.REWARD_APPROVER, Role.REWARD_EDITOR)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


def test_every_page_of_the_fund(
    chromium: Browser, panel: Panel, language: str, size: dict[str, int]
) -> None:
    visit = new_visit(chromium, panel.address, size, language)
    visit.context.add_init_script(AXE.read_text("utf-8"))
    found = []
    for path in ("/fund", "/draws"):
        visit.open(path)
        found += problems(visit, path)
    visit.sign_in()
    visit.open("/credits")
    found += problems(visit, "/credits")
    with writing(panel.app) as session:
        account_id = newest_person(session).stored_id
    pages = city.arrange(panel.app, account_id)
    for name in dict.fromkeys((*PERSONAL, *PUBLIC)):
        visit.open(pages[name])
        found += problems(visit, name)
    visit.context.close()
    staff = panel.visit(chromium, "frank", size, language)
    staff.context.add_init_script(AXE.read_text("utf-8"))
    for name in (*STAFF, *STAFF_DRAWS):
        staff.open(pages[name])
        found += problems(staff, name)
    staff.page.goto(staff.site + pages["new_programme"])
    staff.page.click("main form button.btn-primary")
    found += problems(staff, "a programme without a name")
    staff.context.close()
    assert found == []
    assert visit.complaints == []
    assert staff.complaints == []
