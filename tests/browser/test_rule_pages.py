"""Every page about rules, empty, full and with errors: accessible, whole, no complaints."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlmodel import col, select

from behaviors import rule_queries
from behaviors.preview.engine import preview
from behaviors.rule_models import Rescore, RulePreview, WorkStatus
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import business_day, utc_now
from tests.admin.desk import staff
from tests.admin.rules.office import electric_bus, previewed, step
from tests.browser.conftest import AXE, TABLET, Visit
from tests.browser.panel import Panel, ride_the_bus, running
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser

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
        "rescoring": _rescored(panel, ids[0], "proposed"),
        "failed": _rescored(panel, ids[0], "failed"),
    }


def _rescored(panel: Panel, version_id: int, status: str) -> str:
    """Leave a re-scoring behind that shows what the preview found; returns its address."""
    with writing(panel.app) as session:
        seen = session.exec(select(RulePreview).where(col(RulePreview.result).is_not(None))).first()
        assert seen is not None
        result: Any = seen.result
        row = Rescore(
            public_id=f"again-{status}",
            behavior_id=seen.behavior_id,
            rule_version_id=version_id,
            first_day=seen.first_day,
            last_day=seen.last_day - timedelta(days=1),
            status=status,
            reason="the fleet was electric all along",
            difference=result["versions"][str(version_id)] if status == "proposed" else {},
            error={"code": "rescore_changes_nothing", "params": {}} if status == "failed" else None,
            proposed_by=seen.staff_id,
            proposed_at=utc_now(),
        )
        session.add(row)
        session.commit()
        return f"/admin/rescorings/{row.public_id}"


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


@contextmanager
def looking(
    chromium: Browser, panel: Panel, login: str, size: dict[str, int], language: str
) -> Iterator[Visit]:
    """Open a window of somebody who is signed in; it must end without complaints."""
    window = panel.visit(chromium, login, size, language)
    window.context.add_init_script(AXE.read_text("utf-8"))
    yield window
    window.context.close()
    assert window.complaints == []


@pytest.fixture
def erin(chromium: Browser, panel: Panel, language: str, size: dict[str, int]) -> Iterator[Visit]:
    """An editor at a desk; pages of forms that are refused answer with 422, which is meant."""
    with looking(chromium, panel, "erin", size, language) as window:
        yield window


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
    "/admin/rescorings",
    "/admin/rescorings?behavior=carpool",
)


def test_pages_that_are_read(erin: Visit, worked_on: dict[str, str]) -> None:
    found = looked_at(erin, *LISTS, *(worked_on[n] for n in ("draft", "in_review", "preview")))
    found += looked_at(erin, worked_on["rescoring"], worked_on["failed"])
    assert not found, "\n".join(found)


def looked_at(visit: Visit, *paths: str) -> list[str]:
    """Return what is wrong with pages, with everything on them unfolded."""
    found = []
    for path in paths:
        visit.open(path)
        visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found += problems(visit, path)
    return found


def test_pages_of_others_on_a_tablet(
    chromium: Browser, panel: Panel, worked_on: dict[str, str]
) -> None:
    """What an approver and a system administrator may do stands on these."""
    with looking(chromium, panel, "anna", TABLET, "zh-CN") as anna:
        found = looked_at(anna, "/admin/rules", "/admin/behaviors/bus_trip")
        found += looked_at(anna, worked_on["in_review"], worked_on["rescoring"])
    with looking(chromium, panel, "sasha", TABLET, "zh-CN") as sasha:
        found += looked_at(sasha, "/admin/policy", "/admin/holidays/2031/edit", "/admin/jobs")
        sasha.page.goto(f"{panel.address}/admin/holidays/2031/edit")
        sasha.page.locator("main form .btn-primary").click()
        sasha.page.wait_for_selector(".panel__error")
        found += problems(sasha, "holidays with errors")
    assert not found, "\n".join(found)


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
        "/admin/behaviors/bus_trip/rescorings/new",
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
