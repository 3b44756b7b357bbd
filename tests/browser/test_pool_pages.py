"""Pools by hand: drafted and handed over by two officers, joined and left on a phone."""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import Session, col, select

from behaviors.control_totals import check_day
from carbonaccount import scheduler
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import pool_gathering
from carbonaccount.job_process import LEADER
from carbonaccount.lease import Lease
from tests.behaviors.intake.arranging import bring, item
from tests.behaviors.totals.arranging import know
from tests.browser.conftest import AXE, WINDOWS, Visit, new_visit
from tests.browser.panel import Panel, running
from tests.browser.test_every_page import problems
from tests.carbonaccount.institutions.offsets.arranging import school
from tests.carbonaccount.institutions.pools.arranging import (
    APRIL,
    NOW,
    join,
    officers,
    opened,
    riders,
)
from tests.conftest import make_settings
from tests.people import writing

pytestmark = pytest.mark.browser

ALICE = "13700880001"
UNTIL = date(2099, 12, 31)


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path) -> Iterator[Panel]:
    """Twelve residents with rides of March, a pool that was handed over, and one that is open."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    settings = make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path)
    app = create_app(settings)
    with running(app) as site:
        site.employ("ines", Role.INSTITUTION_OFFICER)
        site.employ("sina", Role.SYSTEM_ADMIN)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


def arranged(panel: Panel) -> tuple[str, str]:
    """Sell a pool in which the newest resident takes part, open another; returns their ids."""
    with writing(panel.app) as session:
        staff = officers(panel.app, session)
        source, people = riders(session, 12)
        alice = newest(session)
        know(session, source, "alice", alice)
        bring(session, source, *(item(n, occurred_at=f"2026-03-0{n}T09:00+08:00") for n in (1, 2)),
              now=APRIL)  # fmt: skip
        place = school(session)
        sold = opened(session, staff, buyer=place.public_id, buyer_name=("", ""), joins_until=UNTIL)
        for account_id in (*people, alice.stored_id):
            join(session, sold, account_id)
        for step in (pool_gathering.close, pool_gathering.sell):
            step(session, public_id=sold.public_id, acting_user=staff[1], now=NOW)
        again = opened(session, staff, joins_until=UNTIL, first_day=date(2026, 4, 1),
                       last_day=date(2026, 4, 9))  # fmt: skip
        check_day(session, day=business_day(APRIL), now=utc_now())
        session.commit()
        return sold.public_id, again.public_id


def newest(session: Session) -> Account:
    """Return the account that signed in on the pages, before the riders had theirs."""
    return session.exec(
        select(Account).where(col(Account.kind) == AccountKind.PERSON).order_by(col(Account.id))
    ).all()[0]


def lead(panel: Panel) -> Lease:
    """Lead the scheduler as another process would, with a job done, one failed, one tried out."""
    engine = panel.app.extensions["carbonaccount.engine"]
    settings = panel.app.extensions["carbonaccount.settings"]
    folder = settings.instance_path / "locks"
    lease = Lease(engine, name=LEADER, folder=folder, lease_s=600)
    lease.hold()
    day, now = business_day(utc_now()), utc_now()
    with panel.app.app_context():
        scheduler.attempt(engine, name="cleanup", period=day, now=now)
        scheduler.try_out(engine, name="verify-books", period=day, now=now)
    return lease


def seen(visit: Visit, path: str) -> list[str]:
    """Open a page; return what is wrong with it. With SHOTS=folder a picture is kept."""
    visit.open(path)
    folder, size = os.environ.get("SHOTS"), visit.page.viewport_size
    if folder and size:
        name = f"{path.strip('/').replace('/', '-').split('?')[0]}-{size['width']}.png"
        visit.page.screenshot(path=f"{folder}/{name}", full_page=True)
    return problems(visit, path)


@pytest.mark.parametrize(("locale", "size"), list(WINDOWS.values()), ids=list(WINDOWS))
def test_every_page_of_pools_and_of_the_scheduler(
    chromium: Browser, panel: Panel, locale: str, size: dict[str, int]
) -> None:
    resident = new_visit(chromium, panel.address, size, locale)
    resident.context.add_init_script(AXE.read_text("utf-8"))
    resident.sign_in(ALICE)
    found = seen(resident, "/me/pools")
    sold, again = arranged(panel)
    lease = lead(panel)
    found += seen(resident, "/me/pools")
    page = resident.page
    page.click(f"form[action$='/{again}/join'] button")
    # The browser itself asks for the tick; without it the server does.
    assert not page.is_checked(f"form[action$='/{again}/join'] input[type=checkbox]")
    page.check(f"form[action$='/{again}/join'] input[type=checkbox]")
    page.click(f"form[action$='/{again}/join'] button")
    expect(page.locator(f"form[action$='/{again}/leave']")).to_be_visible()
    found += problems(resident, "after joining")
    page.click(f"form[action$='/{again}/leave'] button")
    expect(page.locator(f"form[action$='/{again}/join']")).to_be_visible()
    officer = panel.visit(chromium, "ines", size, locale)
    officer.context.add_init_script(AXE.read_text("utf-8"))
    for path in ("", "/new", f"/{sold}", f"/{again}", "?status=draft"):
        found += seen(officer, f"/admin/pools{path}")
    system = panel.visit(chromium, "sina", size, locale)
    system.context.add_init_script(AXE.read_text("utf-8"))
    for path in ("/admin/jobs", "/admin/control-totals", "/admin/control-totals?state=differs"):
        found += seen(system, path)
    lease.give_up()
    assert found == []
    for visit in (resident, officer, system):
        visit.context.close()
        assert visit.complaints == []
