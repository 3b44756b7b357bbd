"""The shelf and a reward from near, as strangers and residents find them."""

import html
import re
from datetime import date, timedelta
from pathlib import Path

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.clock import business_day, utc_now
from rewards import fund
from rewards.fund_models import FundDay, FundProgramme
from rewards.models import Reward, RewardPrice, RewardTaker
from rewards.pictures import picture_folder, store_picture
from tests.people import ALICE, Browser, writing
from tests.queries import counting
from tests.rewards.catalogue.arranging import on_shelf
from tests.rewards.fund import arranged
from tests.rewards.redeeming.arranging import open_shop

# The session and the person (2), credits, standing, shelf, districts.
SHELF_STATEMENTS = 6
# The session and the person (2), standing, reward, payer, credits, prices, merchants.
REWARD_STATEMENTS = 8


def titles(text: str) -> list[str]:
    """Return the titles on the shelf in their order."""
    return re.findall(r'class="reward__title"><a [^>]*>([^<]+)<', text)


def alice_with(app: Flask, credits: int) -> tuple[Browser, int]:
    """Sign Alice in with some credits; returns her account too."""
    alice = Browser(app)
    alice.sign_in(ALICE)
    with writing(app) as session:
        account = session.exec(
            select(Account)
            .where(col(Account.kind) == AccountKind.PERSON)
            .order_by(col(Account.id).desc())
        ).first()
        assert account is not None
        if credits:
            arranged.give(session, account.stored_id, utc_now().year, credits)
            session.commit()
    return alice, account.stored_id


def test_an_empty_shelf_says_what_to_do(app: Flask) -> None:
    stranger = Browser(app).get("/rewards")
    assert stranger.status_code == 200
    assert "货架还是空的" in stranger.text
    assert 'href="/methods"' in stranger.text
    assert Browser(app).get("/rewards/NOSUCHREWARD").status_code == 404


def test_the_shelf(app: Flask, session: Session) -> None:
    on_shelf(session, "自行车保养", price_credits=900)
    on_shelf(session, "公交日票", price_credits=300, reward_class="public_service")
    on_shelf(session, "季卡", price_credits=100, stock=0)
    on_shelf(session, "布袋", price_credits=500, districts=["370812"], stock=5)
    on_shelf(session, "草稿项目", status="draft")
    on_shelf(session, "过期项目", offered_until=date(2026, 2, 1))
    session.commit()
    stranger = Browser(app)
    # Cheap first; what is out comes last.
    assert titles(stranger.get("/rewards").text) == ["公交日票", "布袋", "自行车保养", "季卡"]
    assert 'class="heart"' not in stranger.get("/rewards").text
    english = stranger.get("/rewards", headers={"Accept-Language": "en"})
    assert titles(english.text)[0] == "公交日票 in English"

    alice, _ = alice_with(app, 350)
    with counting(app) as statements:
        page = alice.get("/rewards").text
    assert len(statements) <= SHELF_STATEMENTS, "\n".join(statements)
    # The bag is for another district than hers, which is none.
    assert titles(page) == ["公交日票", "自行车保养", "季卡", "布袋"]
    assert "现在就能兑 1 项" in page
    assert "还差 550 分" in page
    assert ">350<" in page
    for address, found in (
        ("?show=affordable", ["公交日票"]),
        ("?show=favourites", []),
        ("?class=public_service", ["公交日票"]),
        ("?class=nonsense", ["公交日票", "自行车保养", "季卡", "布袋"]),
        ("?q=保养", ["自行车保养"]),
        ("?q=ABOUT 季卡", ["季卡"]),
        ("?q=没有的", []),
        ("?district=370811", ["公交日票", "自行车保养", "季卡"]),
        ("?page=99", ["公交日票", "自行车保养", "季卡", "布袋"]),
    ):
        assert titles(alice.get(f"/rewards{address}").text) == found, address
    assert "没有符合条件的项目" in alice.get("/rewards?q=没有的").text


def test_a_favourite_is_kept_and_found(app: Flask, session: Session) -> None:
    public_id = on_shelf(session, "公交日票").public_id
    session.commit()
    stranger = Browser(app)
    path = f"/rewards/{public_id}/favourite"
    refused = stranger.post(path, {"keep": "1"}, page="/sign-in")
    assert "/sign-in" in refused.location
    alice, _ = alice_with(app, 0)
    page = f"/rewards/{public_id}"
    kept = alice.post(path, {"keep": "1", "next": "/rewards?show=favourites"}, page=page)
    assert (kept.status_code, kept.location) == (303, "/rewards?show=favourites")
    assert titles(alice.get("/rewards?show=favourites").text) == ["公交日票"]
    elsewhere = alice.post(path, {"keep": "0", "next": "https://evil.example/"}, page=page)
    assert elsewhere.location == page
    assert "还没有收藏" in alice.get("/rewards?show=favourites").text


