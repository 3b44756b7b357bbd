"""The 95 buildings of the published list, whole: each inventory worked out a second way.

The second way reads the raw file with the standard library and counts in fractions; it knows of
the product only what its documents say: 0.6410 kg/kWh for years before 2026, 2.184 kg/m3 of gas
at 38.931 MJ/m3, 110 kg/GJ of heat, 1 Btu = 1055.056 J, amounts to 6 decimals and kilograms to 3,
half up.
"""

import csv
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.database import open_session
from carbonaccount.institutions import listed
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryChange,
    InventoryLine,
    ListedInstitution,
)
from carbonaccount.institutions.inventory_results import year_account
from carbonaccount.institutions.models import Institution

REAL_DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
NAME = "public_buildings_energy_2016.csv"
YEAR = 2016
GJ_A_KBTU = Fraction("1055.056") / 10**6
M3_A_THERM = Fraction("105.5056") / Fraction("38.931")
M2_A_FT2 = Fraction("0.3048") ** 2
ENERGY = {
    "Electricity(kWh)": ("power_kg", Fraction(1), Fraction("0.6410")),
    "NaturalGas(therms)": ("direct_kg", M3_A_THERM, Fraction("2.184")),
    "SteamUse(kBtu)": ("heat_kg", GJ_A_KBTU, Fraction(110)),
}


def real_file() -> Path:
    """Return the list; the words of the skip are known to tests/no_silent_skips.py."""
    path = REAL_DATA / NAME
    if not path.is_file():
        pytest.skip(f"shared/data is missing beside the repository: {NAME}")
    return path


def half_up(value: Fraction, decimals: int) -> Fraction:
    """Round a fraction that is not negative."""
    return Fraction(floor(value * 10**decimals + Fraction(1, 2)), 10**decimals)


def number(text: str) -> Fraction:
    """Read a figure with commas between thousands."""
    return Fraction(text.replace(",", ""))


def expected(row: dict[str, str]) -> dict[str, Fraction]:
    """Work one building out by hand: kilograms by block, total, and a square metre's share."""
    found = {
        block: half_up(half_up(number(row[column]) * ratio, 6) * factor, 3)
        for column, (block, ratio, factor) in ENERGY.items()
    }
    found["total_kg"] = sum(found.values(), Fraction(0))
    area_m2 = half_up(number(row["PropertyGFATotal"]) * M2_A_FT2, 2)
    found["per_m2_kg"] = half_up(found["total_kg"] / area_m2, 3)
    return found


def run(session: Session, content: bytes, year: int = YEAR) -> listed.ListingReport:
    """Import a list and commit."""
    report = listed.import_listing(
        session, content=content, name=NAME, year=year, acting_user=SYSTEM, now=utc_now()
    )
    session.commit()
    return report


def test_all_95_inventories_equal_an_independent_computation(session: Session) -> None:
    content = real_file().read_bytes()
    with real_file().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 95
    report = run(session, content)
    assert report.last_line() == "accepted=40 flagged=55 rejected=0"
    assert report.written(listed.NEW) == 95
    reported = {line.number: line for line in report.lines}
    compared = defaults = 0
    for row in rows:
        place = session.get_one(ListedInstitution, ("public-buildings", row["OSEBuildingID"]))
        account = year_account(session, institution_id=place.institution_id, year=YEAR)
        assert account is not None
        for name, kg in expected(row).items():
            assert Fraction(getattr(account, name)) == kg, (row["PropertyName"], name)
            compared += 1
        # A default value does not pass as metered, and each line keeps what the list says of it.
        flag = row["ComplianceStatus"]
        mark = ("B", "") if flag == "Compliant" else ("B", f"ComplianceStatus: {flag}")
        mark = ("D", mark[1]) if flag == "Error - Correct Default Data" else mark
        assert {(line.grade, line.row.note) for line in account.lines} <= {mark}, flag
        defaults += mark[0] == "D"
        # What is flagged or missing is said, line by line.
        told = [reason.code for reason in reported[row["OSEBuildingID"]].reasons]
        wanted = [] if row["ComplianceStatus"] == "Compliant" else ["listed_flag"]
        missing = [
            column
            for column in ("Electricity(kWh)", "NaturalGas(therms)")
            if row["ComplianceStatus"] == "Missing Data" and number(row[column]) == 0
        ]
        wanted += ["listed_value_missing"] * len(missing)
        if all(number(row[column]) == 0 for column in ENERGY):
            wanted.append("listed_without_energy")
        assert told == wanted, row["PropertyName"]
    assert (compared, defaults) == (95 * 5, 44)
    changes_nothing_a_second_time(session, content)


