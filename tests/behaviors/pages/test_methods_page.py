"""The public methods: every behaviour, how it is counted, with a worked example and its history."""

import re
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from behaviors.models import Behavior, RuleVersion
from tests.people import Browser, writing
from tests.queries import counting


def words(text: str) -> str:
    """Return a page's text without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_every_behaviour_is_listed_and_has_its_page(app: Flask) -> None:
    browser = Browser(app)
    page = browser.get("/methods").text
    codes = re.findall(r'href="/methods/(\w+)"', page)
    with writing(app) as session:
        assert sorted(codes) == sorted(session.exec(select(col(Behavior.code))).all())
    for code in codes:
        answer = browser.get(f"/methods/{code}")
        assert answer.status_code == 200, code


def test_a_method_in_plain_words_and_numbers(app: Flask) -> None:
    text = words(Browser(app).get("/methods/ev_charging").text)
    # 10 kWh x (0.250 / 0.174 - 0.6191 x (1 + 0)): the factor is 0.817681609... rounded down.
    assert "10.000 × 0.817681609 × 1000 = 8176.81609 g 舍去小数 → 8,176 g" in text
    assert "ef_ice ÷ kwh_per_km − ef_grid × (1 + charging_loss)" in text
    assert "T/CSAE 235-2021" in text
    assert "60 千瓦时" in text  # the cap
    assert "新能源车出行" in text  # what it may not be combined with


def test_what_is_switched_off_is_marked(app: Flask) -> None:
    browser = Browser(app)
    assert "暂未启用" in browser.get("/methods/carpool").text
    assert "暂未启用" in browser.get("/methods").text


def test_a_habit_says_that_it_has_no_grams(app: Flask) -> None:
    assert "没有可溯源的减排数字" in Browser(app).get("/methods/reusable_cup").text


def test_the_history_says_what_changed(app: Flask) -> None:
    # Rooftop PV follows the grid's factor: 0.6410 in 2025, 0.6191 in 2026.
    text = words(Browser(app).get("/methods/rooftop_pv").text)
    assert "0.641 kg/kWh → 0.6191 kg/kWh" in text
    assert "现行" in text


def test_a_version_of_the_future_does_not_count_yet(app: Flask) -> None:
    with writing(app) as session:
        newest = session.exec(
            select(RuleVersion)
            .join(Behavior)
            .where(col(Behavior.code) == "bus_trip")
            .order_by(col(RuleVersion.version).desc())
        ).first()
        assert newest is not None
        start = date.today() + timedelta(days=30)  # noqa: DTZ011 - any day ahead will do
        definition = {
            **newest.definition,
            "version": newest.version + 1,
            "valid_from": start.isoformat(),
            "cap_milli": 30_000,
        }
        values = newest.model_dump(exclude={"id"}) | {
            "version": newest.version + 1,
            "valid_from": start,
            "definition": definition,
        }
        session.add(RuleVersion(**values))
        session.commit()
    text = words(Browser(app).get("/methods/bus_trip").text)
    assert "40.000 pkm → 30.000 pkm" in text
    assert "每人每天上限 40 人公里" in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_in_both_languages(app: Flask, language: str) -> None:
    page = Browser(app).get("/methods/bus_trip", headers={"Accept-Language": language}).text
    assert ('<html lang="en">' in page) == (language == "en")
    assert ("Bus trip" in page) == (language == "en")


def test_unknown(app: Flask) -> None:
    assert Browser(app).get("/methods/flying").status_code == 404


def test_few_statements(app: Flask) -> None:
    browser = Browser(app)
    with counting(app) as statements:
        browser.get("/methods")
        browser.get("/methods/bus_trip")
    # Behaviours and rules for each page, and the announced changes for the second.
    assert len(statements) <= 5, "\n".join(statements)
