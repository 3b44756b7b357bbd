"""From a draft in the panel to grams that are given, used and certified, as people do it."""

from datetime import date

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Resident
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day, utc_now
from rewards.giving_models import Beneficiary, Certificate, Gift
from tests.admin.desk import staff
from tests.people import Browser, field_errors, writing
from tests.rewards.certificates.pages import alice_with_rides
from tests.rewards.giving.arranging import TEXTS, broken

BENEFICIARY = {
    "kind": "event",
    "takes": "both",
    **{f"{part}_{code}": TEXTS[code][part] for code in ("zh", "en") for part in TEXTS["zh"]},
    "open_from": "2026-01-01",
    "open_until": "2099-12-31",
    "goal_credits": "",
    "goal_g": "1000000",
}


def only(session: Session, model: type[Beneficiary]) -> Beneficiary:
    """Return the one beneficiary."""
    return session.exec(select(model)).one()


def test_from_draft_to_certificate(app: Flask) -> None:
    erin = staff(app, Role.REWARD_EDITOR, login="erin")
    frank = staff(app, Role.REWARD_EDITOR, Role.REWARD_APPROVER, login="frank")
    alice, account_id = alice_with_rides(app, "AA")

    # --- the panel: drafted by one, published by another ---
    wrong = erin.post("/admin/giving/new", {**BENEFICIARY, "kind": "class", "title_en": ""})
    assert wrong.status_code == 422
    wrong = erin.post("/admin/giving/new", {**BENEFICIARY, "kind": "class"})
    assert "减排量只能捐给要做碳中和的公共活动或单位。" in wrong.text
    made = erin.post("/admin/giving/new", BENEFICIARY)
    page = made.location
    assert TEXTS["zh"]["use"] in erin.get(page).text
    assert erin.post(f"{page}/submit", {"reason": ""}, page=page).status_code == 422
    assert erin.post(f"{page}/submit", {"reason": "请审"}, page=page).status_code == 303
    assert erin.post(f"{page}/publish", {"reason": "我"}, page=page).status_code == 403
    with writing(app) as session:
        public = only(session, Beneficiary).public_id
    assert alice.get(f"/giving/{public}").status_code == 404
    assert frank.post(f"{page}/publish", {"reason": "好"}, page=page).status_code == 303
    # What happened to it is told in words, by name; codes are for the audit log.
    history = frank.get(page).text.split('<ol class="trail">')[1].split("</ol>")[0]
    for act in ("起草", "提交发布", "发布"):
        assert f"<strong>{act}</strong> · Dana" in history
    assert ("staff:" in history, "beneficiary." in history) == (False, False)
    listed = frank.get("/admin/giving?q=马拉松&status=published&about=event").text
    assert TEXTS["zh"]["title"] in listed
    assert TEXTS["zh"]["title"] not in frank.get("/admin/giving?status=draft").text
    assert "任城绿色马拉松" in frank.get("/admin/giving.csv").data.decode("utf-8-sig")

    # --- a resident: credits at once, grams with consent, taken back and given again ---
    shown = f"/giving/{public}"
    assert "登录后捐赠" in Browser(app).get(shown).text
    text = alice.get(shown).text
    assert "您可以认捐 292 克" in text
    key = {"request_key": "a" * 32}
    silent = alice.post(f"{shown}/grams", {**key, "grams": "100"}, page=shown)
    assert (silent.status_code, field_errors(silent)) == (
        422,
        ["请先阅读用途说明并勾选同意。"],
    )
    many = alice.post(f"{shown}/grams", {**key, "grams": "293", "agree": "y"}, page=shown)
    assert (many.status_code, field_errors(many)) == (
        409,
        ["您可以认捐的经核证减排量只有 292 克。"],
    )
    odd = alice.post(f"{shown}/grams", {**key, "grams": "1.5", "agree": "y"}, page=shown)
    assert (odd.status_code, field_errors(odd)) == (422, ["请填写整数，例如 500。"])
    for _press in range(2):
        sent = alice.post(f"{shown}/grams", {**key, "grams": "200", "agree": "y"}, page=shown)
        assert sent.status_code == 303
    poor = alice.post(f"{shown}/credits", {"request_key": "b", "credits": "9999"}, page=shown)
    assert poor.status_code == 409
    assert (
        alice.post(
            f"{shown}/credits", {"request_key": "c", "credits": "92"}, page=shown
        ).status_code
        == 303
    )
    # A child that nobody answers for is told so, and gives nothing.
    with writing(app) as session:
        told = session.get_one(Resident, account_id)
        told.born_month = date(business_day(utc_now()).year - 10, 1, 1)
        session.commit()
    assert "须由监护人确认后才能捐赠" in alice.get(shown).text
    assert f'action="{shown}/credits"' not in alice.get(shown).text
    child = {"request_key": "child", "credits": "1"}
    refused = alice.post(f"{shown}/credits", child, page="/giving/mine")
    assert refused.status_code == 422
    with writing(app) as session:
        session.get_one(Resident, account_id).born_month = None
        session.commit()
    with writing(app) as session:
        gifts = session.exec(select(Gift).order_by(col(Gift.id))).all()
        assert [(gift.amount, gift.status) for gift in gifts] == [(200, "pledged"), (92, "given")]
        pledge = gifts[0].public_id
    mine = alice.get("/giving/mine").text
    assert "已认捐，可收回" in mine
    assert alice.get(f"/certificates/new/gift/{pledge}").status_code == 409
    assert TEXTS["zh"]["title"] in alice.get("/me").text, "the consent is told in words"
    back = alice.post(f"/giving/mine/{pledge}/revoke", {}, page="/giving/mine")
    assert back.status_code == 303
    again = {"request_key": "d", "grams": "292", "agree": "y"}
    assert alice.post(f"{shown}/grams", again, page=shown).status_code == 303

    # --- the use, its message, and the certificate of the donation ---
    use = {"purpose": "当天用电", "grams": "300"}
    assert erin.get(page).text.count("使用减排量") == 0
    assert frank.post(f"{page}/use", use, page=page).status_code == 303
    assert frank.post(f"{page}/use", use, page=page).status_code == 409
    assert "当天用电" in alice.get(shown).text
    assert "已被使用" in alice.get("/messages").text
    with writing(app) as session:
        used = session.exec(select(Gift).where(col(Gift.status) == "used")).one().public_id
    done = alice.post(f"/certificates/new/gift/{used}", {})
    paper = alice.get(done.location).text
    assert TEXTS["zh"]["title"] in paper
    assert "当天用电" in paper
    exported = frank.get(f"{page}/gifts.csv").data.decode("utf-8-sig")
    assert exported.splitlines()[0] == "时间,编号,单位,数量,状态,结束时间,使用编号"
    assert len(exported.splitlines()) == 4

    # What others used is said on the year's certificate, so that nobody claims it twice.
    year = alice.get(f"/certificates/new/year/{business_day(utc_now()).year}").text
    assert '不再算作持有人的</dt><dd class="number">292 g' in year

    # --- the panel withdraws it; the check page and the holder are told ---
    with writing(app) as session:
        row = session.exec(select(Certificate)).one()
        number = row.number
    checked = f"/check/{number}"
    assert 'data-verdict="exists"' in Browser(app).get(checked).text
    held = f"/admin/certificates/{number}"
    assert number[:4] in frank.get("/admin/certificates?about=donation&state=valid").text
    assert "签发证书</strong> · 一位居民" in frank.get(held).text
    assert erin.post(f"{held}/withdraw", {"reason": "x"}, page=page).status_code == 403
    assert frank.post(f"{held}/withdraw", {"reason": "活动取消"}, page=held).status_code == 303
    assert 'data-verdict="withdrawn"' in Browser(app).get(checked).text
    assert "活动取消" not in Browser(app).get(checked).text
    assert "活动取消" in alice.get(f"/certificates/{number}").text
    assert "已被撤回" in alice.get("/messages").text
    with writing(app) as session:
        assert broken(session) == {}


def test_pages_without_anything_say_what_to_do(app: Flask) -> None:
    alice = Browser(app)
    alice.sign_in()
    for path, said in (
        ("/giving", "现在没有可以捐赠的对象"),
        ("/giving/mine", "还没有捐赠"),
        ("/trees", "还没有认养的树"),
        ("/certificates", "领取新证书"),
        ("/check", "输入纸上的内容"),
    ):
        page = alice.get(path)
        assert (page.status_code, said in page.text) == (200, True), path
    assert alice.get("/certificates/new/year/2026").status_code == 409
    assert alice.get("/certificates/new/year/1999").status_code == 404
    assert alice.get("/certificates/new/tree/NOBODYS").status_code == 404
    assert alice.get("/trees/papers/1").status_code == 404
    assert Browser(app).get("/giving/mine").status_code == 303
