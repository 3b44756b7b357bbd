"""Rewards in the panel: a draft with its picture, the second person, prices, stock, files."""

import csv
import io
import re
from pathlib import Path

from flask import Flask
from sqlmodel import Session, select
from werkzeug.test import TestResponse

from carbonaccount.accounts.roles import Role
from rewards.models import Reward
from rewards.pictures import picture_folder
from tests.admin.desk import staff
from tests.people import Browser, csrf_token, writing
from tests.queries import counting
from tests.rewards.catalogue.arranging import on_shelf
from tests.rewards.catalogue.test_content import photo
from tests.rewards.catalogue.test_shelf_page import said
from tests.rewards.fund import arranged

LIST = "/admin/rewards"
# The person and roles (2), rewards with their programmes and coupons.
LIST_STATEMENTS = 4


def fields(programme_id: int, **changes: str) -> dict[str, object]:
    """Return what an editor types."""
    return {
        "title_zh": "旧书换新书",
        "title_en": "Books for books",
        "text_zh": "带三本来换一本。",
        "text_en": "Bring three, take one.",
        "reward_class": "repair_second_hand",
        "programme_id": str(programme_id),
        "price_credits": "150",
        "value_yuan": "3.50",
        "offered_from": "2026-01-01",
        "offered_until": "2036-12-31",
        "coupon_days": "30",
        "limit_period": "ever",
        "allotment": "first_come",
        "refund_when_expired": "y",
        "districts": "370811",
        **changes,
    }


def send(browser: Browser, path: str, data: dict[str, object], **files: bytes) -> TestResponse:
    """Send the draft's form with its files."""
    sent = {name: (io.BytesIO(content), "p.jpg") for name, content in files.items()}
    token = csrf_token(browser.get(path))
    return browser.client.post(path, data={"csrf_token": token, **data, **sent})


def rewards(app: Flask) -> list[Reward]:
    """Return the rewards there are, read in a transaction that is over."""
    with writing(app) as session:
        return list(session.exec(select(Reward)).all())


def step(browser: Browser, public_id: str, name: str, **data: str) -> TestResponse:
    """Do a step with a reason."""
    page = f"{LIST}/{public_id}"
    return browser.post(f"{page}/{name}", {"reason": "because", **data}, page=page)


