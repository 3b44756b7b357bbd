"""Sources at the panel: admitted, changed, keys shown once, rotated, revoked; daily totals."""

import csv
import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import Session, col, select
from werkzeug.test import TestResponse

from behaviors.models import Channel, IntakeBatch, Source, SourceKey
from behaviors.sources import bind_subject, source_by_code
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day, day_start, utc_now
from tests.admin.desk import staff
from tests.behaviors.api.conftest import ACTIVITIES, Partner, item
from tests.people import Browser, csrf_token, writing

SECRETS = re.compile(r'<code class="secret">([^<]+)</code>')


@pytest.fixture
def sys(app: Flask) -> Browser:
    return staff(app, Role.SYSTEM_ADMIN, login="sys")


def send(browser: Browser, path: str, **fields: object) -> TestResponse:
    token = csrf_token(browser.get("/admin/sources"))
    return browser.client.post(path, data={"csrf_token": token, **fields})


def admit(browser: Browser, **changes: object) -> TestResponse:
    fields: dict[str, object] = {
        "code": "bikes",
        "name_zh": "单车公司",
        "name_en": "Bikes",
        "behaviors": ["bike_ride"],
        "best_evidence": "A",
        "bindable": "1",
        **changes,
    }
    return send(browser, "/admin/sources/new", **fields)