def said(text: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_a_reward_from_near(app: Flask, session: Session) -> None:
    reward = on_shelf(
        session,
        "公交日票",
        price_credits=300,
        stock=4,
        limit_per_person=2,
        limit_period="month",
        refund_when_expired=False,
    )
    for day, price in ((1, 350), (11, 300)):
        moment = arranged.noon(date(2026, 2, day))
        session.add(
            RewardPrice(
                reward_id=reward.id or 0, valid_from=moment, price_credits=price, set_by="staff:a"
            )
        )
    session.commit()
    path = f"/rewards/{reward.public_id}"
    stranger = said(Browser(app).get(path).text)
    assert "登录后兑换" in stranger
    alice, account_id = alice_with(app, 299)
    poor = said(alice.get(path).text)
    assert "还差 1 积分" in poor
    assert "只剩 4 份" in poor
    assert "每月 2 份" in poor
    assert "积分不退" in poor
    assert re.search(r"2026年2月11日 12:00 300 2026年2月1日 12:00 350", poor)
    arranged.give(session, account_id, utc_now().year - 1, 1)
    session.commit()
    with counting(app) as statements:
        page = alice.get(path)
    assert len(statements) <= REWARD_STATEMENTS, "\n".join(statements)
    assert "用 300 积分兑换" in said(page.text)
    assert f'action="{path}/redeem"' in page.text
    # The price that was seen goes along, so that nobody pays another one.
    assert 'name="price" value="300"' in page.text
    # Two of two this month; of those of last month nothing is left.
    today = business_day(utc_now())
    last_month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    with writing(app) as arranging:
        for start in (last_month, today.replace(day=1)):
            assert "/redeem" in alice.get(path).text
            arranging.add(
                RewardTaker(
                    account_id=account_id, reward_id=reward.id or 0, period_start=start, taken=2
                )
            )
            arranging.commit()
    assert "/redeem" not in alice.get(path).text
    assert "您已达到这个项目的个人上限（2 份）。" in said(alice.get(path).text)
    assert "已达个人上限" in said(alice.get("/rewards").text)


def test_what_is_in_the_way_is_said(app: Flask, session: Session) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"stock": 0}, "已兑完"),
        ({"status": "paused", "pause_reason": "检修中"}, "暂停兑换：检修中"),
        ({"offered_until": date(2026, 2, 1)}, "这个项目已经结束"),
        ({"offered_from": date(2036, 12, 1)}, "开始兑换"),
        ({"districts": ["370812"]}, "只面向部分区县"),
        ({"minimum_age": 18}, "这一项须满 18 周岁"),
        ({"merchant": False}, "现在没有商户收这个项目的券"),
        ({"price_credits": 5}, "按公开的规则每天限量，今天的已经发完"),
    ]
    rewards: list[tuple[Reward, str]] = [
        (on_shelf(session, f"项目{place}", **changes), words)
        for place, (changes, words) in enumerate(cases)
    ]
    slowed = session.get_one(FundProgramme, rewards[-1][0].programme_id)
    slowed.warn_pct = slowed.slow_pct = 100
    budget = fund.budget_of(session, programme_id=slowed.id or 0, year=utc_now().year)
    given = slowed.slow_coupons_per_day
    assert budget is not None
    session.add(FundDay(budget_id=budget.id or 0, day=business_day(utc_now()), coupons=given))
    draft = on_shelf(session, "草稿", status="draft")
    thrown_away = on_shelf(session, "废稿", status="ended", published_at=None)
    session.commit()
    alice, _ = alice_with(app, 1000)
    for reward, words in rewards:
        page = alice.get(f"/rewards/{reward.public_id}")
        assert words in said(page.text), words
        assert "/redeem" not in page.text
    for hidden in (draft, thrown_away):
        assert alice.get(f"/rewards/{hidden.public_id}").status_code == 404


def test_pictures_are_sent_to_be_kept_and_nothing_else_is(app: Flask) -> None:
    folder: Path = picture_folder(app.extensions["carbonaccount.settings"].instance_path)
    name = store_picture(b"RIFFxxxxWEBP", folder)
    (folder.parent / "secret.txt").write_text("secret")
    browser = Browser(app)
    with browser.get(f"/rewards/pictures/{name}") as sent:
        assert (sent.status_code, sent.mimetype) == (200, "image/webp")
        assert "immutable" in sent.headers["Cache-Control"]
    for wrong in ("0" * 32 + ".webp", "..%2Fsecret.txt", "secret.txt"):
        assert browser.get(f"/rewards/pictures/{wrong}").status_code == 404


def test_a_filter_that_means_nothing_is_told_and_not_used(app: Flask, session: Session) -> None:
    open_shop(session, since=utc_now())
    session.commit()
    text = Browser(app).get("/rewards?class=gold&district=999999&show=all").text
    for name, value in (("类别", "gold"), ("区县", "999999"), ("显示", "all")):
        assert f"没有看懂筛选条件“{name}”的值“{value}”" in text
    assert "修车一次" in text
    assert "没有看懂" not in Browser(app).get("/rewards?class=repair_second_hand").text
