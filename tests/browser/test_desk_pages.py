"""The desks in Chromium: axe on every page, empty, full and with an error; reviewing by keys."""

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from behaviors import reviews
from behaviors.models import ActivityRecord, Channel, IntakeBatch
from behaviors.sources import add_source
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import find_staff, staff_actor
from carbonaccount.app import create_app
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.admin.desk import newest_person, photo_report
from tests.browser.conftest import DESKTOP, Visit, new_visit
from tests.browser.test_every_page import axe as axe
from tests.browser.test_every_page import language as language
from tests.browser.test_every_page import pair as pair
from tests.browser.test_every_page import problems
from tests.browser.test_every_page import size as size
from tests.conftest import make_settings
from tests.people import DANA_PASSWORD, add_dana, writing
from tests.people import Browser as Person

pytestmark = pytest.mark.browser

RESIDENT = "13612345678"
PAGES: dict[Role, tuple[str, ...]] = {
    Role.REVIEWER: ("/admin/reviews", "/admin/reviews?state=declined", "/admin/appeals"),
    Role.OPERATOR: ("/admin/people", "/admin/people?tail=0000"),
    Role.SECURITY_ADMIN: ("/admin/staff", "/admin/staff/rita", "/admin/staff/new", "/admin/audit"),
    Role.SYSTEM_ADMIN: (
        "/admin/sources",
        "/admin/sources/bikes",
        "/admin/sources/bikes/edit",
        "/admin/sources/new",
        "/admin/jobs",
    ),
}
LOGINS = {
    Role.REVIEWER: "rita",
    Role.OPERATOR: "olga",
    Role.SECURITY_ADMIN: "sam",
    Role.SYSTEM_ADMIN: "sys",
}


