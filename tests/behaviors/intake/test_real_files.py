"""The two real files, whole: every line accounted for, and the grams worked out a second way.

The second way reads the raw file with the standard library and knows nothing of the product but
what its documents say: overlaps and caps per rider and day of Asia/Shanghai, the earlier act first,
every rounding down.
"""

import csv
import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from behaviors.intake.importing import ImportSummary, import_file
from behaviors.intake.mapping import FileMapping, parse_mapping, ready_mappings
from behaviors.models import ActivityRecord
from carbonaccount.audit import SYSTEM
from carbonaccount.database import open_session
from carbonaccount.ledger.models import LedgerAccount, Unit
from tests.behaviors.intake.arranging import NOW, admit, balances, broken, totals

REAL_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
WHOLE_FILE = 100_000


def real_file(name: str) -> Path:
    """Return a real file; the words of the skip are known to tests/no_silent_skips.py."""
    path = REAL_DATA / name
    if not path.is_file():
        pytest.skip(f"shared/data is missing beside the repository: {name}")
    return path


@pytest.fixture(scope="session")
def bike_file() -> Path:
    return real_file("bike_trips_2017-09-12.tsv.gz")


@pytest.fixture(scope="session")
def charging_file() -> Path:
    return real_file("workplace_charging.csv")


def bring_file(
    app: Flask,
    path: Path,
    tmp_path: Path,
    *,
    source: str,
    mapping: FileMapping | None = None,
    rows: int = WHOLE_FILE,
) -> ImportSummary:
    engine = app.extensions["carbonaccount.engine"]
    return import_file(
        lambda: open_session(engine),
        path=path,
        source_code=source,
        mapping=mapping,
        exceptions_file=tmp_path / "exceptions.csv",
        batch_rows=rows,
        open_unknown=True,
        acting_user=SYSTEM,
        clock=lambda: NOW,
    )


def exceptions(summary: ImportSummary) -> list[dict[str, str]]:
    with summary.exceptions_file.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def admitted(session: Session) -> None:
    admit(session, "bikes", ["bike_ride"])
    admit(session, "chargers", ["ev_charging"])
    session.commit()


# --- the second way -------------------------------------------------------------------------


class Expected(NamedTuple):
    """What the second way says of a file: lines by reason, and what they come to."""

    reasons: Counter[str]
    grams: int


class Ride(NamedTuple):
    line: int
    event_id: str
    start: int
    end: int
    metres: int


@cache
def rides(path: Path) -> tuple[tuple[str, Ride], ...]:
    """Read bike and ride of each line; a rule's quantity has 3 decimals of a km, so metres."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return tuple(
            (
                row["bike_id"],
                Ride(
                    line,
                    f"{row['start_ts']}-{row['trip_id']}",
                    int(row["start_ts"]),
                    int(row["end_ts"]),
                    int(Decimal(row["trip_dist"]).to_integral_value(ROUND_FLOOR)),
                ),
            )
            for line, row in enumerate(csv.DictReader(file, delimiter="\t"), start=2)
        )


def same_time(one: Ride, other: Ride) -> bool:
    return one.start == other.start or (one.start < other.end and other.start < one.end)


def expected_of_rides(path: Path, rows: int) -> Expected:
    """48.7 g a km and 20 km a day; overlapping rides of a bike count once, the earlier one.

    A block knows what earlier blocks booked; inside a block the earlier start comes first, and
    of two rides that start together the one whose event id is the smaller text.
    """
    reasons: Counter[str] = Counter()
    grams = 0
    standing: dict[str, list[Ride]] = defaultdict(list)
    used: Counter[tuple[str, str]] = Counter()
    everything = rides(path)
    for begin in range(0, len(everything), rows):
        block = everything[begin : begin + rows]
        for bike, ride in sorted(block, key=lambda pair: (pair[1].start, pair[1].event_id)):
            if not ride.metres:
                reasons["amount_zero"] += 1
                continue
            if any(same_time(ride, other) for other in standing[bike]):
                reasons["overlap"] += 1
                continue
            standing[bike].append(ride)
            shanghai = datetime.fromtimestamp(ride.start, UTC) + timedelta(hours=8)
            day = (bike, shanghai.date().isoformat())
            counted = max(0, min(ride.metres, 20_000 - used[day]))
            used[day] += counted
            reasons["capped" if counted < ride.metres else "ok"] += 1
            grams += counted * 487 // 10_000
    return Expected(reasons, grams)


def expected_of_charging(path: Path) -> Expected:
    """795.781609 g a kWh until the end of 2025, 60 kWh a driver and day, earlier sessions first."""
    reasons: Counter[str] = Counter()
    grams = 0
    used: Counter[tuple[str, str]] = Counter()
    with path.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["created"], row["sessionId"]))
    for row in rows:
        wh = int((Decimal(row["kwhTotal"]) * 1000).to_integral_value(ROUND_FLOOR))
        day = (row["userId"], row["created"][:10])
        counted = max(0, min(wh, 60_000 - used[day]))
        used[day] += counted
        reasons["amount_zero" if not wh else "capped" if counted < wh else "ok"] += 1
        grams += counted * 795_781_609 // 1_000_000_000
    return Expected(reasons, grams)


def told(summary: ImportSummary) -> Counter[str]:
    """The reasons of a summary, with the ordinary lines as ok."""
    reasons = Counter(summary.reasons)
    reasons["ok"] = summary.lines - sum(reasons.values())
    return +reasons


def booked_grams(session: Session) -> tuple[int, int]:
    """Return the sum of the records' grams, and of what the accounts hold."""
    records = session.exec(select(col(ActivityRecord.reduction_g))).all()
    held = session.exec(
        select(col(LedgerAccount.balance)).where(col(LedgerAccount.unit) == Unit.G)
    ).all()
    return sum(records), sum(amount or 0 for amount in held)


