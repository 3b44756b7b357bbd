"""Members: told first, joined by a tick, changed and left at once; owners see no persons."""

from datetime import timedelta

from flask import Flask
from sqlmodel import col, select

from carbonaccount.accounts.models import Consent
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import applications, joining
from carbonaccount.institutions.models import Institution, InstitutionMember
from tests.carbonaccount.institutions.places import (
    CODE_X,
    CODE_Y,
    Place,
    actor_of,
    add_officer,
    arranged,
    signed_in,
)
from tests.people import Browser, writing

PHONES = ("13800000031", "13800000032", "13800000033")
OTHERS = ("13800000041", "13800000042", "13800000043")
PUPIL = "13912345678"


def join_code(place: Place) -> str:
    """Return the code that the members' page shows."""
    page = place.reader.get(f"{place.address}/members").text
    return page.split("data-join-code>")[1].split("<")[0].replace(" ", "")


def rows_of(app: Flask) -> list[InstitutionMember]:
    """Return all memberships."""
    with writing(app) as session:
        return list(session.exec(select(InstitutionMember).order_by(col(InstitutionMember.id))))


def test_a_pupil_is_told_joins_changes_class_and_leaves(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    members = f"{school.address}/members"
    assert "还没有成员码" in school.clerk.get(members).text
    assert school.clerk.post(f"{members}/code", {}, page=members).status_code == 303
    assert "成员码已生成。" in school.clerk.get(members).text
    old = join_code(school)
    assert school.owner.post(f"{members}/code", {}, page=members).status_code == 303
    assert "成员码已更换。" in school.owner.get(members).text
    code = join_code(school)
    assert code != old
    assert 'class="qr"' in school.reader.get(members).text
    for team in ("一班", "二班"):
        added = school.clerk.post(f"{members}/teams", {"team": team}, page=members)
        assert added.status_code == 303
    again = school.clerk.post(f"{members}/teams", {"team": " 一班 "}, page=members)
    assert (again.status_code, "已有同名" in again.text) == (409, True)

    # --- anybody may read what is counted; only who signed in may agree ---
    told = Browser(app).get(f"/join/{code}").text
    for said in ("示例学校", "至少 10 人", "随时可以退出", "登录后决定"):
        assert said in told
    assert Browser(app).get(f"/join/{old}").status_code == 404
    pupil = signed_in(app, PUPIL)
    page = pupil.get(f"/join/{code.lower()}").text
    assert 'name="agree"' in page
    assert "checked" not in page
    unticked = pupil.post(f"/join/{code}", {"team": "一班"})
    assert (unticked.status_code, "勾选同意" in unticked.text) == (422, True)
    teamless = pupil.post(f"/join/{code}", {"agree": "y"})
    assert (teamless.status_code, "请选择列表里" in teamless.text) == (422, True)
    assert rows_of(app) == []

    # --- joined: counted from today, consent kept, seen on both sides as far as each may ---
    assert pupil.post(f"/join/{code}", {"agree": "y", "team": "一班"}).status_code == 303
    assert "已加入" in pupil.get(f"/join/{code}").text
    twice = pupil.post(f"/join/{code}", {"agree": "y", "team": "一班"}, page="/me/institutions")
    assert (twice.status_code, "已经计入" in twice.text) == (409, True)
    assert "示例学校" in pupil.get("/me").text
    mine = pupil.get("/me/institutions").text
    assert "示例学校" in mine
    assert "一班" in mine
    assert "<strong>1</strong>" in school.reader.get(members).text
    for page in (members, f"{school.address}/people", school.address):
        assert PUPIL[-4:] not in school.owner.get(page).text
    (row,) = rows_of(app)
    home = f"/me/institutions/{school.public_id}"
    moved = pupil.post(f"{home}/team", {"team": "二班"}, page="/me/institutions")
    assert (moved.status_code, rows_of(app)[0].team) == (303, "二班")
    assert pupil.post(f"{home}/team", {"team": "三班"}, page="/me/institutions").status_code == 422

    # --- left on the day of joining: never counted; nobody else can end it ---
    stranger = signed_in(app, OTHERS[0])
    assert stranger.post(f"{home}/leave", {}, page="/me/institutions").status_code == 404
    assert pupil.post(f"{home}/leave", {}, page="/me/institutions").status_code == 303
    assert rows_of(app) == []
    with writing(app) as session:
        given = session.exec(select(Consent).where(col(Consent.purpose).contains("institution:")))
        assert [consent.withdrawn_at is not None for consent in given] == [True]
    assert pupil.post(f"{home}/leave", {}, page="/me/institutions").status_code == 404
    typed = pupil.post("/me/institutions", {"code": f"{code[:4]} {code[4:]}".lower()})
    assert typed.headers["Location"].endswith(f"/join/{code}")
    assert pupil.post("/me/institutions", {"code": "0000"}).status_code == 404

    # --- withdrawing the consent to the notice ends memberships like everything else ---
    assert pupil.post(f"/join/{code}", {"agree": "y", "team": "一班"}).status_code == 303
    gone = pupil.post("/me/withdraw", {"sure": "y"}, page="/me")
    assert (gone.status_code, rows_of(app)) == (303, [])
    assert row.first_day == business_day(utc_now())


def test_memberships_end_with_the_institution(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    pupil = signed_in(app, PUPIL)
    with writing(app) as session:
        row = session.get_one(Institution, school.row_id)
        actor, officer = actor_of(app, session, PUPIL), add_officer(app, session, "omar")
        code = joining.renew_code(session, institution=row, acting_user=officer, now=utc_now()).code
        joining.join(
            session,
            code=code,
            team="",
            agreed=True,
            notice_text="-",
            acting_user=actor,
            now=utc_now() - timedelta(days=40),
        )
        session.commit()
        assert "示例学校" in pupil.get("/me/institutions").text
        applications.close(
            session,
            public_id=school.public_id,
            reason="已合并",
            acting_user=officer,
            now=utc_now(),
        )
        session.commit()
    assert "还没有计入任何单位" in pupil.get("/me/institutions").text
    (kept,) = rows_of(app)
    assert kept.last_day == business_day(utc_now()) - timedelta(days=1)
    assert Browser(app).get(f"/join/{code}").status_code == 404


def test_units_ask_confirm_and_part(app: Flask) -> None:
    parent = arranged(app, "ines", PHONES, name_zh="示例教育局", kind="agency")
    child = arranged(app, "otto", OTHERS, name_zh="示例中学", credit_code=CODE_Y)
    settings, above = f"{child.address}/people", f"{parent.address}/people"
    asked = child.owner.post(f"{child.address}/parent", {"parent": CODE_X}, page=settings)
    assert asked.status_code == 303
    assert "等对方确认" in child.owner.get(settings).text
    assert "示例中学" not in parent.owner.get(f"{parent.address}/units").text
    wish = parent.owner.get(above).text.split("/units/")[1].split("/")[0]
    answer = f"{parent.address}/units/{wish}/answer"
    own = child.owner.post(f"{child.address}/units/{wish}/answer", {"agreed": "1"}, page=settings)
    assert own.status_code == 404
    assert parent.owner.post(answer, {"agreed": "1"}, page=above).status_code == 303
    assert parent.owner.post(answer, {"agreed": "0"}, page=above).status_code == 409
    shown = parent.reader.get(f"{parent.address}/units").text
    assert "示例中学" in shown
    assert "还没有锁定的清单" in shown
    file = parent.reader.get(f"{parent.address}/units.csv").data.decode("utf-8-sig")
    assert file.splitlines()[1].startswith("示例中学,")
    assert "1 个下属单位" in parent.reader.get(parent.address).text
    assert parent.reader.get(child.address).status_code == 404

    # --- nobody stands above themselves, over whatever number of steps ---
    turned = parent.owner.post(f"{parent.address}/parent", {"parent": child.public_id}, page=above)
    assert (turned.status_code, "不能再作为上级" in turned.text) == (409, True)
    own = parent.owner.post(f"{parent.address}/parent", {"parent": CODE_X}, page=above)
    assert (own.status_code, "不能隶属于自己" in own.text) == (422, True)

    # --- either side ends it, and the totals are gone at once ---
    end = f"{child.address}/units/{wish}/end"
    assert child.owner.post(end, {}, page=settings).status_code == 303
    assert "示例中学" not in parent.reader.get(f"{parent.address}/units").text
    assert child.owner.post(end, {}, page=settings).status_code == 409
