"""The first page: what this is, to a stranger; to a resident grams and credits apart."""

import re

from flask import Flask

from carbonaccount.clock import utc_now
from tests.behaviors.pages.acts import report
from tests.behaviors.pages.conftest import Ride
from tests.people import Browser
from tests.queries import counting


def numbers(text: str) -> list[str]:
    """Return the large numbers of the page, in order."""
    return re.findall(r'amount--large[^>]*value="(\d+)"', text)


def test_a_stranger_learns_what_it_is_and_how_to_sign_in(app: Flask) -> None:
    page = Browser(app).get("/")
    assert page.status_code == 200
    assert 'href="/sign-in"' in page.text
    assert 'href="/methods"' in page.text
    # 10 km on a shared bike at 0.0487 kg are 487 g.
    assert numbers(page.text) == ["487"]


def test_an_empty_account_says_what_to_do_next(alice: Browser) -> None:
    page = alice.get("/")
    assert numbers(page.text) == ["0", "0"]
    assert 'href="/sources"' in page.text
    assert 'href="/log"' in page.text
    assert '<svg class="week"' not in page.text


def test_grams_and_credits_are_apart(alice: Browser, ride: Ride) -> None:
    ride("10")  # 487 g, evidence A: 487 credits
    report(alice, "bus_trip", distance_km="10")  # 520 g x 0.25 = 130 credits, no grams
    assert numbers(alice.get("/").text) == ["487", "617"]


def test_what_waits_for_review_is_shown_apart_and_not_counted(alice: Browser) -> None:
    report(alice, "bus_trip", photo=True, distance_km="10")
    page = alice.get("/")
    assert numbers(page.text) == ["0", "0"]
    assert "通过后最多 520 g、260 积分" in page.text


def test_the_week_has_a_table_with_the_same_numbers(alice: Browser, ride: Ride) -> None:
    ride("10", at=utc_now())
    page = alice.get("/").text
    assert ">487 g</text>" in page
    assert re.search(r"共享单车骑行 × 1</td><td class=\"right\">487 g</td>", page)


def test_the_number_of_statements_does_not_grow(app: Flask, alice: Browser, ride: Ride) -> None:
    ride("1")
    with counting(app) as few:
        alice.get("/")
    for _ in range(20):
        ride("1")
    with counting(app) as many:
        alice.get("/")
    assert len(many) == len(few)
    # Who it is (2), balances, held, week, latest, behaviours, rules, how long credits last, pools.
    assert len(many) <= 10, "\n".join(many)