# --- the bike trips -------------------------------------------------------------------------


def test_all_bike_trips_and_again(
    app: Flask, session: Session, tmp_path: Path, bike_file: Path
) -> None:
    admitted(session)
    summary = bring_file(app, bike_file, tmp_path, source="bikes")
    assert summary.lines == 38_794
    assert summary.last_line() == "accepted=38718 duplicate=0 rejected=76 conflict=0 held=0"
    assert sum(summary.counts.values()) == summary.lines

    expected = expected_of_rides(bike_file, WHOLE_FILE)
    assert told(summary) == +expected.reasons
    assert (summary.reasons["amount_zero"], summary.reasons["capped"]) == (76, 72)
    assert summary.reasons["overlap"] == 38
    assert booked_grams(session) == (expected.grams, expected.grams)
    # Metered trips (evidence A) earn a credit a gram.
    assert totals(session)["credits"] == expected.grams
    assert broken(session) == {}

    odd = exceptions(summary)
    assert len(odd) == 76 + 72 + 38
    zero = [row for row in odd if row["reason"] == "amount_zero"]
    assert {row["status"] for row in zero} == {"rejected"}
    assert len(zero) == 76
    # Two are shorter than a metre, which is less than the thousandth of a km that counts.
    assert sum(float(row["trip_dist"]) == 0 for row in zero) == 74
    lines = {ride.line: ride for _, ride in rides(bike_file)}
    assert all(lines[int(row["line"])].metres == 0 for row in zero)
    assert all(str(lines[int(row["line"])].start) == row["start_ts"] for row in odd)

    # A second import, in other blocks, changes nothing.
    before = (totals(session), balances(session))
    session.rollback()
    again = bring_file(app, bike_file, tmp_path, source="bikes", rows=9_000)
    assert again.last_line() == "accepted=0 duplicate=38718 rejected=76 conflict=0 held=0"
    assert (totals(session), balances(session)) == before
    assert broken(session) == {}


def test_smaller_blocks_decide_by_the_same_rules(
    app: Flask, session: Session, tmp_path: Path, bike_file: Path
) -> None:
    admitted(session)
    summary = bring_file(app, bike_file, tmp_path, source="bikes", rows=5_000)
    expected = expected_of_rides(bike_file, 5_000)
    assert told(summary) == +expected.reasons
    assert booked_grams(session) == (expected.grams, expected.grams)
    assert broken(session) == {}


# --- the charging sessions ------------------------------------------------------------------


def test_all_charging_sessions_and_again(
    app: Flask, session: Session, tmp_path: Path, charging_file: Path
) -> None:
    admitted(session)
    summary = bring_file(app, charging_file, tmp_path, source="chargers")
    assert summary.lines == 1_697
    assert summary.last_line() == "accepted=1679 duplicate=0 rejected=18 conflict=0 held=0"
    expected = expected_of_charging(charging_file)
    assert told(summary) == +expected.reasons
    assert summary.reasons == {"amount_zero": 18}
    assert booked_grams(session) == (expected.grams, expected.grams)
    assert [row["reason"] for row in exceptions(summary)] == ["amount_zero"] * 18
    assert {float(row["kwhTotal"]) for row in exceptions(summary)} == {0.0}

    before = (totals(session), balances(session))
    session.rollback()
    again = bring_file(app, charging_file, tmp_path, source="chargers")
    assert again.last_line() == "accepted=0 duplicate=1679 rejected=18 conflict=0 held=0"
    assert (totals(session), balances(session)) == before
    assert broken(session) == {}


def test_the_year_0014_without_an_offset_is_too_old(
    app: Flask, session: Session, tmp_path: Path, charging_file: Path
) -> None:
    admitted(session)
    ready = ready_mappings()["workplace_charging"]
    mapping = parse_mapping(ready.replace("year_offset = 2000", ""))
    summary = bring_file(app, charging_file, tmp_path, source="chargers", mapping=mapping)
    assert summary.last_line() == "accepted=0 duplicate=0 rejected=1697 conflict=0 held=0"
    assert summary.reasons == {"too_old": 1_697}
    odd = exceptions(summary)
    assert [int(row["line"]) for row in odd] == list(range(2, 1_699))
    assert all(row["created"].startswith("001") for row in odd)
    assert totals(session)["records"] == 0


def test_a_file_through_the_commands(app: Flask, session: Session, charging_file: Path) -> None:
    admitted(session)
    runner = app.test_cli_runner()
    command = ["intake", str(charging_file), "--source", "chargers", "--create-residents"]
    for last in (
        "accepted=1679 duplicate=0 rejected=18 conflict=0 held=0",
        "accepted=0 duplicate=1679 rejected=18 conflict=0 held=0",
    ):
        done = runner.invoke(args=command)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[-1] == last
    checked = runner.invoke(args=["ledger", "verify"])
    assert checked.exit_code == 0, checked.output
    assert {line.split()[0] for line in checked.stdout.splitlines()} == {"0"}
