"""Amounts and times as pages show them: never more than there is, in the city's time."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask, url_for

from carbonaccount.web import templating


@pytest.mark.parametrize(
    ("grams", "shown", "shortened"),
    [
        (0, "0 g", False),
        (999, "999 g", False),
        (1000, "1.00 kg", False),
        (6191, "6.19 kg", True),
        (6199, "6.19 kg", True),
        (14_227, "14.2 kg", True),
        (999_999, "999 kg", True),
        (1_000_000, "1.00 t", False),
        (1_234_567_890, "1,234 t", True),
        (-6199, "-6.19 kg", True),
    ],
)
def test_grams_are_shortened_downwards(grams: int, shown: str, shortened: bool) -> None:
    assert templating.grams_text(grams) == shown
    assert templating.grams_parts(grams).shortened is shortened


@pytest.mark.parametrize(
    ("grams", "shown", "shortened"),
    [
        (0, "0 g", False),
        (999, "999 g", False),
        (4_358_000, "4.36 t", True),
        (4_350_000, "4.35 t", False),
        (4_350_001, "4.36 t", True),
        (9_991, "10.0 kg", True),
        (999_001, "1.00 t", True),
        (1_234_000_001, "1,235 t", True),
        (-6199, "-6.19 kg", True),
    ],
)
def test_emissions_are_shortened_upwards(grams: int, shown: str, shortened: bool) -> None:
    assert templating.grams_up_text(grams) == shown
    assert templating.grams_up_parts(grams).shortened is shortened


@pytest.mark.parametrize(
    ("number", "shown"), [("1E+3", "1000"), ("0.250", "0.25"), ("100", "100"), ("0", "0")]
)
def test_decimals_have_no_exponent_and_no_idle_zeros(number: str, shown: str) -> None:
    assert templating.plain_decimal(Decimal(number)) == shown


def test_thousandths_are_exact() -> None:
    assert templating.milli_text(48_700) == "48.7"
    assert templating.milli_text(8_170_000) == "8,170"


@pytest.mark.parametrize(
    ("language", "shown"), [("zh", "2026年3月1日 00:30"), ("en", "1 Mar 2026, 00:30")]
)
def test_moments_are_the_citys(app: Flask, language: str, shown: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        text = templating.moment_text(datetime(2026, 2, 28, 16, 30, tzinfo=UTC))
    assert text == f'<time datetime="2026-03-01T00:30:00+08:00">{shown}</time>'


def test_static_files_carry_their_content_in_the_address(app: Flask) -> None:
    with app.test_request_context():
        address = url_for("static", filename="css/shell.css")
        assert "?v=" in address
        assert url_for("static", filename="css/none.css").endswith("none.css")
    with app.test_client().get(address) as kept:
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with app.test_client().get("/static/css/shell.css") as plain:
        assert "immutable" not in plain.headers.get("Cache-Control", "")


def test_every_behaviour_has_an_icon(app: Flask) -> None:
    with app.app_context():
        assert templating.icon_name("bus_trip", "transport") == "bus_trip"
        assert templating.icon_name("flying", "transport") == "transport"
        assert templating.icon_name("flying", "unheard_of") == "leaf"
