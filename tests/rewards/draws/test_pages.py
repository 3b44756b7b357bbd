"""A draw and a queue through the pages of residents, of everybody, and of the panel."""

import re
from datetime import timedelta
from hashlib import sha256

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import CITY_ZONE, utc_now
from rewards import draws
from rewards.models import Coupon, QueuePlace, Reward, RewardDraw
from tests.admin.desk import newest_person, staff
from tests.people import ALICE, BOB, Browser, writing
from tests.rewards.fund import arranged


def text_of(page: str) -> str:
    """Return a page's words without its marks."""
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", " ", page))


def resident(app: Flask, phone: str, credits_held: int) -> Browser:
    """Sign a resident in who holds credits of this year."""
    browser = Browser(app)
    browser.sign_in(phone)
    with writing(app) as own:
        arranged.give(own, newest_person(own).stored_id, utc_now().year, credits_held)
        own.commit()
    return browser


def offered(session: Session, **values: object) -> Reward:
    """Publish a reward that is offered now, with a budget behind it."""
    today = utc_now().date()
    programme = arranged.programme(session)
    for year in {today.year, (today + timedelta(days=1)).year}:
        arranged.budget(session, programme, 100, year)
    days = {
        "offered_from": today - timedelta(days=1),
        "offered_until": today + timedelta(days=30),
    }
    found = arranged.reward(session, programme, **days, **values)
    session.commit()
    return found


def test_a_draw_through_its_pages(app: Flask, session: Session) -> None:
    reward = offered(session, allotment="draw", stock=1, public_id="DRAWN1")
    editor = staff(app, Role.REWARD_EDITOR, login="erin")
    closes = (utc_now() + timedelta(hours=2)).astimezone(CITY_ZONE)
    form = {
        "reward_id": str(reward.id),
        "winners_wanted": "1",
        "closes_at": closes.strftime("%Y-%m-%dT%H:%M"),
    }
    wrong = editor.post("/admin/draws/new", {**form, "closes_at": "soon", "winners_wanted": "2"})
    assert wrong.status_code == 422
    assert "名额须为" in editor.post("/admin/draws/new", {**form, "winners_wanted": "2"}).text
    made = editor.post("/admin/draws/new", form)
    assert made.status_code == 303
    draw_id = made.location.rsplit("/", 1)[1]
    page, panel = f"/draws/{draw_id}", f"/admin/draws/{draw_id}"

    people = [resident(app, ALICE, 10), resident(app, BOB, 10)]
    tickets = []
    for person in people:
        assert "去报名抽签" in person.get("/rewards/DRAWN1").text
        assert person.post(f"{page}/enter", {}, page=page).status_code == 303
        shown = person.get(page).text
        ticket = re.search(r'class="ticket">.*?<code>([0-9a-f]{16})</code>', shown, re.S)
        assert ticket
        tickets.append(ticket[1])
    stranger = Browser(app)
    public = text_of(stranger.get(page).text)
    assert "报名人数2" in public
    assert "开奖时公布" in public
    assert tickets[0] not in public
    assert stranger.get(f"{page}/entries.txt").status_code == 404
    assert "还没到截止时间" in editor.post(f"{panel}/close", {}, page=panel).text

    with writing(app) as own:
        found = own.exec(select(RewardDraw)).one()
        found.closes_at = utc_now() - timedelta(minutes=1)
        own.commit()
    late = people[0].post(f"{page}/enter", {}, page=panel.replace("/admin", ""))
    assert late.status_code == 303
    for step in ("close", "draw", "award"):
        assert editor.post(f"{panel}/{step}", {}, page=panel).status_code == 303, step
    with writing(app) as own:
        found = own.exec(select(RewardDraw)).one()
        coupon = own.exec(select(Coupon)).one()
        seed, commitment, winner = found.seed or "", found.commitment, coupon.account_id
        entry = draws.entry_of(own, draw=found, account_id=winner)
        assert entry is not None
        won = entry.ticket

    # Everybody, with nothing but the public page and the list.
    public = stranger.get(page).text
    listed = stranger.get(f"{page}/entries.txt").text
    assert seed in public
    assert sha256(seed.encode()).hexdigest() == commitment
    assert sorted(tickets) == listed.split("\n")
    entries = sha256(listed.encode()).hexdigest()
    assert entries in public
    lots = {sha256(f"{seed}:{entries}:{t}".encode()).hexdigest(): t for t in tickets}
    assert lots[min(lots)] == won
    assert won in public
    assert "种子与承诺相符" in public
    assert [text_of(person.get(page).text).count("未抽中") for person in people].count(1) == 1
    assert won in editor.get(panel).text
    told = "".join(person.get("/messages").text for person in people)
    assert told.count("的抽签中抽中了，券已放进“我的券”") == 1
    assert told.count("这次没有抽中您") == 1
    assert draw_id in editor.get("/admin/draws.csv").text
    approver = staff(app, Role.REWARD_APPROVER, login="frank")
    refused = approver.post(f"{panel}/call-off", {"reason": "太晚了，取消"}, page=panel)
    assert refused.status_code == 409
    assert draw_id in stranger.get("/draws").text


def test_a_queue_through_its_pages(app: Flask, session: Session) -> None:
    """One in stock: Alice is offered at once, Bob waits; she leaves, he is offered and takes."""
    offered(session, allotment="queue", stock=1, public_id="QUEUE1")
    alice, bob = resident(app, ALICE, 10), resident(app, BOB, 10)
    page = "/rewards/QUEUE1"
    for person in (alice, bob):
        assert "现在 0 人在等" in person.get(page).text
        assert person.post(f"{page}/queue/join", {}, page=page).status_code == 303
    assert "轮到您了" in alice.get(page).text
    assert "为您保留到" in alice.get("/messages").text
    assert "前面还有 0 人" in bob.get(page).text
    assert "前面还有 0 人" in bob.get("/draws").text
    assert bob.post(f"{page}/queue/take", {}, page=page).location.endswith(page)
    assert "还没轮到您" in bob.get(page).text
    operator = staff(app, Role.OPERATOR, login="oscar")
    panel = "/admin/queues/QUEUE1"
    assert "已轮到" in operator.get(panel).text
    assert operator.post(f"{panel}/offer", {}, page=panel).status_code == 303
    assert alice.post(f"{page}/queue/leave", {}, page=page).status_code == 303
    assert "轮到您了" in bob.get(page).text
    with writing(app) as own:
        place = own.exec(select(QueuePlace).where(col(QueuePlace.status) == "offered")).one()
    skip = f"/admin/queues/places/{place.id}/skip"
    assert operator.post(skip, {"reason": ""}, page=panel).status_code == 422
    assert operator.post(skip, {"reason": "电话里说不要了"}, page=panel).status_code == 303
    assert bob.post(f"{page}/queue/join", {}, page=page).status_code == 303
    taken = bob.post(f"{page}/queue/take", {}, page=page)
    with writing(app) as own:
        coupon = own.exec(select(Coupon)).one()
    assert taken.location == f"/coupons/{coupon.public_id}"
    assert "QUEUE1" in operator.get("/admin/draws").text
    assert operator.get(f"{panel}.csv").status_code == 200
