"""Emission factors in the panel: versions, and drafts for every rule that uses them."""

import csv
import io

from flask import Flask
from sqlmodel import select

from behaviors.models import EmissionFactor
from tests.admin.rules.office import drafted_factor, drafts_of, factor_step, said
from tests.people import Browser, writing

LIST = "/admin/factors"
# home_ev_charging and the like: the shipped methods that take their number from this factor.
USERS_OF_GRID_SHANDONG = 5


def test_list_and_file_agree(app: Flask, erin: Browser) -> None:
    with writing(app) as session:
        count = len(session.exec(select(EmissionFactor)).all())
    assert f"共 {count} 条" in said(erin.get(LIST))
    text = erin.get(f"{LIST}.csv").data.decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text)))) == count
    chosen = erin.get(f"{LIST}.csv?q=grid.shandong").data.decode("utf-8-sig")
    assert {row["代码"] for row in csv.DictReader(io.StringIO(chosen))} == {"grid.shandong"}


def test_versions_and_users_of_a_factor(erin: Browser) -> None:
    page = said(erin.get(f"{LIST}/grid.shandong"))
    assert "0.6410" in page
    assert "0.6191" in page
    assert erin.get(f"{LIST}/grid.atlantis").status_code == 404


def test_a_new_version_drafts_every_rule_that_uses_it(
    app: Flask, erin: Browser, anna: Browser
) -> None:
    factor_id = drafted_factor(app, erin)
    assert "草稿" in said(erin.get(f"{LIST}/grid.shandong"))
    assert factor_step(erin, factor_id, "submit").status_code == 303
    assert "0.6000" in said(anna.get("/admin/rules"))
    assert factor_step(anna, factor_id, "approve").status_code == 303
    assert len(drafts_of(app)) == USERS_OF_GRID_SHANDONG
    page = said(anna.get(f"{LIST}/grid.shandong"))
    assert f"为 {USERS_OF_GRID_SHANDONG} 条用到它的规则起草了新版本" in page


def test_a_returned_factor_is_a_draft_again(app: Flask, erin: Browser, anna: Browser) -> None:
    factor_id = drafted_factor(app, erin)
    factor_step(erin, factor_id, "submit")
    assert factor_step(anna, factor_id, "return").status_code == 303
    edited = erin.post(
        f"{LIST}/{factor_id}/edit",
        {
            "name_zh": "山东省电力平均二氧化碳排放因子",
            "name_en": "Average CO2 factor of electricity, Shandong",
            "value": "0.6001",
            "gas": "CO2",
            "valid_from": "2099-01-05",
            "data_year": "2024",
            "grade": "A",
            "source": "MEE announcement",
        },
    )
    assert edited.status_code == 303
    assert "0.6001" in said(erin.get(f"{LIST}/grid.shandong"))


def test_a_factor_that_cannot_be_is_refused_and_keeps_what_was_typed(
    app: Flask, erin: Browser
) -> None:
    wrong = {
        "code": "Grid Shandong",
        "unit": "kgCO2/kWh",
        "name_zh": "电",
        "name_en": "Power",
        "value": "-1",
        "gas": "CO2",
        "valid_from": "",
        "data_year": "",
        "grade": "B",
        "source": "somewhere",
    }
    response = erin.post(f"{LIST}/new", wrong)
    assert response.status_code == 422
    assert "Grid Shandong" in response.text
    assert "somewhere" in response.text
    too_early = {**wrong, "value": "0.6", "valid_from": "2020-01-01"}
    response = erin.post(f"{LIST}/new?code=grid.shandong", too_early)
    assert response.status_code == 422
    first = erin.post(f"{LIST}/new", {**wrong, "code": "steam.city", "value": "0.11"})
    assert first.status_code == 303, said(first)
    assert "steam.city" in erin.get(LIST + "?q=steam").text
