"""What is pointed out before a year is submitted; no database. Thresholds are those on the page."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from carbonaccount.factors import FactorBook
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.inventory_entries import USUAL_GRID
from carbonaccount.institutions.inventory_models import Inventory, InventoryLine
from carbonaccount.institutions.inventory_results import YearAccount, account_of
from carbonaccount.institutions.inventory_warnings import Remark, warnings_of
from tests.carbonaccount.institutions.inventory.lines import NOW, line
from tests.carbonaccount.institutions.inventory.test_reading import BOOK, factor


def year(lines: Sequence[InventoryLine], of: int = 2026) -> YearAccount:
    row = Inventory(id=1, institution_id=1, year=of, status="open", created_at=NOW)
    return account_of(row, [(item, "bill.pdf") for item in lines])


def months(amounts: Sequence[str], *, unit: str = "kWh", of: int = 2026) -> list[InventoryLine]:
    """Return electricity from January on."""
    return [
        line(month, "grid.shandong", amount, unit=unit, book=BOOK, year=of)
        for month, amount in enumerate(amounts, start=1)
        if amount
    ]


def told(
    lines: Sequence[InventoryLine], last: Sequence[InventoryLine] = (), area_m2: int = 0
) -> list[tuple[str, object]]:
    before = year(last, 2025) if last else None
    found = warnings_of(year(lines), before, floor_area_dm2=area_m2 * 100)
    return [(remark.code, remark.params.get("month", 0)) for remark in found]


STEADY = ["1000"] * 12


def test_nothing_to_say() -> None:
    assert told(months(STEADY), months(STEADY, of=2025), area_m2=100) == []
    # At the threshold is not above it: 30 % of a month, 20 % of a year.
    assert told(months(["1300", *STEADY[1:]]), months(STEADY, of=2025)) == []


def test_jumps_against_last_year_and_the_month_before() -> None:
    assert told(months(["1301", *STEADY[1:]]), months(STEADY, of=2025)) == [("jump_last_year", 1)]
    # No year before: the months next to each other, 60 %.
    assert told(months(["1000", "1601", *["1300"] * 10])) == [("jump_last_month", 2)]
    more = [code for code, _month in told(months(["1210"] * 12), months(STEADY, of=2025))]
    assert more == ["jump_year"]
    gone = told([], months(STEADY, of=2025))
    assert gone == [("kind_missing", 0)]


def test_the_figures_and_the_threshold_are_in_the_remark() -> None:
    found = warnings_of(
        year(months(["500", *STEADY[1:]])), year(months(STEADY, of=2025), 2025), floor_area_dm2=0
    )
    assert found == [
        Remark(
            "jump_last_year",
            {
                "factor": "grid.shandong",
                "month": 1,
                "now": Decimal(500),
                "before": Decimal(1000),
                "percent": Decimal(-50),
                "threshold": 30,
                "unit": "kWh",
            },
        )
    ]


def test_gaps_and_the_same_thing_twice() -> None:
    gap = warnings_of(year(months(["1000", "", "1000"])), None, floor_area_dm2=0, month_limit=4)
    assert [(remark.code, remark.params["months"]) for remark in gap] == [
        ("months_missing", [2, 4])
    ]
    early = warnings_of(year(months(["1000"] * 3)), None, floor_area_dm2=0, month_limit=2)
    assert [(remark.code, remark.params) for remark in early] == [("month_not_over", {"month": 3})]
    # Nobody need travel or drive to work every month.
    trips = [
        line(month, code, "100", unit=unit, book=BOOK)
        for month in (1, 3)
        for code, unit in (("travel.train", "pkm"), ("commuting.car", "km"))
    ]
    assert told(trips) == []
    both = [*months(STEADY), line(0, "grid.shandong", "12000", book=BOOK)]
    assert ("year_and_months", 0) in told(both)
    # The whole year is not the month before January: that it is there twice is all there is to say.
    twice = [line(0, "grid.shandong", "120000", book=BOOK), *months(["10000"])]
    assert told(twice) == [("year_and_months", 0)]


def test_another_grid_than_the_citys_own_and_several_in_one_year() -> None:
    """0.5306 instead of 0.6191 is told with what the city's own would give; so are two at once."""
    lines = [
        line(1, "grid.national", "10000", book=BOOK),
        line(2, "grid.national", "10000", green="2000", book=BOOK),
        line(3, "grid.national", "100", green="100", book=BOOK),
    ]
    found = warnings_of(year(lines), None, floor_area_dm2=0, month_limit=3, book=BOOK)
    other: dict[str, object] = {"factor": "grid.national", "usual": "grid.shandong", "unit": "kWh"}
    # 18,000 kWh at 0.5306 and at 0.6191
    figures = {"now": Decimal(18000), "kg": Decimal("9550.800"), "would": Decimal("11143.800")}
    assert found[0] == Remark("other_grid", other | figures)
    assert "several_grids" not in {remark.code for remark in found}
    own = line(4, "grid.shandong", "1000", book=BOOK)
    both = warnings_of(year([*lines, own]), None, floor_area_dm2=0, month_limit=4, book=BOOK)
    assert both[1] == Remark("several_grids", {"factors": ["grid.national", "grid.shandong"]})
    assert warnings_of(year(months(STEADY)), None, floor_area_dm2=0, book=BOOK) == []
    # Of 2025 at 0.6410, and a factor by the megawatt-hour: 10 MWh at 580.
    by_mwh = FactorBook((*BOOK.versions, factor("grid.x", "580", "kgCO2/MWh", "某地电力")))
    row = line(0, "grid.x", "10", unit="MWh", book=by_mwh, year=2025)
    (said,) = statement_content.grids_of(year([row], 2025), by_mwh)
    assert (said["counted"], said["emission_g"], said["usual_g"]) == ("10", 5_800_000, 6_410_000)
    assert (said["factor"]["name_zh"], said["usual"]["name_zh"]) == ("某地电力", "山东省电力")
    # The same grid in all that the city counts.
    for name in (
        "carbonaccount/institutions/data/events.toml",
        "carbonaccount/institutions/mappings/public_buildings.toml",
        "behaviors/methods/energy.toml",
        "behaviors/methods/transport.toml",
    ):
        text = (Path(__file__).parents[4] / name).read_text(encoding="utf-8")
        assert {*re.findall(r'"(grid\.\w+)"', text)} == {USUAL_GRID}, name


