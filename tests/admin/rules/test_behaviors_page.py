"""Behaviours in the panel: list, files, stopping, adding one, and earning with it."""

import csv
import io
from datetime import timedelta

import openpyxl
from flask import Flask
from sqlmodel import select

from behaviors import rule_queries
from behaviors.models import Behavior
from behaviors.services import report_act
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM, AuditEntry
from carbonaccount.clock import utc_now
from tests.admin.rules.office import drafted, electric_bus, previewed, said, step
from tests.people import Browser, csrf_token, writing
from tests.queries import counting

LIST = "/admin/behaviors"
TEXTS = {
    "name_zh": "骑行去图书馆",
    "name_en": "Library visit by bike",
    "counts_zh": "骑车去图书馆。",
    "counts_en": "Going to the library by bike.",
    "not_counts_zh": "",
    "not_counts_en": "",
    "baseline_zh": "",
    "baseline_en": "",
    "not_with_zh": "",
    "not_with_en": "",
}


def lines(browser: Browser, query: str = "") -> list[dict[str, str]]:
    """Return the rows of the CSV file."""
    text = browser.get(f"{LIST}.csv{query}").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_every_behaviour_is_listed_and_counted(app: Flask, erin: Browser) -> None:
    with writing(app) as session:
        count = len(session.exec(select(Behavior)).all())
    assert count > 30
    assert f"共 {count} 条" in said(erin.get(LIST))
    assert len(lines(erin)) == count
    book = openpyxl.load_workbook(io.BytesIO(erin.get(f"{LIST}.xlsx").data))
    assert book.active is not None
    assert book.active.max_row == count + 1


def test_filter_sort_and_page(erin: Browser) -> None:
    drafted(erin)
    page = said(erin.get(f"{LIST}?q=BUS_TRIP"))
    assert "共 1 条" in page
    assert [row["代码"] for row in lines(erin, "?work=1")] == ["bus_trip"]
    assert {row["类别"] for row in lines(erin, "?family=transport")} == {"绿色出行"}
    assert {row["状态"] for row in lines(erin, "?state=off")} == {"未启用"}
    first = erin.get(f"{LIST}?sort=code").text
    last = erin.get(f"{LIST}?sort=-code").text
    assert "a4_" in first or "bike_ride" in first
    assert first != last
    assert "第 2 页" in said(erin.get(f"{LIST}?page=2"))
    assert "第 2 页" in said(erin.get(f"{LIST}?page=99"))
    assert "没有符合条件的行为" in erin.get(f"{LIST}?q=zzz").text


def test_a_name_that_is_a_formula_is_harmless_in_files(app: Flask, erin: Browser) -> None:
    with writing(app) as session:
        behavior = rule_queries.find_behavior(session, "bus_trip")
        zh = {**behavior.texts["zh"], "name": "=1+1"}  # type: ignore[dict-item]
        behavior.texts = {**behavior.texts, "zh": zh}
        session.commit()
    assert "'=1+1" in {row["行为"] for row in lines(erin)}


def test_the_list_asks_the_database_few_things(app: Flask, erin: Browser) -> None:
    erin.get(LIST)
    with counting(app) as statements:
        erin.get(LIST)
    assert len(statements) <= 10


def test_stopping_and_resuming(app: Flask, erin: Browser) -> None:
    page = f"{LIST}/bus_trip"
    refused = erin.post(f"{page}/stop", {"reason": " "}, page=page)
    assert refused.status_code == 422
    assert erin.post(f"{page}/stop", {"reason": "fare data"}, page=page).status_code == 303
    shown = said(erin.get(page))
    assert "已停止受理" in shown
    assert "fare data" in shown
    assert [row["代码"] for row in lines(erin, "?state=stopped")] == ["bus_trip"]
    again = erin.post(f"{page}/stop", {"reason": "once more"}, page=page)
    assert again.status_code == 409
    assert "once more" in again.text
    assert erin.post(f"{page}/resume", {"reason": "fixed"}, page=page).status_code == 303
    assert lines(erin, "?state=stopped") == []
    with writing(app) as session:
        actions = [item.action for item in session.exec(select(AuditEntry)).all()]
    assert "behavior.stop" in actions
    assert "behavior.resume" in actions


