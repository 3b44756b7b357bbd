"""A coupon from the shelf to the settlement: two phones, a camera that sees the other one, staff.

The camera of the till's browser shows a picture of the coupon on the resident's phone.
"""

import io
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from playwright.sync_api import Browser, expect
from sqlmodel import col, select

from carbonaccount.accounts.models import Resident
from carbonaccount.accounts.roles import Role
from carbonaccount.app import create_app
from carbonaccount.clock import business_day, utc_now
from rewards.demo_merchants import OWNER_PHONES
from rewards.models import Coupon
from tests.browser.conftest import _ARGUMENTS, AXE, DESKTOP, PHONE, Visit, new_visit
from tests.browser.panel import MovedClock, Panel, moved_clock, running
from tests.browser.test_every_page import problems
from tests.conftest import make_settings
from tests.people import writing
from tests.rewards.redeeming.arranging import balances, broken, earn

pytestmark = pytest.mark.browser
__all__ = ["moved_clock"]

HOLDER_PHONE = "13700660001"
REWARD = "公交日票（示例）"
PRICE = 300
CAMERA_PX = (640, 480)


@dataclass
class Scene:
    """The resident's phone, the till's phone, and what the till's camera sees."""

    panel: Panel
    holder: Visit
    till: Visit
    film: Path

    def show_to_camera(self) -> None:
        """Put the resident's coupon in front of the till's camera."""
        picture = self.holder.page.locator("#coupon-code svg.qr").screenshot()
        seen = Image.new("L", CAMERA_PX, 140)
        code = Image.open(io.BytesIO(picture)).convert("L").resize((400, 400))
        seen.paste(code, (120, 40))
        # An uncompressed film of one grey picture, which Chromium shows again and again.
        width, height = CAMERA_PX
        colourless = bytes([128]) * (width * height // 4)
        frame = b"FRAME\n" + seen.tobytes() + colourless + colourless
        head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
        self.film.write_bytes(head + frame * 10)


@pytest.fixture
def panel(sqlite_template: Path, tmp_path: Path, moved_clock: type[MovedClock]) -> Iterator[Panel]:
    """The demonstration's rewards and merchants, and two members of staff."""
    shutil.copyfile(sqlite_template, tmp_path / "site.sqlite3")
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'site.sqlite3'}", tmp_path))
    with writing(app) as session:
        app.extensions["carbonaccount.load_demo_rewards"](session, now=utc_now())
        session.commit()
    with running(app) as site:
        site.employ("eddie", Role.REWARD_EDITOR)
        site.employ("april", Role.REWARD_APPROVER)
        yield site
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def till_browser(chromium: Browser, tmp_path: Path) -> Iterator[tuple[Browser, Path]]:
    """A second Chromium whose camera shows a film, and where the film is."""
    film = tmp_path / "camera.y4m"

    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
        args=[
            *_ARGUMENTS,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ],
    )

    yield browser, film
    browser.close()


@pytest.fixture
def scene(chromium: Browser, till_browser: tuple[Browser, Path], panel: Panel) -> Iterator[Scene]:
    """Both phones, signed in; the resident holds 1000 credits."""
    browser, film = till_browser
    holder = new_visit(chromium, panel.address, PHONE, "zh-CN")
    till = new_visit(browser, panel.address, PHONE, "zh-CN")
    for visit in (holder, till):
        visit.context.add_init_script(AXE.read_text("utf-8"))
    till.context.grant_permissions(["camera"])
    holder.sign_in(HOLDER_PHONE)
    sign_in_owner(till)
    with writing(panel.app) as session:
        earn(session, holder_id(panel), 1000, utc_now().year)
        session.commit()
    yield Scene(panel, holder, till, film)
    for visit in (holder, till):
        visit.context.close()
        assert visit.complaints == []


def sign_in_owner(till: Visit) -> None:
    """Sign in the owner of the library's desk, who is known and registers no more."""
    till.sign_in(OWNER_PHONES[1])