class Desk:
    """A running site with staff, and the codes of their apps."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.url = app, url
        self.totps: dict[Role, pyotp.TOTP] = {
            role: add_dana(app, role, login=login) for role, login in LOGINS.items()
        }

    def sign_in(self, visit: Visit, role: Role) -> None:
        """Sign a member of staff in; a code is good once, so the step of the last one is reset."""
        visit.open("/staff/sign-in")
        visit.page.fill("#login", LOGINS[role])
        visit.page.fill("#password", DANA_PASSWORD)
        visit.page.fill("#totp", self.totps[role].now())
        visit.page.click("main button[type=submit]")
        visit.page.wait_for_url(lambda url: "sign-in" not in url)
        if visit.page.evaluate("navigator.language").startswith("en"):
            visit.open("/admin/")
            visit.page.evaluate("document.querySelector('.language button[lang=en]')?.click()")
            visit.page.wait_for_selector("html[lang=en]")

    def forget_codes(self) -> None:
        """Let the codes of this half minute be used again, for another window."""
        with writing(self.app) as session:
            session.connection().exec_driver_sql("UPDATE staff SET totp_last_step = 0")
            session.connection().exec_driver_sql("DELETE FROM rate_count")
            session.commit()


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A site with photos in every state, an appeal, a source with batches, and staff."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copyfile(sqlite_template, folder / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{folder / 'site.sqlite3'}", folder))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    found = Desk(app, f"http://127.0.0.1:{server.server_port}")
    fill(app)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["carbonaccount.engine"].dispose()


def fill(app: Flask) -> None:
    """Write down a source with batches, and reports with photos, two of which are the same."""
    now = utc_now()
    with writing(app) as session:
        source = add_source(
            session,
            code="bikes",
            name_zh="济宁公共自行车",
            name_en="Jining Bikes",
            behaviors=["bike_ride", "ebike_ride"],
            acting_user=SYSTEM,
            now=now,
        )
        for day in range(12):
            session.add(
                IntakeBatch(
                    source_id=source.stored_id,
                    channel=Channel.API.value,
                    received_at=now - timedelta(days=day),
                    accepted=1200 + day,
                    duplicate=day,
                    rejected=3 * day,
                    reasons={"too_old": 2 * day, "unknown_subject": day},
                )
            )
        session.commit()
    for seed in (1, 2, 3, 3, 4, 5):
        photo_report(app, seed, km=str(4 * seed), at=now - timedelta(hours=seed))


@pytest.mark.parametrize("role", list(PAGES), ids=str)
def test_pages_of_the_desks(
    chromium: Browser, desk: Desk, axe: str, language: str, role: Role, size: dict[str, int]
) -> None:
    visit = new_visit(chromium, desk.url, size, language)
    visit.context.add_init_script(axe)
    desk.forget_codes()
    desk.sign_in(visit, role)
    found = []
    for path in PAGES[role]:
        visit.open(path)
        found += problems(visit, path)
    if role is Role.REVIEWER:
        for record_id in (1, 3):
            visit.open(f"/admin/reviews/{record_id}")
            found += problems(visit, "one photo")
    if role is Role.OPERATOR:
        Person(desk.app).sign_in(RESIDENT)
        visit.open("/admin/people")
        visit.page.fill("#phone", "123")
        visit.page.click("main form:has(#phone) button")
        found += problems(visit, "a number that is none")
        visit.page.fill("#phone", RESIDENT)
        visit.page.click("main form:has(#phone) button")
        found += problems(visit, "a resident")
    visit.context.close()
    assert found + visit.complaints == []


def test_reviewing_by_keys(chromium: Browser, desk: Desk) -> None:
    now = utc_now()
    ids = [
        photo_report(desk.app, 20 + n, at=now - timedelta(days=9, hours=9 - n)) for n in range(4)
    ]
    visit = new_visit(chromium, desk.url, DESKTOP, "zh-CN")
    desk.forget_codes()
    desk.sign_in(visit, Role.REVIEWER)
    page = visit.page
    visit.open(f"/admin/reviews/{ids[0]}")
    page.keyboard.press("j")
    page.wait_for_url(f"**/reviews/{ids[1]}")
    page.keyboard.press("k")
    page.wait_for_url(f"**/reviews/{ids[0]}")
    page.keyboard.press("a")
    page.wait_for_url(f"**/reviews/{ids[1]}")
    assert status(desk, ids[0]) == "c"
    # A digit alone does nothing; after d it chooses the reason.
    page.keyboard.press("2")
    page.keyboard.press("d")
    page.keyboard.press("2")
    page.wait_for_url(f"**/reviews/{ids[2]}")
    assert status(desk, ids[1]) == "d"
    # "Other" wants a note; what is typed there is text and no command.
    page.keyboard.press("d")
    page.keyboard.press("6")
    page.keyboard.type("ajkd")
    assert page.input_value("#note") == "ajkd"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/reviews/{ids[3]}")
    assert status(desk, ids[2]) == "d"
    page.uncheck("#keys")
    page.keyboard.press("a")
    visit.open(f"/admin/reviews/{ids[3]}")
    assert not page.is_checked("#keys")
    assert status(desk, ids[3]) == "h"
    visit.context.close()
    assert visit.complaints == []


def status(desk: Desk, record_id: int) -> str:
    with writing(desk.app) as session:
        return session.get_one(ActivityRecord, record_id).status


def test_reviewing_without_javascript(chromium: Browser, desk: Desk) -> None:
    record_id = photo_report(desk.app, 40, at=utc_now() - timedelta(days=12))
    context = chromium.new_context(java_script_enabled=False, locale="zh-CN")
    visit = Visit(context, context.new_page(), desk.url)
    desk.forget_codes()
    desk.sign_in(visit, Role.REVIEWER)
    visit.open(f"/admin/reviews/{record_id}")
    visit.page.check("#reason-seen_before")
    visit.page.click(".review__decline button")
    visit.page.wait_for_url("**/admin/reviews/**")
    assert status(desk, record_id) == "d"
    context.close()


def test_appeals_and_messages_of_residents(
    chromium: Browser, desk: Desk, axe: str, language: str, size: dict[str, int]
) -> None:
    visit = new_visit(chromium, desk.url, size, language)
    visit.context.add_init_script(axe)
    visit.sign_in()
    found = []
    for path in ("/messages", "/appeals", "/appeals/outcomes"):
        visit.open(path)
        found += problems(visit, f"{path}, empty")
    with writing(desk.app) as session:
        account_id = newest_person(session).stored_id
    record_id = photo_report(desk.app, 50, account_id=account_id)
    visit.open(f"/records/{record_id}/appeal")
    found += problems(visit, "the form")
    visit.page.fill("#text", "短")
    visit.page.click("main form button")
    visit.page.wait_for_selector(".field__error")
    found += problems(visit, "the form with an error")
    visit.page.fill("#text", "照片就是当天的车票，日期看得清。")
    visit.page.click("main form button")
    visit.page.wait_for_url("**/appeals")
    found += problems(visit, "/appeals")
    _decide(desk, record_id)
    visit.open("/messages")
    assert visit.page.inner_text("#unread").strip().endswith("1")
    found += problems(visit, "/messages")
    # The page marks itself as read a moment after it was shown.
    visit.page.wait_for_selector("#unread", state="detached")
    found += problems(visit, "/messages, read")
    visit.open(f"/records/{record_id}")
    found += problems(visit, "the receipt")
    visit.context.close()
    assert found + visit.complaints == []


def _decide(desk: Desk, record_id: int) -> None:
    with writing(desk.app) as session:
        rita = staff_actor(find_staff(session, login="rita"))
        reviews.decline(
            session,
            record_id=record_id,
            reason_code="unreadable",
            note="",
            acting_user=rita,
            now=utc_now(),
        )
        session.commit()
