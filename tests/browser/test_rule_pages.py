"""Every page about rules, empty, full and with errors: accessible, whole, no complaints."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from behaviors import rule_queries
from behaviors.preview.engine import preview
from behaviors.rule_models import RulePreview, WorkStatus
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import business_day, utc_now
from tests.admin.desk import staff
from tests.admin.rules.office import electric_bus, previewed, step
from tests.browser.conftest import AXE, DESKTOP, PHONE, Visit
from tests.browser.panel import Panel, ride_the_bus, running
from tests.browser.test_every_page import problems
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser

TABLET = {"width": 820, "height": 1180}
NEW_BUS = "/admin/behaviors/bus_trip/rules/new"


@pytest.fixture(scope="module")
def panel(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A site with bus trips, a draft of metro trips, a bus rule in review, and a preview."""
    folder = tmp_path_factory.mktemp("panel")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    ride_the_bus(app, {"anna-k": "10", "bao-l": "60", "chen-m": "3.2"})
    with running(app) as site:
        site.employ("erin", Role.RULE_EDITOR)
        site.employ("anna", Role.RULE_APPROVER)
        site.employ("sasha", Role.SYSTEM_ADMIN, Role.OPERATOR)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture(scope="module")
def worked_on(panel: Panel) -> dict[str, str]:
    """What was done at the panel: addresses of versions and of a preview."""
    writer = staff(panel.app, Role.RULE_EDITOR, login="writer")
    ids = []
    for _time in range(2):
        made = writer.post(NEW_BUS, electric_bus())
        assert made.status_code == 303
        ids.append(int(made.location.rsplit("/", 1)[1]))
    result_id = _previewed_for_good(panel, ids)
    previewed(panel.app, ids[1])
    assert step(writer, ids[1], "submit").status_code == 303
    return {
        "draft": f"/admin/rules/{ids[0]}",
        "edit": f"/admin/rules/{ids[0]}/edit",
        "in_review": f"/admin/rules/{ids[1]}",
        "preview": f"/admin/previews/{result_id}",
    }


def _previewed_for_good(panel: Panel, ids: list[int]) -> str:
    today = business_day(utc_now())
    first_day = today - timedelta(days=29)
    with writing(panel.app) as session:
        version = rule_queries.find_version(session, ids[0])
    found = preview(
        panel.app.extensions["carbonaccount.engine"],
        behavior_id=version.behavior_id,
        rule_version_ids=ids,
        first_day=first_day,
        last_day=today,
        today=today,
    )
    with writing(panel.app) as session:
        session.add(
            RulePreview(
                public_id="looked-at",
                behavior_id=version.behavior_id,
                rule_version_ids=ids,
                first_day=first_day,
                last_day=today,
                status=WorkStatus.DONE,
                result=found,
                staff_id=version.drafted_by or 0,
                asked_at=utc_now(),
            )
        )
        session.commit()
    return "looked-at"


@pytest.fixture(scope="module", params=["zh-CN", "en-US"])
def language(request: pytest.FixtureRequest) -> str:
    """Both languages of the site."""
    chosen: str = request.param
    return chosen


@pytest.fixture(
    params=[(DESKTOP, "erin"), (TABLET, "anna"), (PHONE, "erin")], ids=["1280", "820", "390"]
)
def visit(
    request: pytest.FixtureRequest, chromium: Browser, panel: Panel, language: str
) -> Iterator[Visit]:
    """A window of each size that must end without complaints."""
    size, login = request.param
    window = panel.visit(chromium, login, size, language)
    window.context.add_init_script(AXE.read_text("utf-8"))
    yield window
    window.context.close()
    assert window.complaints == []


LISTS = (
    "/admin/behaviors",
    "/admin/behaviors?q=nothing-like-this",
    "/admin/behaviors/bus_trip",
    "/admin/behaviors/carpool",
    "/admin/behaviors/bus_trip/previews",
    "/admin/behaviors/carpool/previews",
    "/admin/rules",
    "/admin/rules/1",
    "/admin/factors",
    "/admin/factors?q=nothing-like-this",
    "/admin/factors/grid.shandong",
    "/admin/policy",
    "/admin/holidays",
    "/admin/holidays?year=2031",
)


def test_pages_that_are_read(visit: Visit, worked_on: dict[str, str]) -> None:
    found = []
    for path in (*LISTS, worked_on["draft"], worked_on["in_review"], worked_on["preview"]):
        visit.open(path)
        visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found += problems(visit, path)
    assert not found, "\n".join(found)


@pytest.fixture
def erin(chromium: Browser, panel: Panel, language: str) -> Iterator[Visit]:
    """An editor at a desk; pages of forms that are refused answer with 422, which is meant."""
    window = panel.visit(chromium, "erin", DESKTOP, language)
    window.context.add_init_script(AXE.read_text("utf-8"))
    yield window
    window.context.close()
    assert window.complaints == []


def test_pages_to_write_on(erin: Visit, worked_on: dict[str, str]) -> None:
    found = []
    for path in (
        NEW_BUS,
        worked_on["edit"],
        "/admin/behaviors/carpool/rules/new",
        "/admin/behaviors/new",
        "/admin/behaviors/bus_trip/texts",
        "/admin/factors/new",
        "/admin/factors/new?code=grid.shandong",
    ):
        erin.open(path)
        found += problems(erin, path)
        erin.page.locator("main form:has(textarea) .btn-primary").last.click()
        erin.page.wait_for_load_state("networkidle")
        found += problems(erin, f"{path} with errors")
    assert not found, "\n".join(found)


def test_a_formula_with_an_error(erin: Visit) -> None:
    erin.open(NEW_BUS)
    erin.page.fill("#factor_expression", "ef_baseline - ef_buss")
    erin.page.wait_for_selector(".place mark")
    assert erin.page.locator(".place mark").inner_text() == "e"
    found = problems(erin, "formula")
    assert not found, "\n".join(found)


def test_a_factor_that_is_chosen_brings_its_number(erin: Visit) -> None:
    erin.open(NEW_BUS)
    erin.page.select_option("#parameters-1-factor", "grid.shandong")
    erin.page.wait_for_selector("#parameters-1-value[value='0.6191']")
    assert erin.page.locator("#parameters-1-unit").input_value() == "kg/kWh"