def holder_id(panel: Panel) -> int:
    """Return the account of the resident."""
    with writing(panel.app) as session:
        return session.exec(
            select(col(Resident.account_id)).where(col(Resident.phone_tail) == HOLDER_PHONE[-4:])
        ).one()


def redeem(holder: Visit) -> str:
    """Take the day ticket; returns the address of its coupon."""
    holder.open("/rewards")
    holder.page.get_by_role("link", name=REWARD).first.click()
    holder.page.locator("form[action$='/redeem'] button").click()
    holder.page.wait_for_url("**/coupons/*")
    expect(holder.page.locator("#coupon-code svg.qr")).to_be_visible()
    return holder.page.url.removeprefix(holder.site)


def credits_of(scene: Scene) -> dict[str, int]:
    """Return what the resident can spend, and what is set aside."""
    with writing(scene.panel.app) as session:
        return balances(session, holder_id(scene.panel))


def scan_and_confirm(scene: Scene) -> list[str]:
    """Scan the coupon, lose the network, confirm, and get it back; returns what axe found."""
    page, found = scene.till.page, []
    scene.till.open("/till")
    found += problems(scene.till, "/till")
    scene.show_to_camera()
    page.click("#till-start")
    expect(page.locator("[data-step=found]")).to_contain_text(REWARD, timeout=20_000)
    expect(page.locator("[data-step=found]")).to_contain_text(HOLDER_PHONE[-4:])
    assert HOLDER_PHONE not in page.content()
    found += problems(scene.till, "found")
    scene.till.context.set_offline(True)
    page.get_by_role("button", name="确认使用").click()
    expect(page.locator("#till-network")).to_contain_text("不会重复扣")
    assert credits_of(scene) == {"free": 1000 - 2 * PRICE, "held": 2 * PRICE}
    scene.till.context.set_offline(False)
    expect(page.locator("[data-step=done]")).to_contain_text("已使用", timeout=20_000)
    return found + problems(scene.till, "done")


def photograph(scene: Scene, coupon: str) -> None:
    """Let the till read a photo of another coupon, and leave it at that."""
    scene.holder.open(coupon)
    photo = scene.holder.page.locator("#coupon-code svg.qr").screenshot()
    scene.till.open("/till")
    page = scene.till.page
    blank = io.BytesIO()
    Image.new("RGB", CAMERA_PX, "white").save(blank, "PNG")
    for name, content in (("blank.png", blank.getvalue()), ("coupon.png", photo)):
        page.set_input_files(
            "#till-photo", {"name": name, "mimeType": "image/png", "buffer": content}
        )
        if name == "blank.png":
            expect(page.locator("#till-problem")).to_contain_text("没有找到二维码")
    expect(page.locator("[data-step=found]")).to_contain_text(REWARD)
    page.get_by_role("link", name="不用，返回").click()
    expect(page.locator("#till-scan")).to_be_visible()


def settle(scene: Scene, chromium: Browser) -> str:
    """Draft, check and approve the day's settlement with two people; returns its address."""
    with desk(scene, chromium, "eddie") as eddie:
        found = []
        for path in ("/admin/merchants", "/admin/merchants/new", "/admin/disputes?status=all"):
            eddie.open(path)
            found += problems(eddie, path)
        eddie.open("/admin/merchants")
        eddie.page.get_by_role("link", name="示例图书馆服务台").click()
        found += problems(eddie, "merchant")
        eddie.page.get_by_role("link", name="起草结算单").click()
        found += problems(eddie, "/admin/settlements/new")
        eddie.page.get_by_role("button", name="起草").first.click()
        eddie.page.get_by_role("button", name="提交批准").click()
        expect(eddie.page.locator("main")).to_contain_text("须由另一位同事核对和批准")
        found += problems(eddie, "settlement")
        address = eddie.page.url.removeprefix(eddie.site)
        eddie.open("/admin/settlements")
        assert found + problems(eddie, "/admin/settlements") == []
    with desk(scene, chromium, "april") as april:
        april.open(address)
        april.page.get_by_role("button", name="无误").click()
        april.page.get_by_role("button", name="批准", exact=True).click()
        expect(april.page.locator("main")).to_contain_text("已批准，待付款")
        expect(april.page.locator("main")).to_contain_text("与账本一致")
        compare_papers(april, address)
    return address


