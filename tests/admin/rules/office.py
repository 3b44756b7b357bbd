"""Browsers of the people who work with rules, and the form of an all-electric bus."""

import re
from datetime import timedelta
from html import unescape

from flask import Flask
from sqlmodel import col, select
from werkzeug.test import TestResponse

from behaviors import rule_queries
from behaviors.models import EmissionFactor, RuleVersion
from behaviors.rule_models import RulePreview, WorkStatus
from carbonaccount.clock import utc_now
from tests.people import Browser, writing

NEW_BUS = "/admin/behaviors/bus_trip/rules/new"


def electric_bus(**changes: str) -> dict[str, str]:
    """The whole form: 0.0269 kg a passenger-kilometre, capped at 40 a day."""
    with_defaults = {
        "valid_from": "2099-01-05",
        "amounts-0-name": "distance_km",
        "amounts-0-unit": "km",
        "amounts-0-minimum": "0",
        "amounts-0-maximum": "500",
        "amounts-0-step": "0.5",
        "amounts-0-label_zh": "乘车里程",
        "amounts-0-label_en": "Distance travelled",
        "amounts-0-example": "",
        "quantity_expression": "distance_km",
        "quantity_unit": "pkm",
        "parameters-0-name": "ef_reduction",
        "parameters-0-value": "0.0269",
        "parameters-0-unit": "kg/pkm",
        "parameters-0-grade": "B",
        "parameters-0-source": "Shenzhen 2021",
        "parameters-0-factor": "",
        "factor_expression": "ef_reduction",
        "cap": "40",
        "double_count_group": "trip",
        "multiplier_a": "1",
        "multiplier_b": "1",
        "multiplier_c": "0.5",
        "multiplier_d": "0.25",
        "grams_for": "A",
        "credits_per_gram": "1",
        "credits_per_act": "0",
        "grade": "B",
        "citation": "Shenzhen method 2021",
        "reason": "the fleet is electric now",
        "example_evidence": "A",
        "action": "save",
    }
    return {**with_defaults, **changes}


def drafted(browser: Browser, **changes: str) -> int:
    """Draft a bus rule; returns the version's id."""
    response = browser.post(NEW_BUS, electric_bus(**changes))
    assert response.status_code == 303, response.text
    return int(response.location.rsplit("/", 1)[1])


def previewed(app: Flask, version_id: int) -> None:
    """Leave a finished preview of a version behind, as if it had been run just now."""
    with writing(app) as session:
        version = rule_queries.find_version(session, version_id)
        session.add(
            RulePreview(
                public_id=f"preview-{version_id}",
                behavior_id=version.behavior_id,
                rule_version_ids=[version_id],
                first_day=(utc_now() - timedelta(days=30)).date(),
                last_day=utc_now().date(),
                status=WorkStatus.DONE,
                staff_id=version.drafted_by or 0,
                asked_at=utc_now(),
            )
        )
        session.commit()


def step(browser: Browser, version_id: int, name: str, **data: str) -> TestResponse:
    """Take a step in a version's life from its page."""
    page = f"/admin/rules/{version_id}"
    return browser.post(f"{page}/{name}", {"reason": "because", **data}, page=page)


def in_review(app: Flask, browser: Browser, **changes: str) -> int:
    """Draft a rule and hand it to another person."""
    version_id = drafted(browser, **changes)
    previewed(app, version_id)
    assert step(browser, version_id, "submit").status_code == 303
    return version_id


def status_of(app: Flask, version_id: int) -> str:
    """Return how a version stands."""
    with writing(app) as session:
        return rule_queries.find_version(session, version_id).status


def drafted_factor(app: Flask, browser: Browser) -> int:
    """Draft a new value of the province's electricity."""
    response = browser.post(
        "/admin/factors/new?code=grid.shandong",
        {
            "name_zh": "山东省电力平均二氧化碳排放因子",
            "name_en": "Average CO2 factor of electricity, Shandong",
            "value": "0.6000",
            "gas": "CO2",
            "valid_from": "2099-01-05",
            "data_year": "2024",
            "grade": "B",
            "source": "MEE announcement",
        },
    )
    assert response.status_code == 303, said(response)
    with writing(app) as session:
        factor = session.exec(
            select(EmissionFactor).order_by(col(EmissionFactor.id).desc())
        ).first()
    assert factor is not None
    assert factor.id is not None
    return factor.id


def factor_step(browser: Browser, factor_id: int, name: str) -> TestResponse:
    """Take a step in a factor's life from its page."""
    return browser.post(
        f"/admin/factors/{factor_id}/{name}",
        {"reason": "because"},
        page="/admin/factors/grid.shandong",
    )


def drafts_of(app: Flask) -> list[int]:
    """Return the drafts there are."""
    with writing(app) as session:
        return [version.id or 0 for version, _behavior in rule_queries.unpublished(session)]


def versions(app: Flask) -> list[int]:
    """Return the ids of all versions."""
    with writing(app) as session:
        return [item or 0 for item in session.exec(select(col(RuleVersion.id))).all()]


def said(response: TestResponse) -> str:
    """Return the words of a page without its marks."""
    return unescape(re.sub(r"<[^>]+>", " ", response.text))


def value_of(response: TestResponse, name: str) -> str:
    """Return what a text field holds."""
    found = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', response.text)
    assert found, name
    value = re.search(r'\bvalue="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""
