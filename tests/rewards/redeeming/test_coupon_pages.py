"""A resident takes a reward on its page, shows the coupon, cancels it; every state has its page."""

import html
import re
from datetime import timedelta

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day, utc_now
from carbonaccount.crypto import Vault
from rewards import coupon_codes, redeeming
from rewards.merchant_models import Merchant
from rewards.models import Coupon
from tests.people import BOB, Browser, csrf_token
from tests.rewards.redeeming.arranging import (
    balances,
    broken,
    earn,
    open_people,
    open_shop,
    redeem,
    use,
)
from tests.rewards.redeeming.test_codes import decoded

_COUPON = re.compile(r"/coupons/([0-9A-Z]{14})$")


def sign_in(app: Flask, session: Session, credits: int = 1000) -> tuple[Browser, int]:
    """Return a browser of a new resident with credits, and the account."""
    # A session that writes would let the browser wait.
    session.commit()
    browser = Browser(app)
    browser.sign_in()
    account = session.exec(
        select(Account).where(Account.kind == AccountKind.PERSON).order_by(col(Account.id).desc())
    ).first()
    assert account is not None
    if credits:
        earn(session, account.stored_id, credits, utc_now().year)
    session.commit()
    return browser, account.stored_id


def test_a_reward_is_taken_shown_and_cancelled(app: Flask, session: Session) -> None:
    shop = open_shop(session, since=utc_now())
    browser, alice = sign_in(app, session, 150)
    path = f"/rewards/{shop.reward_public_id}"
    page = browser.get(path)
    form = dict(re.findall(r'name="(form_token|price)" value="([^"]+)"', page.text))
    assert form["price"] == "100"
    token = csrf_token(page)
    # A form whose price cannot be read buys nothing, at whatever price.
    for price in ("abc", "-100", ""):
        odd = browser.post_with(token, f"{path}/redeem", {**form, "price": price})
        assert odd.location == path
    assert "这张表单不完整" in browser.get(path).text
    answers = [browser.post_with(token, f"{path}/redeem", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    found = _COUPON.search(answers[0].location)
    assert found
    assert balances(session, alice) == {"free": 50, "held": 100}
    session.rollback()
    shown = browser.get(answers[0].location)
    vault: Vault = app.extensions["carbonaccount.vault"]
    picture = re.search(r'<svg class="qr".*?</svg>', shown.text)
    assert picture
    text = decoded(picture[0])
    coupon = coupon_codes.read_code(session, text=text, vault=vault, now=utc_now())
    assert coupon.public_id == found[1]
    # What is read now would hold the database against the browser.
    session.rollback()
    assert 'aria-label="“修车一次”的券码' in shown.text
    assert re.search(r"刷新于 \d\d:\d\d:\d\d", shown.text)
    assert "coupon-page--large" in browser.get(f"{answers[0].location}?large=1").text
    # A page that shows the present code is told nothing, another one gets the new code.
    address = re.search(r'hx-get="([^"]+)"', shown.text)
    assert address
    part = html.unescape(address[1])
    assert browser.get(part).status_code in (204, 200)
    assert "<svg" in browser.get(part.split("?")[0]).text
    broke = browser.post_with(token, f"{path}/redeem", {**form, "form_token": "another-press"})
    assert "您的积分不够：需要 100，可用 50" in browser.get(broke.location).text
    cancelling = f"{answers[0].location}/cancel"
    assert "取消这张券？" in browser.get(cancelling).text
    after = browser.post(cancelling, {})
    assert "已取消，100 积分已退回。" in browser.get(after.location).text
    assert browser.get(cancelling).status_code == 303
    again = browser.post_with(token, cancelling, {})
    assert "这张券已被持有人取消。" in browser.get(again.location).text
    assert browser.get(part).headers["HX-Refresh"] == "true"
    session.rollback()
    assert balances(session, alice) == {"free": 150, "held": 0}
    assert broken(session) == {}


def test_digits_are_made_and_extended_on_the_page(app: Flask, session: Session) -> None:
    shop = open_shop(session, since=utc_now())
    browser, alice = sign_in(app, session)
    coupon = redeem(session, shop, alice, now=utc_now())
    session.commit()
    path = f"/coupons/{coupon.public_id}"
    vault: Vault = app.extensions["carbonaccount.vault"]
    made = browser.post(f"{path}/digits", {"action": "make"}, page=path)
    assert made.location == f"{path}#digits"
    page = browser.get(path).text
    digits = re.search(r'aria-hidden="true">(\d{4} \d{4})<', page)
    assert digits
    assert " ".join(digits[1].replace(" ", "")) in page, "read out one by one"
    read = coupon_codes.read_code(session, text=digits[1], vault=vault, now=utc_now())
    assert read.stored_id == coupon.stored_id
    session.rollback()
    token = csrf_token(browser.get(path))
    browser.post_with(token, f"{path}/digits?large=1", {"action": "extend"})
    page = browser.get(path).text
    assert digits[1] in page
    assert "已延长过" in page
    again = browser.post_with(token, f"{path}/digits", {"action": "extend"})
    assert "数字码只能延长一次" in browser.get(again.location).text


def test_every_state_has_its_page_and_nobody_elses_is_shown(app: Flask, session: Session) -> None:
    shop = open_shop(session, since=utc_now())
    (clerk,) = open_people(session, 1, credits=0)
    browser, alice = sign_in(app, session)
    now = utc_now()
    taken = {
        key: redeem(session, shop, alice, key, now=now) for key in ("open", "used", "gone", "over")
    }
    use(session, shop, taken["used"], clerk, now=now)
    redeeming.cancel(
        session,
        coupon_id=taken["gone"].stored_id,
        account_id=alice,
        acting_user=SYSTEM,
        now=now,
    )
    taken["over"].expires_on = business_day(now) - timedelta(days=1)
    abandoned = open_shop(session, since=now, refund_when_expired=False)
    lost, late = (redeem(session, abandoned, alice, key, now=now) for key in ("lost", "late"))
    session.get_one(Merchant, abandoned.merchant_id).active = False
    late.expires_on = business_day(now) - timedelta(days=1)
    session.commit()
    # A coupon that no merchant takes any more costs nothing, whatever its reward says.
    assert "现在没有商户收这张券" in browser.get(f"/coupons/{lost.public_id}").text
    assert "已过期，100 积分会退回。" in browser.get(f"/coupons/{late.public_id}").text
    pages = {key: browser.get(f"/coupons/{coupon.public_id}") for key, coupon in taken.items()}
    for key, words in {
        "open": "把码给商户扫",
        "used": "修车铺",
        "gone": "已取消，100 积分已退回。",
        "over": "已过期，100 积分会退回。",
    }.items():
        assert pages[key].status_code == 200
        assert words in pages[key].text
        assert ("有效期至" in pages[key].text) == (key != "used")
        assert ('<svg class="qr"' in pages[key].text) == (key == "open")
    everything = browser.get("/coupons").text
    assert [everything.count(coupon.public_id) for coupon in taken.values()] == [1, 1, 1, 1]
    assert taken["used"].public_id in browser.get("/coupons?state=used").text
    assert taken["open"].public_id not in browser.get("/coupons?state=over&page=99").text
    assert "“修车一次”的券已使用，扣除 100 积分。" in browser.get("/messages").text
    other = Browser(app, address="127.0.0.2")
    other.sign_in(BOB)
    for path in ("", "/code", "/cancel"):
        assert other.get(f"/coupons/{taken['open'].public_id}{path}").status_code == 404
    token = csrf_token(other.get("/sessions"))
    for path in ("/cancel", "/digits"):
        answer = other.post_with(token, f"/coupons/{taken['open'].public_id}{path}", {})
        assert answer.status_code == 404
    assert "还没有券" in other.get("/coupons").text
    stranger = Browser(app, address="127.0.0.3")
    assert "/sign-in" in stranger.get(f"/coupons/{taken['open'].public_id}").location
    assert session.get_one(Coupon, taken["open"].id).status == "issued"
