"""The demonstration's inventories, worked out by hand from the figures in its file."""

from flask import Flask
from sqlmodel import Session

from carbonaccount.institutions import demo
from carbonaccount.institutions.inventory_results import summaries_of, year_account
from tests.carbonaccount.institutions.inventory.lines import NOW


def test_three_years_of_the_school(app: Flask, session: Session) -> None:
    vault = app.extensions["carbonaccount.vault"]
    school = demo.load(session, now=NOW, vault=vault)
    years = summaries_of(session, institution_id=school.stored_id)
    assert [(year, account.status) for year, account in years.items()] == [
        (2024, "locked"),
        (2025, "locked"),
        (2026, "open"),
    ]
    # 234,900 kWh x 0.6410, 1,720 GJ x 110, 5,200 m3 x 2.184
    first = years[2024]
    assert (str(first.power_kg), str(first.heat_kg), str(first.direct_kg)) == (
        "150570.900",
        "189200.000",
        "11356.800",
    )
    assert str(first.total_kg) == "351127.700"
    # Water 8,600 m3 x 0.168, 120 x 500 sheets x 0.00707, 84,000 pkm x 0.03546 + 120 nights x 53.5,
    # 96,000 pkm x 0.052 + 150,000 km x 0.250 + 60,000 km x 0.111534 (0.174 kWh x 0.6410)
    oldest = year_account(session, institution_id=school.stored_id, year=2024)
    assert oldest is not None
    assert {kind: str(kg) for kind, kg in oldest.optional_parts.items()} == {
        "water": "1444.800",
        "paper": "424.200",
        "travel": "9398.640",
        "commuting": "49184.040",
    }
    assert str(first.optional_kg) == "60451.680"
    # 95 % of the kWh, a tenth of each month green, rounded down: (223,155 - 22,313) x 0.6410
    assert str(years[2025].power_kg) == "128739.722"
    assert years[2025].last_year_total_kg == first.total_kg
    account = year_account(session, institution_id=school.stored_id, year=2026)
    assert account is not None
    assert {line.month for line in account.lines} == set(range(1, 11))
    assert account.base_year_total_kg == first.total_kg