@contextmanager
def desk(scene: Scene, chromium: Browser, login: str) -> Iterator[Visit]:
    """Open a window in which a member of staff is signed in; it ends without complaints."""
    visit = new_visit(chromium, scene.panel.address, DESKTOP, "zh-CN")
    visit.context.add_init_script(AXE.read_text("utf-8"))
    scene.panel.sign_in(visit, login)
    yield visit
    visit.context.close()
    assert visit.complaints == []


def compare_papers(april: Visit, address: str) -> None:
    """Find the page's totals in the workbook and in the PDF: one ticket, 300 credits, 5 yuan."""
    page = april.page
    shown = [
        page.locator(f"[data-total={name}]").inner_text() for name in ("coupons", "credits", "owed")
    ]
    assert shown == ["1", "300", "5.00"]
    request = april.context.request
    workbook = request.get(f"{april.site}{address}/statement.xlsx").body()
    sums = {row[0].value: row[1].value for row in load_workbook(io.BytesIO(workbook))["合计"]}
    assert (sums["券数"], sums["积分"], sums["应付（元）"]) == (1, 300, 5)
    paper = request.get(f"{april.site}{address}/statement.pdf").body()
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=paper, capture_output=True, check=True
    )
    words = read.stdout.decode().split()
    names = ("券数", "积分", "应付（元）")
    assert [words[words.index(name) + 1] for name in names] == shown


def test_from_the_shelf_to_the_settlement(
    scene: Scene, chromium: Browser, moved_clock: type[MovedClock]
) -> None:
    spare, shown = redeem(scene.holder), redeem(scene.holder)
    assert spare != shown
    assert credits_of(scene) == {"free": 1000 - 2 * PRICE, "held": 2 * PRICE}
    found = scan_and_confirm(scene)
    # The resident's phone says so by itself.
    expect(scene.holder.page.locator("main")).to_contain_text("已使用", timeout=20_000)
    found += problems(scene.holder, "used coupon")
    scene.till.page.get_by_role("link", name="今天").click()
    expect(scene.till.page.locator("main")).to_contain_text(REWARD)
    found += problems(scene.till, "/till/today")
    scene.till.open("/till/shop")
    found += problems(scene.till, "/till/shop")
    scene.holder.open("/till")
    found += problems(scene.holder, "/till/join")
    assert found == []
    photograph(scene, spare)
    scene.holder.open(f"{spare}/cancel")
    scene.holder.page.locator("main form button").click()
    expect(scene.holder.page.locator("main")).to_contain_text("300 积分已退回")
    assert credits_of(scene) == {"free": 1000 - PRICE, "held": 0}
    with writing(scene.panel.app) as session:
        uses = session.exec(select(col(Coupon.uses)).order_by(col(Coupon.id))).all()
        assert list(uses) == [0, 1]
        today = business_day(utc_now())
    moved_clock.ahead = timedelta(days=1)
    assert business_day(utc_now()) > today
    address = settle(scene, chromium)
    # The owner signs in again the next day and reads the same statement.
    sign_in_owner(scene.till)
    scene.till.open("/till/shop")
    scene.till.page.locator("a[href*='/till/statements/']").click()
    expect(scene.till.page.locator("main")).to_contain_text(address.rsplit("/", 1)[1])
    assert problems(scene.till, "statement") == []
    with writing(scene.panel.app) as session:
        assert broken(session) == {}
