"""The city's public pages: figures from the books, nothing of few, and no query that grows."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session, select

from behaviors import city, demo_samples, open_data, plans, totals
from behaviors.city_rules import relations
from behaviors.total_models import CityTotal
from behaviors.views.city import every_month
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.disclosure import FEWEST_PEOPLE
from carbonaccount.errors import Invalid, NotFound, Refused
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityPlan, NeutralityStatement
from tests.behaviors.intake.arranging import NOW, admit, bring, broken
from tests.behaviors.totals.arranging import open_institution, people, rides
from tests.people import csrf_token
from tests.queries import counting
from tests.rewards.certificates.pages import text_of_pdf

HERE, THERE, ELSEWHERE = "370811", "370812", "370826"


@pytest.fixture
def filled(session: Session) -> Session:
    """Rides of 146 g: 12 people here and 15 there in two years, 3 elsewhere; three agencies."""
    source = admit(session)
    here, there = people(session, source, 12, HERE), people(session, source, 15, THERE)
    few = people(session, source, 3, ELSEWHERE)
    bring(session, source, *rides(here), *rides(there), *rides(few))
    bring(session, source, *rides(here, "2025-12-30"), *rides(there, "2025-12-30"))
    totals.add_up(session, now=NOW)
    for name, neutral in (("甲机关", True), ("乙机关", False)):
        state(session, open_institution(session, name), 2026, neutral=neutral)
    state(session, open_institution(session, "丁家", "family"), 2026, neutral=True)
    session.add(
        NeutralityPlan(
            institution_id=open_institution(session, "丙机关"),
            base_year=2024,
            target_year=2030,
            reduce_permille=200,
            changed_at=NOW,
        )
    )
    session.commit()
    return session


def state(session: Session, institution_id: int, year: int, *, neutral: bool) -> None:
    """Publish a statement of 5 t, of which green power takes 1 t and offsets 4 t or 3 t."""
    applicant = session.get_one(Institution, institution_id).applied_by
    offsets_g = 4_000_000 if neutral else 3_000_000
    balance = {
        "emissions_g": 5_000_000,
        "power_reduction_g": 1_000_000,
        "offsets_g": offsets_g,
        "remaining_g": 4_000_000 - offsets_g,
    }
    session.add(
        NeutralityStatement(
            public_id=f"statement {institution_id} {year}",
            institution_id=institution_id,
            year=year,
            status="published",
            inventory_id=1,
            inventory_version=1,
            content=json.dumps({"balance": balance}),
            is_neutral=neutral,
            drafted_by=applicant,
            drafted_at=NOW,
            published_at=NOW,
        )
    )
    session.flush()


def test_the_page_tells_groups_institutions_and_targets(
    filled: Session, client: FlaskClient, app: Flask
) -> None:
    # 57 rides of 146 g are 8322 g; the three elsewhere take the next smallest district along.
    page = client.get("/city").text
    assert 'value="8322"' in page
    assert page.count("不公布") >= 2
    assert 'value="438"' not in page  # what the three elsewhere came to
    assert "已碳中和" in page
    assert "/statements/statement 1 2026" in page or "/statements/statement%201%202026" in page
    assert page.index("甲机关") < page.index("方案的目标与进展")
    assert "济起管发〔2024〕2号" in page
    assert page.count("未报告") == len(plans.indicators())
    own, superior = page.split("上位方案的目标</h3>")
    assert "<td>2030 年前<" in own
    for said in ("约 13 %", "14.5 %", "20.5 %", "约 20 %", "68 % 以上"):
        assert f"<td>{said}<" in superior
    assert "鲁政字〔2022〕242号" in superior
    assert "鲁政字〔2022〕242号" not in own
    english = client.get("/city", headers={"Accept-Language": "en"}).text
    assert "Not reported" in english or "未报告" in english
    # Read again it costs one statement of its own; a new figure is there at once.
    with counting(app) as statements:
        client.get("/city")
    assert len(statements) <= 2
    filled.execute(sa.text("DELETE FROM neutrality_statement WHERE is_neutral"))
    filled.execute(sa.text("UPDATE neutrality_plan SET changed_at = '2026-11-21 08:00:00'"))
    filled.commit()
    with counting(app) as statements:
        assert "甲机关" not in client.get("/city").text
    assert len(statements) <= 11
    assert not [text for text in statements if "activity_record" in text or "day_total" in text]


def test_open_data_holds_what_its_dictionary_says(filled: Session, client: FlaskClient) -> None:
    page = client.get("/open-data").text
    for table in open_data.tables():
        names = [column.name for column in table.columns]
        assert all(f"<code>{name}</code>" in page for name in names)
        body = client.get(f"/open-data/{table.name}.json").get_json()
        assert [column["name"] for column in body["columns"]] == names
        text = client.get(f"/open-data/{table.name}.csv").data.decode("utf-8-sig")
        lines = list(csv.DictReader(io.StringIO(text)))
        assert list(lines[0]) == names
        assert len(lines) == len(body["rows"]) > 0
        for row, line in zip(body["rows"], lines, strict=True):
            assert list(row) == names
            for column in table.columns:
                assert_type(column.type, row[column.name], line[column.name])
    assert client.get("/open-data/residents.csv").status_code == 404
    # Families stay private, on every page and in every file.
    for address in ("/city", "/open-data/neutrality_statements.csv", "/city/evaluation/2026"):
        found = client.get(address).text
        assert "甲机关" in found
        assert "丁家" not in found


def test_a_file_says_that_samples_are_in_it(filled: Session, client: FlaskClient) -> None:
    def told() -> set[str]:
        text = client.get("/open-data/city_totals.csv").data.decode("utf-8-sig")
        return {line["sample_sources"] for line in csv.DictReader(io.StringIO(text))}

    assert told() == {""}
    demo_samples.load_sample_trips(filled, now=NOW)
    filled.commit()
    assert told() == {"demo-bus"}
    assert "<code>demo-bus</code>" in client.get("/open-data").text


def assert_type(kind: str, value: object, text: str) -> None:
    """Check a value of JSON and the text of CSV against the type of the dictionary."""
    if value is None:
        assert text == ""
        return
    assert text.lstrip("'") == (str(value).lower() if isinstance(value, bool) else str(value))
    if kind == "date-time":
        assert datetime.fromisoformat(str(value)).tzinfo is not None
    expected = {"integer": int, "boolean": bool}.get(kind, str)
    assert type(value) is expected
    if kind == "decimal":
        assert str(value).replace(".", "", 1).isdigit()


def test_withheld_groups_cannot_be_worked_out_from_the_file(
    filled: Session, client: FlaskClient
) -> None:
    rows = client.get("/open-data/city_totals.json").get_json()["rows"]
    told = {(row["dimension"], row["key"]): row for row in rows}
    stored = {(row.dimension, row.key): row for row in filled.exec(select(CityTotal))}
    small = [key for key, row in stored.items() if row.people < FEWEST_PEOPLE]
    assert ("district", ELSEWHERE) in small
    assert ("year_district", f"2026/{ELSEWHERE}") in small
    for key in small:
        assert told[key]["withheld"] is True
        assert {told[key][name] for name in ("people", "records", "reduction_g")} == {None}
    for item in relations(stored):
        gone = [key for key in item.parts if told[key]["withheld"]]
        if told[item.total]["withheld"]:
            continue
        # What the sum and its told parts leave is nothing, or of ten people at least.
        rest = told[item.total]["records"] - sum(
            told[key]["records"] for key in item.parts if key not in gone
        )
        assert rest == sum(stored[key].records for key in gone)
        assert not gone or len(gone) > 1
        assert not gone or sum(stored[key].people for key in gone) >= FEWEST_PEOPLE


def test_the_yearly_evaluation_is_the_books(
    filled: Session, client: FlaskClient, tmp_path: Path
) -> None:
    assert broken(filled) == {}  # Records, books and totals tell the same.
    page = client.get("/city/evaluation/2025")
    assert page.status_code == 200
    assert client.get("/city/evaluation/2019").status_code == 404
    lines = sheet_of(client, 2025)
    # 2025: 12 and 15 rides of 146 g, counted here once more from the records themselves.
    counted = filled.execute(
        sa.text(
            "SELECT d.name_zh, count(DISTINCT r.account_id), count(*), sum(r.reduction_g) "
            "FROM activity_record r JOIN account a ON a.id = r.account_id "
            "JOIN district d ON d.code = a.district_code "
            "WHERE r.business_day BETWEEN '2025-01-01' AND '2025-12-31' GROUP BY d.name_zh"
        )
    ).all()
    assert sorted(int(row[3]) for row in counted) == [1752, 2190]
    for name, people_count, records, grams in counted:
        assert lines[name][3:6] == [int(people_count), int(records), int(grams)]
    assert lines["全市"][3:9] == [27, 27, 3942, 0, 0, 0]
    assert "甲机关" not in lines  # It came in 2026 only.
    lines = sheet_of(client, 2026)
    # Of 2026 three people elsewhere are withheld, and the twelve who would tell them.
    assert [lines[name][3] for name in ("任城区", "兖州区", "微山县")] == ["不公布", 15, "不公布"]
    assert lines["甲机关"][8:] == [1, 5_000_000, 1_000_000, 4_000_000, 0]
    assert lines["乙机关"][8:] == [0, 5_000_000, 1_000_000, 3_000_000, 1_000_000]
    assert lines["丙机关"][9:] == ["未公布"] * 4
    assert lines["任城区"][6:9] == lines["全市"][6:9] == [3, 2, 1]
    filled.commit()  # On SQLite the count of papers waits for every writer.
    paper = client.get("/city/evaluation/2026.pdf")
    assert paper.status_code == 200
    text = text_of_pdf(paper.data, tmp_path)
    for word in ("2026 年度评价", "甲机关", "丙机关", "5.00 t", "不公布", "不是排名"):
        assert word in text


def test_a_year_of_statements_only_is_reported_on(session: Session, client: FlaskClient) -> None:
    """2024 has no residents: the one that stated it is there, and the one admitted in time."""
    assert client.get("/city/evaluation/2024").status_code == 404
    state(session, open_institution(session, "甲机关"), 2024, neutral=True)
    state(session, open_institution(session, "丁家", "family"), 2023, neutral=True)
    early = session.get_one(Institution, open_institution(session, "乙机关"))
    early.decided_at = datetime(2024, 12, 31, 15, 59, tzinfo=UTC)
    late = session.get_one(Institution, open_institution(session, "丙机关"))
    late.decided_at = datetime(2024, 12, 31, 16, tzinfo=UTC)
    session.commit()
    page = client.get("/city/evaluation/2024")
    assert page.status_code == 200
    assert "居民的数字还没有汇总过" in page.text
    assert "/city/evaluation/2024" in client.get("/city").text
    lines = sheet_of(client, 2024)
    assert lines["全市"][3:9] == lines["任城区"][3:9] == [0, 0, 0, 2, 1, 1]
    assert lines["甲机关"][7:10] == [1, 1, 5_000_000]
    assert lines["乙机关"][7:10] == [0, 0, "未公布"]
    assert "丙机关" not in lines
    assert client.get("/city/evaluation/2023").status_code == 404


def sheet_of(client: FlaskClient, year: int) -> dict[str, list[object]]:
    """Return the lines of the evaluation's workbook by name, the city's by its kind."""
    content = io.BytesIO(client.get(f"/city/evaluation/{year}.xlsx").data)
    rows = [[cell.value for cell in row] for row in openpyxl.load_workbook(content).active]
    return {str(row[1] or row[0]): row for row in rows}


def test_the_rule_of_uncertainty() -> None:
    def group(key: str, grams: int, *, withheld: bool = False) -> city.Group:
        return city.Group(key, withheld, 1, 20, None if withheld else grams, 0)

    parts = [group("A", 600), group("B", 150), group("C", 250)]
    found = city.bounds(group("", 1000), parts)
    assert found == city.Bounds(750, 1000)
    assert found.certified_percent == 75
    assert city.bounds(group("", 1000), [group("A", 0, withheld=True), *parts[1:]]) is None
    assert city.bounds(group("", 0), []) == city.Bounds(0, 0)
    assert city.Bounds(0, 0).certified_percent == 100


def test_the_months_are_told_one_after_another() -> None:
    def group(key: str, grams: int | None) -> city.Group:
        few = grams is None
        return city.Group(key, few, *((None,) * 4 if few else (1, 10, grams, 0)))

    told = every_month([group("2025-11", 5), group("2026-02", None), group("2026-03", 7)])
    assert [(item.key, item.reduction_g) for item in told] == [
        *(("2025-11", 5), ("2025-12", 0), ("2026-01", 0)),
        *(("2026-02", None), ("2026-03", 7)),
    ]
    # Two years at most: what was long ago makes no leap.
    ages = [group(key, 5) for key in ("2015-10", "2024-09", "2024-10", "2026-09")]
    keys = [item.key for item in every_month(ages)]
    assert (keys[0], keys[3], keys[-1], len(keys)) == ("2024-10", "2025-01", "2026-09", 24)
    assert every_month([]) == []


def test_indicators_are_those_of_the_plans() -> None:
    found = {item.code: item for item in plans.indicators()}
    assert found["recycling_rate_jining_2025"].plans[0].document == "济政字〔2023〕39号"
    assert [(item.year, str(item.target), item.relation) for item in plans.indicators()] == [
        (2030, "2030", "before"),
        (2025, "35", ""),
        (2035, "45", ""),
        (2035, "60", ""),
        (None, "500", ""),
        # Of the whole province: 13 % or so, 14.5 and 20.5 %; 20 % or so, 68 % and more
        (2025, "13", "about"),
        (2025, "14.5", ""),
        (2025, "20.5", ""),
        (2030, "20", "about"),
        (2030, "68", "at_least"),
    ]
    assert [item.superior for item in plans.indicators()] == [False] * 5 + [True] * 5
    assert {item.plans[0].document for item in plans.indicators() if item.superior} == {
        "鲁政字〔2022〕242号"
    }
    assert all(item.source_zh and item.source_en for item in plans.indicators())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "nothing"}, NotFound),
        ({"year": 1999}, Invalid),
        ({"year": 2027}, Invalid),  # a year to come
        ({"value": "-1"}, Invalid),
        ({"value": "100.5"}, Invalid),
        ({"value": "NaN"}, Invalid),
        ({"value": "12.3456"}, Invalid),
        ({"source": "  "}, Invalid),
        # Of the peak a year is told, and none to come.
        ({"code": "peak_jining_2030", "value": "2027"}, Invalid),
        ({"code": "peak_jining_2030", "value": "2025.5"}, Invalid),
        ({"code": "peak_jining_2030", "value": "30"}, Invalid),
        ({}, Refused),
    ],
)
def test_what_cannot_be_reported(changes: dict[str, object], error: type[Exception]) -> None:
    given = {"code": "bus_share_2035", "year": 2026, "value": "41.5", "source": "公报"}
    actor = Actor("staff", "1", 1) if changes else SYSTEM
    needs: Any = {**given, **changes, "acting_user": actor}
    with pytest.raises(error):
        plans.report_value(Session(), now=datetime(2026, 11, 21, tzinfo=UTC), **needs)


def test_the_kept_page_gives_each_reader_a_token_of_their_own(app: Flask) -> None:
    first, second = app.test_client(), app.test_client()
    tokens = [csrf_token(reader.get("/city")) for reader in (first, second)]
    assert tokens[0] != tokens[1]
    form = {"locale": "en", "next": "/city"}
    assert second.post("/language", data={**form, "csrf_token": tokens[0]}).status_code == 400
    assert second.post("/language", data={**form, "csrf_token": tokens[1]}).status_code == 303
    # The choice of one reader is not that of the others.
    assert 'lang="en' in second.get("/city").text
    assert 'lang="zh' in first.get("/city").text
