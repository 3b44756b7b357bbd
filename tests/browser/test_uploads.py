"""The staff's upload pages in Chromium: a file on its way, and every state it can be in."""

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from sqlmodel import Session, select
from werkzeug.serving import make_server

from behaviors.intake.background import UploadRunner
from behaviors.models import IntakeUpload, Source
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from carbonaccount.leadership import ProcessLock, take_lock
from tests.admin.conftest import add_bus_operator, csv_of, line
from tests.browser.conftest import DESKTOP, PHONE, Visit, new_visit
from tests.browser.test_every_page import axe as axe
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.conftest import make_settings
from tests.people import Browser, add_dana, writing

pytestmark = pytest.mark.browser

# A folder to look at the pages in, e.g. PICTURES=pictures make test T=tests/browser.
PICTURES = os.environ.get("PICTURES")
COUNTS = {"accepted": 38_611, "duplicate": 0, "rejected": 171, "conflict": 12, "held": 0}
REASONS = {"capped": 4, "amount_zero": 171, "conflict": 12}
STATES: dict[str, dict[str, Any]] = {
    "done": {"lines_done": 38_794, "lines_total": 38_794, "counts": COUNTS, "reasons": REASONS},
    "running": {"lines_done": 20_000, "lines_total": 38_700, "counts": {"accepted": 20_000}},
    "waiting": {},
    "stopping": {"lines_done": 20_000, "lines_total": 38_700, "counts": {"accepted": 20_000}},
    "interrupted": {"lines_done": 20_000, "lines_total": 38_700, "counts": {"accepted": 20_000}},
    "stopped": {"lines_done": 20_000, "lines_total": 38_700, "counts": {"accepted": 20_000}},
    "failed": {"error": {"code": "file_encoding", "params": {"line": "4", "encoding": "utf-8"}}},
}


@dataclass(frozen=True)
class Panel:
    """The running site and the cookie of an operator who is signed in."""

    app: Flask
    address: str
    cookie: str
    locks: list[ProcessLock] = field(default_factory=list)

    def visit(self, chromium: Chromium, size: dict[str, int], language: str, axe: str) -> Visit:
        """Open a window in which the operator is signed in."""
        visit = new_visit(chromium, self.address, size, language)
        visit.context.add_cookies([{"name": "carbon", "value": self.cookie, "url": self.address}])
        visit.context.add_init_script(axe)
        return visit


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path) -> Iterator[Panel]:
    """A site with a bus operator and nothing uploaded."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    url = f"sqlite:///{tmp_path / 'site.sqlite3'}"
    app = create_app(make_settings(url, tmp_path, upload_max_mib=1))
    add_bus_operator(app)
    browser = Browser(app)
    browser.sign_in_staff(add_dana(app, Role.OPERATOR).now())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    panel = Panel(app, f"http://127.0.0.1:{server.server_port}", browser.cookie)
    yield panel
    server.shutdown()
    thread.join()
    server.server_close()
    for lock in panel.locks:
        lock.release()
    app.extensions["carbonaccount.uploads"].join()
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def window(
    chromium: Chromium, panel: Panel, language: str, size: dict[str, int], axe: str
) -> Iterator[Visit]:
    """The operator's window, which must end without complaints."""
    with writing(panel.app) as session:
        # Staff choose their language; the browser's does not count.
        session.exec(select(Staff)).one().locale = language[:2]
        session.commit()
    visit = panel.visit(chromium, size, language, axe)
    yield visit
    visit.context.close()
    assert visit.complaints == []


def look(visit: Visit, name: str) -> list[str]:
    """Return what is wrong with the page that is open; keep a picture of it if one is wanted."""
    if PICTURES:
        size = visit.page.viewport_size
        assert size is not None
        lang = visit.page.evaluate("document.documentElement.lang")
        file = Path(PICTURES) / f"uploads-{name}-{size['width']}-{lang}.png"
        visit.page.screenshot(path=file, full_page=True)
    return problems(visit, name)


def put_states(panel: Panel) -> None:
    """Put an upload in every state into the table, with the locks and files that belong to it."""
    with writing(panel.app) as session:
        for name, values in STATES.items():
            put_state(panel, session, name, values)
        session.commit()