def test_from_draft_to_shelf_by_two_people(app: Flask, session: Session) -> None:
    programme = arranged.programme(session)
    for year in range(2026, 2037):
        arranged.budget(session, programme, 1000, year)
    shop = arranged.merchant(session)
    session.commit()
    erin = staff(app, Role.REWARD_EDITOR, login="erin")
    anna = staff(app, Role.REWARD_EDITOR, Role.REWARD_APPROVER, login="anna")
    folder: Path = picture_folder(app.extensions["carbonaccount.settings"].instance_path)
    new = f"{LIST}/new"

    wrong = send(erin, new, fields(programme.id or 0, value_yuan="3.505", price_credits="0x10"))
    assert wrong.status_code == 422
    assert "最多 2 位小数" in wrong.text
    assert "Bring three" in wrong.text
    late = send(erin, new, fields(programme.id or 0, offered_until="2025-12-31"))
    assert (late.status_code, "最后一天不能早于第一天" in late.text) == (422, True)
    # A refused picture takes the draft with it, and leaves no file.
    broken = send(erin, new, fields(programme.id or 0), picture=b"GIF89a")
    assert (broken.status_code, "照片打不开" in broken.text) == (422, True)
    assert rewards(app) == []
    assert not folder.exists()

    drafted = send(erin, new, fields(programme.id or 0), picture=photo())
    assert drafted.status_code == 303, said(drafted.text)
    (reward,) = rewards(app)
    assert (reward.value_fen, reward.price_credits, reward.districts) == (350, 150, ["370811"])
    page, public_id = f"{LIST}/{reward.public_id}", reward.public_id
    first = [file.name for file in folder.iterdir()]
    assert first == [reward.picture]
    filled = erin.get(f"{page}/edit").text
    assert 'value="3.50"' in filled
    # Nobody could use it: it goes no further before a merchant is ticked.
    refused = step(erin, public_id, "submit")
    assert (refused.status_code, "还没有勾选营业中的商户" in refused.text) == (409, True)
    assert "没有营业中的商户收它的券" in refused.text
    typed = fields(programme.id or 0, merchant_ids=str(shop.id))
    edited = send(erin, f"{page}/edit", typed, picture=photo(quality=60))
    assert edited.status_code == 303
    # The picture before is gone with its file.
    assert [file.name for file in folder.iterdir()] != first
    assert len(list(folder.iterdir())) == 1

    assert step(erin, public_id, "stock", change="+30").status_code == 303
    assert step(erin, public_id, "stock", change="many").status_code == 422
    assert step(erin, public_id, "stock", change="-31").status_code == 409
    assert step(anna, public_id, "publish").status_code == 409
    assert step(erin, public_id, "submit", reason=" ").status_code == 422
    assert step(erin, public_id, "submit").status_code == 303
    assert step(erin, public_id, "publish").status_code == 403
    assert step(anna, public_id, "publish").status_code == 303
    assert "旧书换新书" in Browser(app).get("/rewards").text

    # A price takes two people as well.
    assert step(anna, public_id, "price", price_credits="120").status_code == 303
    assert "等另一位同事批准" in anna.get(page).text
    assert step(anna, public_id, "price/set").status_code == 403
    assert step(erin, public_id, "price/set").status_code == 403
    assert step(erin, public_id, "price/drop").status_code == 303
    assert step(erin, public_id, "price", price_credits="130").status_code == 303
    assert step(anna, public_id, "price/set").status_code == 303
    shown = said(anna.get(page).text)
    assert "批准新价格" in shown
    assert re.search(r"130 .* 150", shown[shown.index("从什么时候起") :])

    # Its only merchant closes: the panel lists what nobody can use now, and residents are told.
    closing = f"/admin/merchants/{shop.public_id}"
    data = {"name_zh": shop.name_zh, "name_en": "", "district": "", "address": "", "active": "0"}
    closed = erin.post(f"{closing}/edit", data, page=closing)
    assert closed.status_code == 303
    listed = said(erin.get(closing).text)
    assert re.search("现在没有商户收券，居民不能兑换.* 旧书换新书", listed)
    assert "暂无商户可用" in said(erin.get(LIST).text)
    assert "现在没有商户收这个项目的券" in Browser(app).get(f"/rewards/{public_id}").text
    erin.post(f"{closing}/edit", {**data, "active": "1"}, page=closing)
    assert "登录后兑换" in Browser(app).get(f"/rewards/{public_id}").text

    olga = staff(app, Role.OPERATOR, login="olga")
    assert step(olga, public_id, "pause", reason="盘点").status_code == 303
    assert "暂停兑换：盘点" in said(Browser(app).get(f"/rewards/{public_id}").text)
    assert step(olga, public_id, "resume").status_code == 403
    assert step(anna, public_id, "resume").status_code == 303
    assert step(anna, public_id, "end").status_code == 303
    stock = erin.get(f"{page}/stock.csv").data.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(stock)))
    assert [(row["变动"], row["经手人"]) for row in rows] == [("30", "staff:erin")]


def test_the_drafter_with_both_roles_cannot_publish_their_own(app: Flask, session: Session) -> None:
    programme = arranged.programme(session)
    arranged.budget(session, programme, 1000)
    shop = arranged.merchant(session)
    session.commit()
    anna = staff(app, Role.REWARD_EDITOR, Role.REWARD_APPROVER, login="anna")
    typed = fields(programme.id or 0, merchant_ids=str(shop.id))
    assert send(anna, f"{LIST}/new", typed).status_code == 303
    (reward,) = rewards(app)
    public_id = reward.public_id
    step(anna, public_id, "submit")
    refused = step(anna, public_id, "publish")
    assert refused.status_code == 403
    assert "起草的人不能发布" in refused.text
    assert [reward.status for reward in rewards(app)] == ["in_review"]


def test_the_list_filters_sorts_and_becomes_a_file(app: Flask, session: Session) -> None:
    on_shelf(session, "公交日票", price_credits=300, reward_class="public_service")
    on_shelf(session, "布袋", price_credits=90, reward_class="green_goods")
    on_shelf(session, "季卡", price_credits=2000, status="paused")
    session.commit()
    auditor = staff(app, Role.AUDITOR, login="otto")
    with counting(app) as statements:
        page = auditor.get(LIST)
    assert len(statements) <= LIST_STATEMENTS, statements
    assert "共 3 条" in said(page.text)
    assert "新增项目" not in page.text

    def exported(query: str) -> list[str]:
        text = auditor.get(f"{LIST}.csv{query}").data.decode("utf-8-sig")
        return [row["名称"] for row in csv.DictReader(io.StringIO(text))]

    assert sorted(exported("?status=published")) == ["公交日票", "布袋"]
    assert exported("?class=green_goods") == ["布袋"]
    assert ",1.00,2036-12-31," in auditor.get(f"{LIST}.csv").text
    assert exported("?q=pass") == []
    assert exported("?q=季卡 in") == ["季卡"]
    cheap_last = auditor.get(f"{LIST}?sort=-price").text
    places = [cheap_last.index(title) for title in ("季卡", "公交日票", "布袋")]
    assert places == sorted(places)
    assert auditor.get(f"{LIST}.xlsx").data.startswith(b"PK")
