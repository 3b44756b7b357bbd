"""The pages of a till without a script: the same forms, for whoever works there and nobody else."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import col, select
from werkzeug.test import TestResponse

from carbonaccount.accounts.models import Account, Resident
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from rewards import coupon_codes, disputes, merchants
from rewards.merchant_models import CouponDispute, Merchant
from rewards.models import Coupon, Reward
from tests.people import ALICE, BOB, Browser, csrf_token, writing
from tests.rewards.redeeming.arranging import (
    Shop,
    balances,
    broken,
    earn,
    open_shop,
    redeem,
    use,
)

_INVITATION = re.compile(r"data-invitation[^>]*>([0-9A-Z]+)<")
_FIELD = re.compile(r'name="(look_key|request_key)" value="([^"]+)"')


def hidden(response: TestResponse) -> dict[str, str]:
    """Return the keys that a page's forms carry; the first form's."""
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(response.text):
        found.setdefault(name, value)
    return found


def account_of(app: Flask, tail: str) -> int:
    """Return the account behind the end of a number."""
    with writing(app) as session:
        return session.exec(
            select(col(Resident.account_id)).where(col(Resident.phone_tail) == tail)
        ).one()


@pytest.fixture
def shop(app: Flask) -> Shop:
    """A reward that is on offer now, and its merchant."""
    today = utc_now().date()
    with writing(app) as session:
        shop = open_shop(session)
        reward = session.get_one(Reward, shop.reward_id)
        reward.offered_until = today + timedelta(days=30)
        session.connection().exec_driver_sql(f"UPDATE fund_budget SET year = {today.year}")
        session.commit()
    return shop


@pytest.fixture
def owner(app: Flask, shop: Shop) -> Browser:
    """The merchant's owner, who joined with the operator's invitation."""
    with writing(app) as session:
        code = merchants.invite(
            session,
            merchant=session.get_one(Merchant, shop.merchant_id),
            role="owner",
            vault=app.extensions["carbonaccount.vault"],
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
    browser = Browser(app)
    browser.sign_in(BOB)
    assert browser.get("/till").location.endswith("/till/join")
    assert "邀请码不对" in browser.post("/till/join", {"code": "AAAAA-AAAAA"}).text
    assert browser.post("/till/join", {"code": code}).status_code == 303
    return browser


def digits_of(app: Flask, shop: Shop, holder: int, key: str = "key") -> tuple[int, str]:
    """Let somebody take the reward; returns the coupon and its eight digits."""
    now = utc_now()
    with writing(app) as session:
        coupon = redeem(session, shop, holder, key, now=now)
        vault = app.extensions["carbonaccount.vault"]
        text = coupon_codes.digits_for(session, coupon=coupon, vault=vault, now=now).text
        session.commit()
        return coupon.stored_id, text


def test_typing_confirming_and_undoing(app: Flask, shop: Shop, owner: Browser) -> None:
    holder = Browser(app)
    holder.sign_in(ALICE)
    account_id = account_of(app, "8000")
    with writing(app) as session:
        earn(session, account_id, 500, utc_now().year)
        session.commit()
    coupon_id, digits = digits_of(app, shop, account_id)
    page = owner.get("/till")
    assert "一号" in page.text
    # Nothing typed, then digits that nobody has: said plainly, nothing else happens.
    empty = owner.post("/till/look", {"request_key": "page-0000", "code": ""}, page="/till")
    assert "8 位数字" in empty.text
    wrong = "00000000" if digits != "00000000" else "11111111"
    refused = owner.post("/till/look", {"request_key": "page-0001", "code": wrong}, page="/till")
    assert 'data-step="refused"' in refused.text
    found = owner.post("/till/look", {"request_key": "page-0002", "code": digits}, page="/till")
    assert "手机尾号 8000" in found.text
    assert ALICE not in found.text
    assert "修车一次" in found.text
    keys = hidden(found)
    done = owner.post_with(csrf_token(found), "/till/use", keys)
    assert 'data-step="done"' in done.text
    # The browser sends the form again: the same answer.
    assert 'data-step="done"' in owner.post_with(csrf_token(found), "/till/use", keys).text
    with writing(app) as session:
        coupon = session.get_one(Coupon, coupon_id)
        assert (coupon.status, coupon.uses) == ("used", 1)
        assert balances(session, account_id) == {"free": 400, "held": 0}
    today = owner.get("/till/today")
    assert "1 张" in today.text
    undo = {"coupon": coupon.public_id, "reason": "", "request_key": "undo-0001"}
    assert "撤销的原因" in owner.post("/till/undo", undo, page="/till/today").text
    undo |= {"reason": "扫错了", "request_key": "undo-0002"}
    assert owner.post("/till/undo", undo, page="/till/today").status_code == 303
    assert "扫错了" in owner.get("/till/today").text
    with writing(app) as session:
        assert balances(session, account_id) == {"free": 400, "held": 100}
        assert broken(session) == {}


def test_the_owner_looks_after_people_and_tills(app: Flask, shop: Shop, owner: Browser) -> None:
    invited = owner.post("/till/shop/invitations", {"role": "cashier"}, page="/till/shop")
    found = _INVITATION.search(invited.text)
    assert found is not None
    assert found[1] not in owner.get("/till/shop").text
    cashier = Browser(app)
    cashier.sign_in(ALICE)
    assert cashier.post("/till/join", {"code": found[1]}).status_code == 303
    assert cashier.get("/till").status_code == 200
    assert cashier.get("/till/alive").status_code == 204
    # Cashiers do not see people, tills and statements.
    assert cashier.get("/till/shop").status_code == 403
    assert "/till/shop" not in cashier.get("/till").text
    assert owner.post("/till/shop/tills", {"name": "二号"}, page="/till/shop").status_code == 303
    assert "二号" in owner.post("/till/shop/tills", {"name": "二号"}, page="/till/shop").text
    # With two tills one has to be chosen; a closed one cannot be.
    assert cashier.get("/till").location.endswith("/till/choose")
    closing = f"/till/shop/tills/{shop.till_id}"
    assert owner.post(closing, {"active": "0"}, page="/till/shop").status_code == 303
    assert "二号" in cashier.get("/till").text
    foreign = owner.post("/till/shop/tills/999999", {"active": "0"}, page="/till/shop")
    assert foreign.status_code == 404
    with writing(app) as session:
        account = session.get_one(Account, account_of(app, "8000"))
    removing = f"/till/shop/people/{account.public_id}/remove"
    assert owner.post(removing, {}, page="/till/shop").status_code == 303
    assert cashier.get("/till").location.endswith("/till/join")
    # The last owner stays.
    mine = re.search(r"/till/shop/people/([0-9A-Z]+)/remove", owner.get("/till/shop").text)
    assert mine is not None
    alone = owner.post(f"/till/shop/people/{mine[1]}/remove", {}, page="/till/shop")
    assert "最后一位店主" in alone.text


def test_a_holder_denies_a_use(app: Flask, shop: Shop, owner: Browser) -> None:
    holder, stranger = Browser(app), Browser(app)
    holder.sign_in(ALICE)
    account_id, now = account_of(app, "8000"), utc_now()
    with writing(app) as session:
        earn(session, account_id, 500, now.year)
        coupon = redeem(session, shop, account_id, now=now)
        session.commit()
    page = f"/coupons/{coupon.public_id}"
    sent = {"text": "我没有去过这家店"}
    # Not used yet: nothing to deny.
    assert "不是我本人" not in holder.get(page).text
    assert holder.post(f"{page}/dispute", sent, page=page).status_code == 303
    assert "没有可提出异议" in holder.get(page).text
    with writing(app) as session:
        use(session, shop, coupon, account_of(app, BOB[-4:]), now=utc_now())
        session.commit()
    assert "不是我本人" in holder.get(page).text
    holder.post(f"{page}/dispute", {"text": "不是"}, page=page)
    assert "请说明情况" in holder.get(page).text
    holder.post(f"{page}/dispute", sent, page=page)
    shown = holder.get(page).text
    assert ("核对中" in shown, sent["text"] in shown) == (True, True)
    assert "异议已收到" in holder.get("/messages").text
    stranger.sign_in("13600000001")
    assert stranger.post(f"{page}/dispute", sent, page="/me").status_code == 404
    # Somebody at the till takes the use back meanwhile: nothing is left to give back.
    undo = {"coupon": coupon.public_id, "reason": "认错人了", "request_key": "undo-0001"}
    assert owner.post("/till/undo", undo, page="/till/today").status_code == 303
    with writing(app) as session:
        dispute = session.exec(select(CouponDispute)).one()
        disputes.uphold(
            session,
            dispute_id=dispute.id or 0,
            decision="商户已自行撤销",
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
        assert balances(session, account_id) == {"free": 400, "held": 100}
        assert broken(session) == {}


def test_guessing_digits_ends(app: Flask, shop: Shop, owner: Browser) -> None:
    page = owner.get("/till")
    token = csrf_token(page)
    answers = [
        owner.post_with(
            token, "/till/look", {"request_key": f"guess-{number:03}", "code": "12345678"}
        )
        for number in range(coupon_codes.WRONG_DIGITS.maximum + 1)
    ]
    assert [answer.status_code for answer in answers] == [
        *[200] * coupon_codes.WRONG_DIGITS.maximum,
        429,
    ]
    assert 'data-step="refused"' in answers[-1].text


def test_strangers_are_sent_to_sign_in(app: Flask) -> None:
    browser = Browser(app)
    for path in ("/till", "/till/today", "/till/shop", "/till/choose", "/till/alive"):
        assert "/sign-in" in browser.get(path).location
