"""The list of records: filters, paging, files that no spreadsheet runs, nobody else's records."""

import csv
import io
import re
from datetime import UTC, datetime

import openpyxl
import pytest
from flask import Flask

from carbonaccount.web.tables import harmless
from tests.behaviors.pages.acts import report
from tests.behaviors.pages.conftest import Ride
from tests.people import Browser
from tests.queries import counting

MARCH = datetime(2026, 3, 31, 15, 59, tzinfo=UTC)  # 23:59 of 31 March in the city
APRIL = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)  # 00:00 of 1 April in the city


def listed(browser: Browser, query: str = "") -> list[int]:
    """Return the ids of the records a page lists, in order."""
    page = browser.get(f"/records{query}")
    assert page.status_code == 200
    return [int(text) for text in re.findall(r'class="row" href="/records/(\d+)"', page.text)]


def table(browser: Browser, query: str = "") -> list[dict[str, str]]:
    """Return the lines of the CSV file."""
    response = browser.get(f"/records.csv{query}")
    assert response.headers["Content-Disposition"].endswith('filename="carbon-records.csv"')
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))


def test_an_empty_list_says_what_to_do(alice: Browser) -> None:
    page = alice.get("/records").text
    assert "还没有记录" in page
    assert 'href="/log"' in page
    assert "records.csv" not in page


def test_newest_first(alice: Browser, ride: Ride) -> None:
    first, second = ride("1", at=MARCH), ride("2", at=APRIL)
    assert listed(alice) == [second.record_id, first.record_id]


def test_the_month_is_the_citys(alice: Browser, ride: Ride) -> None:
    march, april = ride("1", at=MARCH), ride("2", at=APRIL)
    assert listed(alice, "?month=2026-03") == [march.record_id]
    assert listed(alice, "?month=2026-04") == [april.record_id]
    assert listed(alice, "?month=2026-02") == []


def test_by_behaviour_source_and_status(alice: Browser, ride: Ride) -> None:
    by_bike, by_bus = ride("1"), ride("2", behavior="bus_trip")
    report(alice, "bus_trip", photo=True, distance_km="1")
    assert listed(alice, "?behavior=bike_ride") == [by_bike.record_id]
    assert set(listed(alice, "?source=rider")) == {by_bike.record_id, by_bus.record_id}
    assert len(listed(alice, "?status=h")) == 1
    assert listed(alice, "?status=h&source=rider") == []
    assert "没有符合条件的记录" in alice.get("/records?status=h&source=rider").text


def test_a_filter_that_means_nothing_is_told_and_hides_nothing(alice: Browser, ride: Ride) -> None:
    by_bike = ride("1")
    ride("1", behavior="bus_trip")
    for query, name, value in (
        ("month=soon", "月份", "soon"),
        ("month=9999-12", "月份", "9999-12"),
        ("behavior=flying", "行为", "flying"),
        ("source=nobody", "来源", "nobody"),
        ("status=<b>", "状态", "&lt;b&gt;"),
    ):
        page = alice.get(f"/records?{query}").text
        assert f"没有看懂筛选条件“{name}”的值“{value}”" in page
        assert len(listed(alice, f"?{query}")) == 2
        file = alice.get(f"/records.csv?{query}")
        assert file.status_code == 422
        assert f"“{name}”" in file.text
    # What was understood beside it holds, and what was not is in no link.
    page = alice.get("/records?month=soon&behavior=bike_ride").text
    assert listed(alice, "?month=soon&behavior=bike_ride") == [by_bike.record_id]
    assert 'href="/records.csv?behavior=bike_ride"' in page
    assert "没有看懂" not in alice.get("/records?page=0&month=&behavior=bike_ride").text


def test_pages_of_twenty(alice: Browser, ride: Ride) -> None:
    told = [ride("1").record_id or 0 for _ in range(23)]
    pages = [listed(alice, f"?page={page}&behavior=bike_ride") for page in (1, 2)]
    assert [len(page) for page in pages] == [20, 3]
    assert sorted(pages[0] + pages[1]) == sorted(told)
    page = alice.get("/records?behavior=bike_ride").text
    assert 'rel="next" href="/records?behavior=bike_ride&amp;page=2"' in page
    assert listed(alice, "?page=99&behavior=bike_ride") == pages[1]


def test_the_totals_are_those_of_the_filter(alice: Browser, ride: Ride) -> None:
    ride("10")
    ride("10", behavior="bus_trip")
    assert 'value="487"' in alice.get("/records?behavior=bike_ride").text
    assert 'value="1007"' in alice.get("/records").text  # 487 + 520


def test_the_csv_holds_the_filtered_list(alice: Browser, ride: Ride) -> None:
    ride("3.207", at=MARCH, event_id="trip-1")
    ride("2", at=APRIL)
    (line,) = table(alice, "?month=2026-03")
    assert line["来源方编号"] == "trip-1"
    assert line["测量值"] == "distance_km=3.207"
    assert line["减排量（克）"] == "156"
    assert line["发生时间"] == "2026-03-31 23:59:00+08:00"


def test_no_cell_is_a_formula(alice: Browser, ride: Ride) -> None:
    ride("1", event_id="=1+1")
    (line,) = table(alice)
    assert line["来源方编号"] == "'=1+1"
    book = openpyxl.load_workbook(io.BytesIO(alice.get("/records.xlsx").data))
    rows = list(book.active.iter_rows())
    cells = {header.value: cell for header, cell in zip(rows[0], rows[1], strict=True)}
    assert cells["来源方编号"].value == "=1+1"
    assert cells["来源方编号"].data_type == "s"
    assert cells["减排量（克）"].data_type == "n"


@pytest.mark.parametrize("text", ["=A1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_what_a_spreadsheet_would_run_is_neutralised(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_what_it_would_not_run_stays() -> None:
    assert harmless("trip=1") == "trip=1"
    assert harmless(-1) == -1


def test_nobody_elses_records(app: Flask, alice: Browser, ride: Ride, bob: Browser) -> None:
    ride("1")
    assert listed(bob) == []
    assert table(bob) == []
    assert Browser(app).get("/records.csv").status_code == 303


def test_the_number_of_statements_does_not_grow(app: Flask, alice: Browser, ride: Ride) -> None:
    ride("1")
    with counting(app) as few:
        alice.get("/records?behavior=bike_ride&source=rider")
    for _ in range(21):
        ride("1")
    with counting(app) as many:
        alice.get("/records?behavior=bike_ride&source=rider")
    with counting(app) as file:
        alice.get("/records.xlsx")
    assert len(many) == len(few)
    assert len(many) <= 9, "\n".join(many)
    assert len(file) <= 5, "\n".join(file)