def changes_nothing_a_second_time(session: Session, content: bytes) -> None:
    """The same list again, and then one with another figure, a wrong line, and one twice."""
    counts = counted(session)
    again = run(session, content)
    assert (again.written(listed.UNCHANGED), again.last_line()) == (
        95,
        "accepted=40 flagged=55 rejected=0",
    )
    assert counted(session) == counts
    header, *lines = content.decode("utf-8-sig").splitlines()
    flagged = next(line for line in lines if line.startswith("36,"))
    keeps_the_flag_until_a_person_knows_better(session, "\n".join([header, flagged]).encode())
    first = lines[1].replace('"1,362,096.75"', '"1,362,097.75"')
    wrong = lines[2].replace('"126,351",0,0,0', '"126,351",-5,0,0').replace("34,", "35,", 1)
    assert first != lines[1]
    edited = run(session, "\n".join([header, first, first, wrong]).encode())
    assert edited.last_line() == "accepted=1 flagged=0 rejected=2"
    assert [line.written for line in edited.lines] == [listed.CHANGED, "", ""]
    assert [line.reasons[0].code for line in edited.lines[1:]] == [
        "line_repeats",
        "amount_negative",
    ]
    place = session.get_one(ListedInstitution, ("public-buildings", "30"))
    account = year_account(session, institution_id=place.institution_id, year=YEAR)
    assert account is not None
    assert account.power_lines[0].purchased_kwh == Decimal("1362097.75")


def keeps_the_flag_until_a_person_knows_better(session: Session, content: bytes) -> None:
    """Lines of an older edition without their flag get it; a person's word stays."""
    place = session.get_one(ListedInstitution, ("public-buildings", "36"))

    def written(account_id: int | None) -> str:
        account = year_account(session, institution_id=place.institution_id, year=YEAR)
        assert account is not None
        for line in account.lines:
            line.row.basis, line.row.note, line.row.changed_by = "metered", "", account_id
        session.commit()
        return run(session, content).lines[0].written

    assert written(None) == listed.CHANGED
    account = year_account(session, institution_id=place.institution_id, year=YEAR)
    assert account is not None
    assert {line.grade for line in account.lines} == {"D"}
    owner = session.get_one(Institution, place.institution_id).account_id
    assert written(owner) == listed.UNCHANGED


def counted(session: Session) -> list[int]:
    """Count what an import writes."""
    kinds = (Institution, Inventory, InventoryLine, InventoryChange, ListedInstitution)
    return [len(session.exec(select(kind)).all()) for kind in kinds]


def test_the_command_writes_a_report_and_adds_up(app: Flask, tmp_path: Path) -> None:
    target = tmp_path / "report.csv"
    result = app.test_cli_runner().invoke(
        args=[
            *("institutions", "import", str(real_file())),
            *("--year", str(YEAR), "--report", str(target)),
        ]
    )
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "accepted=40 flagged=55 rejected=0"
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 95
    by_number = {row["number"]: row for row in rows}
    assert by_number["30"]["reasons"] == ""
    assert "Missing Data" in by_number["34"]["reasons"]
    assert "NaturalGas(therms)" in by_number["34"]["reasons"]
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        school = session.exec(
            select(Institution).where(col(Institution.name_zh) == "Graham Hill Elementary")
        ).one()
        # 56,228 square feet x 0.09290304 = 5223.7521... square metres
        assert (school.kind, school.floor_area_dm2, school.status) == ("school", 522_375, "active")


def test_a_list_that_no_mapping_fits_is_refused_with_its_columns(
    app: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    result = app.test_cli_runner().invoke(args=["institutions", "import", str(file)])
    assert result.exit_code == 1
    assert "a, b" in result.output
