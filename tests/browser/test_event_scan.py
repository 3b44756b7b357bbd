"""A participant's phone from the poster's QR code to the answer; organisers' pages looked at."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
import zxingcpp
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, expect
from sqlmodel import col, select

from carbonaccount.app import create_app
from carbonaccount.institutions.event_models import EventAnswer
from tests.browser.conftest import AXE, DESKTOP, PHONE, Visit, new_visit
from tests.browser.panel import MovedClock, Panel, moved_clock, running
from tests.browser.test_every_page import problems
from tests.carbonaccount.institutions.events.pages import (
    HERE,
    Scene,
    arranged_scene,
    give_lot,
    make,
    plan,
)
from tests.conftest import make_settings
from tests.people import COOKIE, writing

pytestmark = pytest.mark.browser
__all__ = ["moved_clock"]

# The promise is a minute; a person thinks longer than the machine, so the machine gets little.
MOST_SECONDS = 15


@pytest.fixture
def app(sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of its own."""
    (tmp_path / "site.sqlite3").write_bytes(sqlite_template.read_bytes())
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path))
    yield app
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def panel(app: Flask, moved_clock: type[MovedClock]) -> Iterator[Panel]:
    """The running site, whose clock can be moved."""
    with running(app) as site:
        yield site


@pytest.fixture
def scene(app: Flask) -> Scene:
    """An institution whose event runs today."""
    found = arranged_scene(app)
    make(found)
    plan(found)
    return found


def organiser(chromium: Browser, panel: Panel, scene: Scene, locale: str, desktop: bool) -> Visit:
    """Open a window in which the owner is signed in."""
    visit = new_visit(chromium, panel.address, DESKTOP if desktop else PHONE, locale)
    visit.context.add_init_script(AXE.read_text("utf-8"))
    visit.context.add_cookies(
        [{"name": COOKIE, "value": scene.place.owner.cookie, "url": panel.address}]
    )
    return visit


def stored(app: Flask) -> list[tuple[str, str, int]]:
    """Return what participants said."""
    with writing(app) as session:
        rows = session.exec(select(EventAnswer).order_by(col(EventAnswer.id)))
        return [(row.origin, row.mode, row.nights) for row in rows]


def test_from_the_poster_to_the_answer(
    chromium: Browser, panel: Panel, scene: Scene, app: Flask
) -> None:
    staff = organiser(chromium, panel, scene, "zh-CN", desktop=True)
    staff.open(f"{scene.address}/poster")
    seen = Image.open(io.BytesIO(staff.page.locator("svg.qr").screenshot()))
    (code,) = zxingcpp.read_barcodes(seen)

    phone = new_visit(chromium, panel.address, PHONE, "zh-CN")
    phone.context.add_init_script(AXE.read_text("utf-8"))
    page = phone.page
    begun = monotonic()
    page.goto(code.text)
    page.get_by_label("任城区").check()
    page.get_by_label("公交、大巴").check()
    page.get_by_role("button", name="填好了").click()
    expect(page.locator("#thanks")).to_contain_text("谢谢，记下了")
    assert monotonic() - begun < MOST_SECONDS
    assert stored(app) == [(HERE, "bus", 0)]

    # Corrected on the same phone, which is counted once; what cannot be is not offered.
    found = problems(phone, "thanks")
    page.get_by_text("填错了，改一下").click()
    expect(page.get_by_label("飞机")).to_be_hidden()
    page.get_by_label("外省，500–1000 公里").check()
    expect(page.get_by_label("步行")).to_be_hidden()
    page.get_by_label("飞机").check()
    page.get_by_role("button", name="多一晚").click()
    page.get_by_role("button", name="多一晚").click()
    found += problems(phone, "correcting")
    page.get_by_role("button", name="保存修改").click()
    expect(page.locator("#thanks")).to_contain_text("飞机")
    assert stored(app) == [("band_1000", "plane", 2)]

    page.get_by_role("button", name="撤回我填的").click()
    expect(page.get_by_text("已撤回，您填的内容已删除。")).to_be_visible()
    assert stored(app) == []
    found += problems(phone, "questions")

    # English, without JavaScript, in another browser: another answer.
    plain = chromium.new_context(
        java_script_enabled=False, locale="en-US", viewport={"width": 320, "height": 640}
    )
    sheet = plain.new_page()
    sheet.goto(code.text)
    sheet.locator("input[value=province]").check()
    sheet.locator("input[value=train]").check()
    sheet.fill("#nights", "1")
    sheet.locator("form.scan button[type=submit]").click()
    expect(sheet.locator("#thanks")).to_be_visible()
    plain.close()
    assert stored(app) == [("province", "train", 1)]

    # After the last day nobody can answer any more, the page says so.
    MovedClock.ahead = timedelta(days=2)
    page.goto(code.text)
    expect(page.locator("main")).to_contain_text("填写已结束")
    found += problems(phone, "closed")
    assert found == []
    for visit in (staff, phone):
        visit.context.close()
        assert visit.complaints == []


@pytest.mark.parametrize(("locale", "desktop"), [("zh-CN", True), ("en-US", False)])
def test_the_pages_of_an_event(
    chromium: Browser, panel: Panel, scene: Scene, app: Flask, locale: str, desktop: bool
) -> None:
    visit = organiser(chromium, panel, scene, locale, desktop)
    clerk, pages = scene.place.clerk, ("", "/plan", "/people", "/poster", "/account", "/offset")
    found: list[str] = []

    def look(*paths: str) -> None:
        for path in paths:
            visit.open(path)
            visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            found.extend(problems(visit, path))

    look(f"{scene.place.address}/events", f"{scene.place.address}/events/new", "/e")
    look(*(scene.address + page for page in pages), f"/events/{scene.event_id}")
    scene.do(clerk, "people/groups", origin=HERE, mode="car", nights="1", people="12")
    scene.do(clerk, "account/lines", item="power", amount="100", green="10")
    scene.do(clerk, "end")
    scene.do(clerk, "people/count", head_count="20")
    look(*(scene.address + page for page in ("", "/plan", "/people", "/account")))
    scene.do(clerk, "account/close", **{"kind-meals": "not_estimated", "why-meals": "自带茶点"})
    with writing(app) as session:
        give_lot(session, app, scene.place, 3)
        session.commit()
    look(f"{scene.address}/offset", scene.address)
    owner = scene.place.owner
    assert scene.do(owner, "offset").status_code == 303
    look(f"{scene.address}/offset")
    assert scene.do(owner, "publish").status_code == 303
    visit.open(f"{scene.address}/certificate")
    found += problems(visit, "certificate")
    number = visit.page.url.rsplit("/", 1)[1]
    look(f"/events/{scene.event_id}", f"/events/check/{number}", "/events/check")
    assert found == []
    visit.context.close()
    assert visit.complaints == []
