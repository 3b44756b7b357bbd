"""A real Chromium on the real application, with the demonstration's records behind it."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from werkzeug.serving import make_server

from behaviors import demo
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.database import open_session
from tests.conftest import make_settings
from tests.copies import gather_sqlite

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
TABLET = {"width": 820, "height": 1180}
NARROW = {"width": 320, "height": 640}
# Each page is looked at in both languages and in both sizes; every width is tried in each.
WINDOWS = {"zh-1280": ("zh-CN", DESKTOP), "en-390": ("en-US", PHONE)}
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_numbers = count(13700000000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of the system, started once."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demonstration(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a database that holds the demonstration's records, to be copied."""
    folder = tmp_path_factory.mktemp("demonstration")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    settings = make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder)
    app = create_app(settings)
    load_demonstration(app.extensions["carbonaccount.engine"], settings)
    app.extensions["carbonaccount.engine"].dispose()
    gather_sqlite(folder / "site.sqlite3")
    return folder


@pytest.fixture(scope="module")
def site(demonstration: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running site; one for each file of tests, with records of its own."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(demonstration, folder, dirs_exist_ok=True)
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["carbonaccount.engine"].dispose()


def load_demonstration(engine: object, settings: Settings) -> None:
    """Load the two partners and their excerpts of published records."""
    demo.load_partners(
        lambda: open_session(engine),  # type: ignore[arg-type]
        rejected_folder=settings.instance_path / "rejected",
        clock=utc_now,
    )


@dataclass
class Visit:
    """A window of the browser, and everything in it that should not happen."""

    context: BrowserContext
    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, *, status: int = 200) -> None:
        """Open a page."""
        response = self.page.goto(self.site + path)
        assert response is not None
        assert response.status == status, path

    def sign_in(self, phone: str | None = None) -> None:
        """Register with the code that the demonstration shows."""
        self.open("/sign-in")
        self.page.fill("#phone", phone or str(next(_numbers)))
        self.page.check("#adult")
        self.page.check("#agree")
        self.page.click("main button[type=submit]")
        self.page.fill("#code", self.page.locator("[data-demo-code]").inner_text().strip())
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(self.site + "/")

    def overflow_px(self) -> int:
        """Return by how much the page is wider than its window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )


def watch(visit: Visit) -> None:
    """Note requests to other hosts, script errors, and refusals of the content policy."""

    def request(found: Request) -> None:
        if not found.url.startswith((visit.site, "data:", "blob:")):
            visit.complaints.append(f"asked another host: {found.url}")

    visit.page.on("request", request)
    visit.page.on("pageerror", lambda error: visit.complaints.append(f"script error: {error}"))
    visit.page.on(
        "console",
        lambda message: (
            visit.complaints.append(f"console: {message.text} at {visit.page.url}")
            # Chromium itself reports the status of pages that are meant to be refused.
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    """A phone-sized window in Chinese that must end without complaints."""
    with_window = new_visit(chromium, site, PHONE, "zh-CN")
    yield with_window
    with_window.context.close()
    assert with_window.complaints == []


def new_visit(chromium: Browser, site: str, size: dict[str, int], locale: str) -> Visit:
    """Open a window of a size and language."""
    context = chromium.new_context(
        viewport={"width": size["width"], "height": size["height"]}, locale=locale
    )
    context.set_default_timeout(15_000)
    visit = Visit(context, context.new_page(), site)
    watch(visit)
    return visit
