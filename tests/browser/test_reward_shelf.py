"""A reward comes on the shelf by two people, and a resident finds, keeps and takes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from rewards import demo
from tests.browser.conftest import AXE, DESKTOP, PHONE, Visit, new_visit
from tests.browser.panel import Panel, running
from tests.browser.test_every_page import problems
from tests.conftest import make_settings
from tests.people import writing
from tests.rewards.catalogue.test_content import photo
from tests.rewards.fund import arranged

pytestmark = pytest.mark.browser
CREDITS = 1000


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path) -> Iterator[Panel]:
    """A site with the demonstration's rewards, an editor and an approver."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path))
    with writing(app) as session:
        assert demo.load(session, now=utc_now()) == len(demo.OFFERS)
        assert demo.load(session, now=utc_now()) == 0
        session.commit()
    with running(app) as site:
        site.employ("erin", Role.REWARD_EDITOR)
        site.employ("anna", Role.REWARD_APPROVER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def windows(chromium: Browser, panel: Panel) -> Iterator[tuple[Visit, Visit, Visit]]:
    """A resident's phone, the editor's and the approver's desks; all end without complaints."""
    sizes = (PHONE, DESKTOP, DESKTOP)
    found = [new_visit(chromium, panel.address, size, "zh-CN") for size in sizes]
    for visit in found:
        visit.context.add_init_script(AXE.read_text("utf-8"))
    resident, erin, anna = found
    yield resident, erin, anna
    for visit in found:
        visit.context.close()
        assert visit.complaints == []


def give_credits(session: Session) -> None:
    """Give the resident who came last credits of this year."""
    account = session.exec(
        select(Account)
        .where(col(Account.kind) == AccountKind.PERSON)
        .order_by(col(Account.id).desc())
    ).first()
    assert account is not None
    arranged.give(session, account.stored_id, utc_now().year, CREDITS)


def draft_book_swap(erin: Visit) -> list[str]:
    """Draft a reward with a picture, deliver ten and submit it; returns what axe found."""
    page = erin.page
    erin.open("/admin/rewards")
    found = problems(erin, "list")
    page.get_by_role("link", name="新增项目").click()
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_text("请改一下再提交")).to_be_visible()
    found += problems(erin, "form with errors")
    page.get_by_label("中文名称").fill("旧书换新书")
    page.get_by_label("英文名称").fill("Books for books")
    page.get_by_label("介绍（中文）").fill("带三本旧书来换一本。")
    page.get_by_label("介绍（英文）").fill("Bring three, take one.")
    page.get_by_label("价格（积分）").fill("200")
    page.get_by_label("每份的成本（元）").fill("3.50")
    page.get_by_label("从哪天起可兑").fill("2026-01-01")
    page.get_by_label("可兑到哪天（含）").fill("2036-12-31")
    page.get_by_label("示例图书馆服务台").check()
    page.set_input_files("#picture", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_role("heading", name="旧书换新书").first).to_be_visible()
    page.get_by_label("增加或减少几份").fill("10")
    page.locator("#stock-reason").fill("第一批")
    page.get_by_role("button", name="记下变动").click()
    expect(page.get_by_text("库存已更新。")).to_be_visible()
    found += problems(erin, "draft")
    page.locator("#reason-submit_reward").fill("可以上架")
    page.get_by_role("button", name="提交发布").click()
    expect(page.get_by_text("等待另一位同事发布").first).to_be_visible()
    return found


def tell_age(page: Page) -> None:
    """Tell a month of birth where a reward asks for one."""
    page.get_by_role("link", name="填写出生年月").click()
    page.get_by_label("出生年", exact=True).select_option("1990")
    page.get_by_label("出生月", exact=True).select_option("5")
    page.get_by_role("button", name="保存").click()


def test_from_draft_to_coupon(panel: Panel, windows: tuple[Visit, Visit, Visit]) -> None:
    resident, erin, anna = windows
    panel.sign_in(erin, "erin")
    panel.sign_in(anna, "anna")
    found = draft_book_swap(erin)

    anna.open("/admin/rewards?status=in_review")
    anna.page.get_by_role("link", name="旧书换新书").click()
    anna.page.locator("#reason-publish_reward").fill("同意")
    anna.page.get_by_role("button", name="发布", exact=True).click()
    expect(anna.page.get_by_text("居民现在可以兑换")).to_be_visible()
    found += problems(anna, "published")

    page = resident.page
    resident.open("/rewards")
    expect(page.get_by_role("link", name="旧书换新书")).to_be_visible()
    found += problems(resident, "a stranger's shelf")
    resident.sign_in()
    with writing(panel.app) as session:
        give_credits(session)
        session.commit()
    resident.open("/")
    page.get_by_role("link", name="去兑换").click()
    expect(page.locator("main")).to_contain_text("现在就能兑 4 项")
    found += problems(resident, "shelf")
    # The heart does its work without a new page.
    heart = page.get_by_role("button", name="收藏：旧书换新书")
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="我的收藏").click()
    expect(page.locator(".reward")).to_have_count(1)
    assert page.locator(".cover img").evaluate("image => image.naturalWidth") > 0
    found += problems(resident, "favourites")
    resident.open("/rewards?q=游泳馆")
    page.get_by_role("link", name="游泳馆季卡").click()
    tell_age(page)
    # Back at the reward; the age is no question any more, the credits are.
    expect(page.locator("main")).to_contain_text("还差 1,000 积分")
    found += problems(resident, "a reward too dear")
    resident.open("/guardian")
    found += problems(resident, "guardian")

    resident.open("/rewards?q=旧书")
    page.get_by_role("link", name="旧书换新书").click()
    found += problems(resident, "reward")
    page.get_by_role("button", name="用 200 积分兑换").click()
    page.wait_for_url("**/coupons/*")
    resident.open("/rewards")
    expect(page.locator(".purse")).to_contain_text("800")
    expect(page.locator(".reward", has_text="旧书换新书")).to_contain_text("只剩 9 份")
    page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
    found += problems(resident, "shelf, wide")
    assert found == []
