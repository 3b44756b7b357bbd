"""The public calculator: the numbers of POST /api/v1/score, without JavaScript, storing nothing."""

import html
import re

import pytest
from flask import Flask
from sqlmodel import func, select

from behaviors.models import ActivityRecord
from tests.people import Browser, writing

# Worked out by hand from the published factors; see the list.
KNOWN = [
    ("bus_trip", "distance_km", "10", "2026-03-01", 520),
    ("metro_trip", "distance_km", "10", "2026-03-01", 720),
    ("bike_ride", "distance_km", "10", "2026-03-01", 487),
    ("rooftop_pv", "energy_kwh", "10", "2026-03-01", 6191),
    ("rooftop_pv", "energy_kwh", "10", "2025-03-01", 6410),
    ("nev_driving", "distance_km", "100", "2026-03-01", 14227),
    ("ev_charging", "energy_kwh", "10", "2026-03-01", 8176),
    ("walking", "steps", "20000", "2026-03-01", 296),
]


def result(app: Flask, query: str) -> tuple[list[str], str]:
    """Return the large numbers and the text of the answer."""
    page = Browser(app).get(f"/calculator?{query}")
    assert page.status_code == 200
    shown = page.text.split('id="calculator-result"')[1]
    return re.findall(r'amount--large[^>]*value="(\d+)"', shown), html.unescape(shown)


@pytest.mark.parametrize(("behavior", "field", "amount", "day", "grams"), KNOWN)
def test_known_numbers(
    app: Flask, behavior: str, field: str, amount: str, day: str, grams: int
) -> None:
    numbers, _ = result(app, f"behavior={behavior}&{field}={amount}&on={day}&evidence=A")
    assert numbers == [str(grams), str(grams)]


def test_it_begins_with_an_example(app: Flask) -> None:
    numbers, _ = result(app, "")
    assert numbers == ["520", "520"]


def test_evidence_d_counts_no_grams(app: Flask) -> None:
    numbers, text = result(app, "behavior=bus_trip&distance_km=10&evidence=D")
    assert numbers == ["0", "130"]
    assert "不计减排量" in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("distance_km=-3", "不能是负数"),
        ("distance_km=ten", "不是数字"),
        ("distance_km=NaN", "不是数字"),
        ("distance_km=1e400", "不能大于"),
        ("distance_km=", "不是数字"),
        ("distance_km=10&on=soon", "日期"),
        ("distance_km=10&on=1999-01-01", "没有生效的规则"),
    ],
)
def test_what_is_wrong_is_said_and_kept(app: Flask, query: str, said: str) -> None:
    numbers, text = result(app, f"behavior=bus_trip&{query}")
    assert numbers == []
    assert said in text


def test_what_was_typed_is_kept_and_never_markup(app: Flask) -> None:
    page = Browser(app).get('/calculator?behavior=bus_trip&distance_km="><b>x').text
    assert "<b>x" not in page
    assert "&#34;&gt;&lt;b&gt;x" in page


def test_unknown_behaviours_fall_back_to_the_first(app: Flask) -> None:
    assert Browser(app).get("/calculator?behavior=flying").status_code == 200


def test_nothing_is_stored(app: Flask) -> None:
    result(app, "behavior=bus_trip&distance_km=10")
    with writing(app) as session:
        assert session.exec(select(func.count()).select_from(ActivityRecord)).one() == 0
