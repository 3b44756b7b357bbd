"""A plot in the panel and the tree of somebody who adopted one, as people see them."""

from io import BytesIO

from flask import Flask
from sqlmodel import col, select
from werkzeug.test import TestResponse

from carbonaccount.accounts.roles import Role
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from rewards import redeeming
from rewards.giving_models import Certificate, PlotPaper, TreeAdoption
from tests.admin.desk import staff
from tests.people import ALICE, BOB, Browser, csrf_token, writing
from tests.rewards.certificates.pages import newest_person
from tests.rewards.giving.arranging import broken
from tests.rewards.redeeming.arranging import earn
from tests.rewards.trees.arranging import picture, report, tree_shop

PLOT = {
    "name_zh": "南四湖示范林",
    "name_en": "Nansi Lake Grove",
    "place": "济宁市微山县示范地",
    "latitude": "34.8065",
    "longitude": "117.1288",
    "species_zh": "国槐",
    "species_latin": "Styphnolobium japonicum",
    "planted_on": "2025-03-12",
    "planted": "10",
    "refund_rule": "credits",
}


def send_paper(
    browser: Browser, page: str, kind: str, data: bytes, living: str = ""
) -> TestResponse:
    """Send a photo or report from a plot's page."""
    form = {
        "csrf_token": csrf_token(browser.get(page)),
        "kind": kind,
        "file": (BytesIO(data), "paper.bin"),
        "made_on": "2026-03-13",
        "living": living,
        "note": "湖边",
    }
    return browser.client.post(f"{page}/papers", data=form)


def test_from_a_plot_to_my_tree_and_its_papers(app: Flask) -> None:
    erin = staff(app, Role.REWARD_EDITOR, login="erin")
    frank = staff(app, Role.REWARD_EDITOR, Role.REWARD_APPROVER, login="frank")
    alice, bob = Browser(app), Browser(app, address="127.0.0.2")
    alice.sign_in(ALICE)
    with writing(app) as session:
        account_id = newest_person(session)
        earn(session, account_id, 100)
        shop = tree_shop(session)
        session.commit()
    bob.sign_in(BOB)

    # --- the panel: a plot, a photo, a report that a second person approves ---
    plot = {**PLOT, "reward_id": str(shop.reward_id)}
    wrong = erin.post("/admin/plots/new", {**plot, "latitude": "91", "planted": "0"})
    assert "坐标不对" in wrong.text
    made = erin.post("/admin/plots/new", plot)
    page = made.location
    assert send_paper(erin, page, "photo", picture(1)).status_code == 303
    twice = send_paper(erin, page, "photo", picture(1))
    assert (twice.status_code, "全市只能用一次" in twice.text) == (409, True)
    assert send_paper(erin, page, "acceptance", report(1)).status_code == 422
    assert send_paper(erin, page, "acceptance", report(1), "3").status_code == 303
    with writing(app) as session:
        photo, accepted = session.exec(select(PlotPaper).order_by(col(PlotPaper.id))).all()
    approve = f"/admin/plots/papers/{accepted.id}/approve"
    assert erin.post(approve, {"reason": "x"}, page=page).status_code == 403
    waiting = frank.get("/admin/plots?waiting=1").text
    # Planted more than a year ago, and no survival report yet.
    assert "待批准" in waiting
    assert "该做了" in waiting
    assert frank.post(approve, {"reason": "看过"}, page=page).status_code == 303
    assert "南四湖示范林" not in frank.get("/admin/plots?waiting=1").text
    assert frank.get(f"/admin/plots/papers/{photo.id}").mimetype == "image/webp"

    # --- a resident adopts and reads the papers; nobody else does ---
    offer = alice.get(f"/rewards/{shop.reward_public_id}").text
    assert '还没人认养的树</dt><dd class="number">3' in offer
    assert "树死了退回积分" in offer
    with writing(app) as session:
        redeeming.redeem(
            session,
            account_id=account_id,
            reward_id=shop.reward_id,
            request_key="press",
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
        tree = session.exec(select(TreeAdoption)).one().public_id
    assert "南四湖示范林" in alice.get("/trees").text
    mine = alice.get(f"/trees/{tree}").text
    assert "下一份报告：一年成活报告" in mine
    for said in ("国槐", "34.806500, 117.128800", "10 / 3 / 1", "验收报告", "成活 3 棵", "湖边"):
        assert said in mine
    sent = alice.get(f"/trees/papers/{photo.id}")
    assert (sent.mimetype, sent.data[8:12]) == ("image/webp", b"WEBP")
    kept = alice.get(f"/trees/papers/{accepted.id}")
    assert kept.data == report(1)
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert bob.get(f"/trees/{tree}").status_code == 404
    assert bob.get(f"/trees/papers/{photo.id}").status_code == 404
    assert "认养了第 1 号树" in alice.get("/messages").text
    done = alice.post(f"/certificates/new/tree/{tree}", {})
    assert "Styphnolobium japonicum" in alice.get(done.location).text
    with writing(app) as session:
        certificate = session.exec(select(Certificate)).one()
    checked = f"/check/{certificate.number}?date={certificate.payload.split('issued_on')[1][3:13]}"
    assert 'data-verdict="genuine"' in bob.get(f"{checked}&total=1").text
    assert 'data-verdict="differs"' in bob.get(f"{checked}&total=2").text

    # --- the tree dies: reported by one, paid back by another ---
    assert erin.get(f"{page}/edit").status_code == 200
    assert erin.post(f"{page}/edit", plot).status_code == 409
    assert send_paper(erin, page, "survival_1y", report(2), "2").status_code == 303
    with writing(app) as session:
        survival = session.exec(select(PlotPaper).where(PlotPaper.kind == "survival_1y")).one()
    approve = f"/admin/plots/papers/{survival.id}/approve"
    assert frank.post(approve, {"reason": "看过"}, page=page).status_code == 303
    bad = erin.post(f"{page}/dead", {"numbers": "x", "died_on": "2026-03-01"}, page=page)
    assert bad.status_code == 422
    dead = {"numbers": "1", "died_on": "2026-03-01"}
    assert erin.post(f"{page}/dead", dead, page=page).status_code == 303
    good = {"numbers": "1", "reason": "已核实"}
    assert erin.post(f"{page}/good", good, page=page).status_code == 403
    assert frank.post(f"{page}/good", good, page=page).status_code == 303
    assert "积分已退回" in alice.get(f"/trees/{tree}").text
    assert "100 积分已退回" in alice.get("/messages").text
    file = frank.get(f"{page}/trees.csv").data.decode("utf-8-sig")
    assert len(file.splitlines()) == 2
    with writing(app) as session:
        assert broken(session) == {}