def test_heat_is_missed_only_where_last_year_had_some() -> None:
    def heat(months: Sequence[int], of: int = 2026) -> list[InventoryLine]:
        return [
            line(month, "heat.purchased", "100", unit="GJ", book=BOOK, year=of) for month in months
        ]

    assert told(heat([1, 2, 3, 12])) == []
    found = warnings_of(
        year(heat([1, 3, 12])), year(heat([1, 2, 3, 12], 2025), 2025), floor_area_dm2=0
    )
    missing = [remark.params["months"] for remark in found if remark.code == "months_missing"]
    assert missing == [[2]]


def test_units_that_cannot_be() -> None:
    # One month in MWh that was meant in kWh; and the whole year of another scale.
    assert ("unit_improbable", 3) in told(
        [
            *months(["1000", "1000", "", "1000"]),
            line(3, "grid.shandong", "1", unit="kWh", book=BOOK),
        ]
    )
    slipped = [line(0, "grid.shandong", "12", unit="kWh", book=BOOK)]
    last = [line(0, "grid.shandong", "12", unit="MWh", book=BOOK, year=2025)]
    assert ("unit_improbable", 0) in told(slipped, last)
    # 12,000 kWh on 11 m2 is more than 1,000 kWh/m2; on 12 m2 it is not.
    assert ("intensity_improbable", 0) in told(months(STEADY), area_m2=11)
    assert told(months(STEADY), area_m2=12) == []


def test_more_green_power_than_was_bought_and_no_file() -> None:
    lines = months(STEADY)
    lines[4] = line(5, "grid.shandong", "1000", green="1500", book=BOOK)
    assert told(lines) == [("deductions_exceed", 5)]
    row = Inventory(id=1, institution_id=1, year=2026, status="open", created_at=NOW)
    bare = account_of(row, [(item, "") for item in months(STEADY)])
    remarks = warnings_of(bare, None, floor_area_dm2=0)
    assert [(remark.code, remark.params) for remark in remarks] == [
        ("without_evidence", {"lines": 12, "of": 12})
    ]