def put_state(panel: Panel, session: Session, name: str, values: dict[str, Any]) -> None:
    """Put one upload into the table."""
    runner: UploadRunner = panel.app.extensions["carbonaccount.uploads"]
    upload_id, path = runner.files.new("x.csv")
    path.write_bytes(csv_of(line(1)))
    runner.files.rejected(upload_id).parent.mkdir(exist_ok=True)
    runner.files.rejected(upload_id).write_text("line")
    session.add(
        IntakeUpload(
            public_id=upload_id,
            source_id=session.exec(select(Source).where(Source.code == "jn_bus")).one().stored_id,
            staff_id=session.exec(select(Staff)).one().stored_id,
            file_name=f"{name} 公交刷卡行程 2026-11.csv",
            mapping="auto:canonical",
            status="running" if name == "interrupted" else name,
            uploaded_at=utc_now(),
            finished_at=utc_now(),
            **values,
        )
    )
    if name in ("running", "waiting", "stopping"):
        # As another worker would hold it.
        engine, folder = runner._engine, runner._tasks._lock_folder
        lock = take_lock(engine, name=f"upload-{upload_id}", folder=folder)
        assert lock is not None
        panel.locks.append(lock)


def test_pages_without_anything_and_a_file_on_its_way(window: Visit, panel: Panel) -> None:
    """A wrong choice, mended without choosing the file again, then the import as it is watched."""
    found = []
    for name, path in (
        ("overview", "/admin/"),
        ("list", "/admin/intake"),
        ("new", "/admin/intake/new"),
    ):
        window.open(path)
        found += look(window, f"empty-{name}")
    page = window.page
    content = csv_of(*[line(n) for n in range(40)], line(1, km="ten"), line(2, "stranger"))
    page.set_input_files(
        "#file", {"name": "十一月 trips.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.check("input[value=toml]")
    page.fill("#toml", "[record]\nbehaviour = 'bus_trip'")
    page.click("main button[type=submit]")
    page.wait_for_selector("#toml-error")
    found += look(window, "errors")
    page.select_option("#source", "jn_bus")
    page.check("input[value=auto]")
    assert not page.is_visible("#toml")
    page.click("main button[type=submit]")
    page.wait_for_url("**/admin/intake/*")
    # The page finds out by itself that the import is over.
    page.wait_for_selector(".state--good")
    found += look(window, "imported")
    assert page.locator("tfoot .num").inner_text() == "42"
    with page.expect_download() as download:
        page.click("a[href$='lines.csv']")
    assert download.value.suggested_filename == "lines-with-reasons.csv"
    assert len(Path(download.value.path()).read_text("utf-8-sig").splitlines()) == 3
    assert found == []


def test_every_state(window: Visit, panel: Panel) -> None:
    put_states(panel)
    found = []
    for name, path in (
        ("overview", "/admin/"),
        ("list", "/admin/intake"),
        ("filtered", "/admin/intake?status=stopped&source=self"),
        ("sources", "/admin/sources"),
    ):
        window.open(path)
        found += look(window, name)
    with writing(panel.app) as session:
        uploads = session.exec(select(IntakeUpload)).all()
    for upload in uploads:
        window.page.goto(f"{panel.address}/admin/intake/{upload.public_id}")
        found += look(window, upload.file_name.split()[0])
    window.open("/admin/intake/0123456789abcdef", status=404)
    found += look(window, "404")
    assert found == []


def test_too_large_a_file_and_the_menu_of_small_screens(
    chromium: Chromium, panel: Panel, axe: str
) -> None:
    """A page that says so and no broken connection; then the same desk on a phone."""
    window = panel.visit(chromium, DESKTOP, "zh-CN", axe)
    window.open("/admin/intake/new")
    window.page.set_input_files(
        "#file", {"name": "x.csv", "mimeType": "text/csv", "buffer": b"x" * 3_500_000}
    )
    assert window.page.eval_on_selector("#file", "e => e.validationMessage") != ""
    window.page.click("main button[type=submit]")
    window.page.wait_for_selector("text=文件超过 1 MiB 的上限。请拆成几个文件")
    assert look(window, "413") == []
    window.context.close()
    window = panel.visit(chromium, PHONE, "zh-CN", axe)
    window.open("/admin/")
    menu = window.page.locator(".panel__menu")
    assert not menu.is_visible()
    window.page.click(".panel__toggle")
    assert menu.is_visible()
    assert look(window, "menu") == []
    menu.locator("a[href='/admin/intake']").click()
    window.page.wait_for_url("**/admin/intake")
    assert window.complaints == []
    window.context.close()
    _without_javascript_the_menu_is_there(chromium, panel)


def _without_javascript_the_menu_is_there(chromium: Chromium, panel: Panel) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "carbon", "value": panel.cookie, "url": panel.address}])
    page = context.new_page()
    page.goto(f"{panel.address}/admin/intake/new")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.is_visible(".panel__menu")
    assert page.is_visible("#toml")
    context.close()