def test_texts_are_changed_and_shown_to_everybody(erin: Browser) -> None:
    page = f"{LIST}/bus_trip/texts"
    assert erin.get(page).status_code == 200
    data = {**TEXTS, "enabled": "y", "self_report": "y", "reason": "clearer"}
    assert erin.post(page, data).status_code == 303
    assert "骑行去图书馆" in erin.get("/methods/bus_trip").text
    refused = erin.post(page, {**data, "name_en": "", "name_zh": "别名"})
    assert refused.status_code == 422
    assert "别名" in refused.text


def test_a_behaviour_that_is_not_new_or_has_no_code_is_refused(erin: Browser) -> None:
    page = f"{LIST}/new"
    data = {**TEXTS, "family": "transport", "category": "行"}
    for code, status in (("bus_trip", 409), ("Nope!", 422), ("", 422)):
        response = erin.post(page, {**data, "code": code})
        assert response.status_code == status, code
        assert "Going to the library by bike." in response.text


def test_a_new_linear_behaviour_needs_data_only_and_earns(
    app: Flask, erin: Browser, anna: Browser
) -> None:
    """2 rides of 3 km to the library: 3 x 0.05 kg = 150 g each, self-declared a quarter."""
    added = erin.post(
        f"{LIST}/new", {**TEXTS, "code": "library_ride", "family": "transport", "category": "行"}
    )
    assert added.status_code == 303
    page = f"{LIST}/library_ride/rules/new"
    assert "因子" in erin.get(page).text
    form = electric_bus(
        cap="", double_count_group="", **{"parameters-0-value": "0.05", "quantity_unit": "km"}
    )
    form["parameters-0-unit"] = "kg/km"
    form["valid_from"] = next_workday(app)
    response = erin.post(page, form)
    assert response.status_code == 303, said(response)
    version_id = int(response.location.rsplit("/", 1)[1])
    previewed(app, version_id)
    assert step(erin, version_id, "submit").status_code == 303
    on = {**TEXTS, "enabled": "y", "self_report": "y", "reason": "ready"}
    texts = f"{LIST}/library_ride/texts"
    assert erin.post(texts, on).status_code == 409, "nothing is switched on without a rule"
    assert step(anna, version_id, "approve").status_code == 303
    assert erin.post(texts, on).status_code == 303
    assert reported_credits(app, "library_ride", "3") == [37, 37]


def next_workday(app: Flask) -> str:
    """Return the first day on which a rule may take effect."""
    with writing(app) as session:
        return rule_queries.earliest_day(session, now=utc_now()).isoformat()


def reported_credits(app: Flask, behavior: str, km: str) -> list[int]:
    """Report an act twice, a week after today, and return the credits of each."""
    moment = utc_now() + timedelta(days=14)
    with writing(app) as session:
        account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
        earned = [
            report_act(
                session,
                account_id=account.stored_id,
                behavior=behavior,
                activity={"distance_km": km},
                occurred_at=moment - timedelta(hours=hour),
                photo=None,
                photo_folder=app.extensions["carbonaccount.settings"].instance_path,
                form_token=f"{behavior}-{hour}",
                acting_user=SYSTEM,
                now=moment,
            ).credits
            for hour in (1, 5)
        ]
        session.commit()
    return earned


def test_an_approver_cannot_draft(anna: Browser) -> None:
    assert "/rules/new" not in anna.get(f"{LIST}/bus_trip").text
    assert anna.get(f"{LIST}/bus_trip/rules/new").status_code == 403
    token = csrf_token(anna.get(f"{LIST}/bus_trip"))
    assert anna.post_with(token, f"{LIST}/bus_trip/rules/new", electric_bus()).status_code == 403