def partner(app: Flask, page: TestResponse) -> Partner:
    """Return the partner's program with the key that the page shows."""
    key_id, secret = SECRETS.findall(page.text)
    with writing(app) as session:
        source = source_by_code(session, "bikes")
        account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
        bind_subject(
            session,
            source=source,
            subject="rider-1",
            account_public_id=account.public_id,
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
    return Partner("bikes", key_id, secret, app.test_client())


def source(app: Flask) -> Source:
    with writing(app) as session:
        return source_by_code(session, "bikes")


def keys(session: Session) -> list[SourceKey]:
    return list(session.exec(select(SourceKey).order_by(col(SourceKey.created_at))))


def test_an_admitted_partner_sends_with_the_key_shown_once(app: Flask, sys: Browser) -> None:
    page = admit(sys, daily_quota="1000")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    program = partner(app, page)
    assert program.send(item("e-1")).status_code == 200
    assert source(app).daily_quota == 1000
    shown = sys.get("/admin/sources/bikes").text
    assert program.secret not in shown
    assert program.key_id in shown
    assert "1,000 条，今天已用 1" in shown


def test_rotation_lets_the_old_key_go_on_for_a_while(app: Flask, sys: Browser) -> None:
    old = partner(app, admit(sys))
    page = send(sys, "/admin/sources/bikes/keys/rotate", overlap_days="3")
    key_id, secret = SECRETS.findall(page.text)
    new = Partner("bikes", key_id, secret, app.test_client())
    assert old.send(item("e-1")).status_code == 200
    assert new.send(item("e-2")).status_code == 200
    with writing(app) as session:
        first, second = keys(session)
    assert second.expires_at is None
    assert first.expires_at is not None
    assert abs(first.expires_at - utc_now() - timedelta(days=3)) < timedelta(minutes=5)
    assert "即将停用" in sys.get("/admin/sources/bikes").text


def test_a_revoked_key_is_worth_nothing_at_once(app: Flask, sys: Browser) -> None:
    program = partner(app, admit(sys))
    path = f"/admin/sources/bikes/keys/{program.key_id}/revoke"
    assert send(sys, path).status_code == 303
    assert program.send(item("e-1")).status_code == 401
    assert "已作废" in sys.get("/admin/sources/bikes").text


def test_switched_off_and_what_it_may_report(app: Flask, sys: Browser) -> None:
    program = partner(app, admit(sys))
    changed = {
        "name_zh": "新单车",
        "name_en": "New Bikes",
        "behaviors": ["bus_trip", "metro_trip"],
        "best_evidence": "B",
        "active": "1",
        "daily_quota": "",
    }
    assert send(sys, "/admin/sources/bikes/edit", **changed).status_code == 303
    found = source(app)
    assert (found.name_zh, found.behaviors, found.best_evidence) == (
        "新单车",
        ["bus_trip", "metro_trip"],
        "B",
    )
    assert (found.bindable, found.active) == (False, True)
    assert "新单车" in str(found.consent_texts)
    answer = program.send(item("e-1")).json
    assert answer is not None
    assert answer["items"][0]["code"] == "behavior_not_allowed"
    del changed["active"]
    assert send(sys, "/admin/sources/bikes/edit", **changed).status_code == 303
    assert program.send(item("e-2")).status_code == 401


WRONG: list[tuple[dict[str, object], int, str]] = [
    ({"code": "Bikes!"}, 422, "小写字母开头"),
    ({"code": "self"}, 409, "已经存在"),
    ({"name_en": " "}, 422, "1 至 80"),
    ({"behaviors": []}, 422, "至少要给出一种行为"),
    ({"behaviors": ["teleport"]}, 422, "teleport"),
    ({"daily_quota": "0"}, 422, "每日配额"),
    ({"daily_quota": "many"}, 422, "每日配额"),
    ({"daily_quota": "9999999999"}, 422, "每日配额"),
    ({"public_key": "short"}, 422, "公钥"),
]


def test_what_is_wrong_is_said_and_nothing_is_kept(app: Flask, sys: Browser) -> None:
    for changes, status, said in WRONG:
        response = admit(sys, **changes)
        assert response.status_code == status
        assert said in response.text
        with writing(app) as session:
            assert session.exec(select(Source.code)).all() == ["self"]
            assert keys(session) == []


def test_residents_own_reports_cannot_be_changed(sys: Browser) -> None:
    response = send(
        sys, "/admin/sources/self/edit", name_zh="x", name_en="x",
        behaviors=["bus_trip"], best_evidence="A",
    )  # fmt: skip
    assert response.status_code == 409
    assert "不能更改" in response.text


def test_an_overlap_that_is_no_number(app: Flask, sys: Browser) -> None:
    partner(app, admit(sys))
    response = send(sys, "/admin/sources/bikes/keys/rotate", overlap_days="-1")
    assert response.status_code == 422
    with writing(app) as session:
        assert len(keys(session)) == 1


def batch(session: Session, source_id: int, day: int, hour: int, **counts: int) -> None:
    """Write down a batch so many days before today, at an hour of the city's clock."""
    moment = day_start(business_day(utc_now()) - timedelta(days=day)) + timedelta(hours=hour)
    session.add(
        IntakeBatch(
            source_id=source_id,
            channel=Channel.API.value,
            received_at=moment,
            reasons={"capped": counts.get("accepted", 0)},
        ).sqlmodel_update(counts)
    )


def test_daily_totals_are_of_the_citys_days(app: Flask, sys: Browser) -> None:
    admit(sys)
    with writing(app) as session:
        source_id = source_by_code(session, "bikes").stored_id
        # One o'clock in the city is the day before in UTC; both are one day of the city.
        batch(session, source_id, 2, 1, accepted=5, rejected=1)
        batch(session, source_id, 2, 23, accepted=7, duplicate=2)
        batch(session, source_id, 1, 0, held=3, conflict=4)
        batch(session, source_id, 300, 0, accepted=100)
        session.commit()
    exported = sys.get("/admin/sources/bikes/totals.csv").data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(exported)))[1:]
    today = business_day(utc_now())
    assert rows == [
        [(today - timedelta(days=1)).isoformat(), "1", "7", "0", "0", "0", "4", "3"],
        [(today - timedelta(days=2)).isoformat(), "2", "15", "12", "2", "1", "0", "0"],
        [(today - timedelta(days=300)).isoformat(), "1", "100", "100", "0", "0", "0", "0"],
    ]
    # 5 of the 22 items of thirty days failed: 227.3 of a thousand, rounded up.
    listed = list(
        csv.DictReader(io.StringIO(sys.get("/admin/sources.csv").data.decode("utf-8-sig")))
    )
    assert [(row["代码"], row["30 天条数"], row["出错（‰）"]) for row in listed] == [
        ("bikes", "22", "228"),
        ("self", "0", "0"),
    ]
    assert "capped" in sys.get("/admin/sources/bikes").text


def test_filters(app: Flask, sys: Browser) -> None:
    admit(sys)
    assert "共 2 条" in sys.get("/admin/sources").text
    assert "共 1 条" in sys.get("/admin/sources?behavior=bike_ride").text
    assert "共 1 条" in sys.get("/admin/sources?q=单车").text
    assert "没有符合条件" in sys.get("/admin/sources?state=inactive").text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_others_only_look(app: Flask, sys: Browser, role: Role) -> None:
    admit(sys)
    other = staff(app, role, login="otto")
    shown = other.get("/admin/sources/bikes")
    assert shown.status_code == 200
    assert "更换密钥" not in shown.text
    for path in ("new", "bikes/edit"):
        assert other.get(f"/admin/sources/{path}").status_code == 403
    for path in ("new", "bikes/edit", "bikes/keys", "bikes/keys/rotate", "bikes/keys/k/revoke"):
        assert send(other, f"/admin/sources/{path}").status_code == 403


def test_reviewers_do_not(app: Flask) -> None:
    rita = staff(app, Role.REVIEWER)
    assert rita.get("/admin/sources").status_code == 403
    assert rita.get(ACTIVITIES).status_code == 405
