"""Reporting a value of a plan's indicator: who may, what is kept, and what everybody sees."""

from flask import Flask
from sqlmodel import col, select

from behaviors.total_models import PlanIndicatorValue
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import AuditEntry
from tests.admin.desk import staff
from tests.people import Browser, csrf_token, writing

PAGE = "/admin/indicators/recycling_rate_jining_2025"


def report(browser: Browser, **values: str) -> int:
    """Send the form; returns the status."""
    form = {"year": "2024", "value": "31.50", "source": "济宁市统计公报〔2025〕1号", **values}
    page = browser.get(PAGE)
    return browser.post(PAGE, {**form, "csrf_token": csrf_token(page)}).status_code


def test_a_reported_value_is_public_and_audited(app: Flask) -> None:
    oscar, audrey = staff(app, Role.OPERATOR), staff(app, Role.AUDITOR, login="audrey")
    listed = oscar.get("/admin/indicators").text
    assert listed.count("未报告") == 10
    assert "2030 年前" in listed
    assert "上位方案" in oscar.get("/admin/indicators/carbon_intensity_shandong_2030").text
    for wrong in ({"value": "101"}, {"value": "many"}, {"year": "1999"}, {"source": ""}):
        assert report(oscar, **wrong) == 422
    assert report(oscar) == 303
    # The same year again: the last word counts, both stay.
    assert report(oscar, value="32") == 303
    assert report(oscar, year="2023", value="30") == 303
    with writing(app) as session:
        rows = session.exec(select(PlanIndicatorValue).order_by(col(PlanIndicatorValue.id))).all()
        assert [(row.year, row.value) for row in rows] == [
            (2024, "31.5"), (2024, "32"), (2023, "30"),
        ]  # fmt: skip
        trail = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "indicator.report")
        ).all()
        assert [entry.details["value"] for entry in trail] == ["31.5", "32", "30"]
        assert {entry.subject for entry in trail} == {"recycling_rate_jining_2025"}
    peak = "/admin/indicators/peak_jining_2030"
    for value, status in (("2025.5", 422), ("2025", 303)):
        token = csrf_token(oscar.get(peak))
        form = {"year": "2026", "value": value, "source": "公报", "csrf_token": token}
        assert oscar.post(peak, form).status_code == status
    public = app.test_client().get("/city").text
    assert "<td>2025 年<" in public
    assert "济宁市统计公报〔2025〕1号" in public
    assert public.count("未报告") == 8
    assert "32," in audrey.get("/admin/indicators.csv").text
    assert "记下已公布的数值" not in audrey.get(PAGE).text
    assert report(audrey) == 403
    assert oscar.get("/admin/indicators/nothing").status_code == 404


def test_a_value_is_taken_back_with_a_reason(app: Flask) -> None:
    """With the last word of a year goes what it corrected; the year before it counts again."""
    oscar, audrey = staff(app, Role.OPERATOR), staff(app, Role.AUDITOR, login="audrey")
    for year, value in (("2023", "30"), ("2024", "31.5"), ("2024", "32")):
        assert report(oscar, year=year, value=value, source=f"{year} 年公报") == 303
    anybody = app.test_client()
    assert "2024 年公报" in anybody.get("/city").text
    address = f"{PAGE}/2024/withdraw"
    unexplained = oscar.post(address, {"reason": " "}, page=PAGE)
    assert unexplained.status_code == 422
    assert "请写明理由" in unexplained.text
    assert audrey.post(address, {"reason": "记错了"}, page=PAGE).status_code == 403
    assert oscar.post(address, {"reason": "记错了指标"}, page=PAGE).status_code == 303
    assert oscar.post(address, {"reason": "记错了指标"}, page=PAGE).status_code == 404
    rows = anybody.get("/open-data/plan_indicators.json").get_json()["rows"]
    assert [row["reported_year"] for row in rows if row["reported_value"]] == [2023]
    assert "2023 年公报" in anybody.get("/city").text
    with writing(app) as session:
        entry = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "indicator.withdraw")
        ).one()
        assert (entry.reason, entry.details["values"]) == ("记错了指标", ["31.5", "32"])
