"""Mappings: checked before the file is read, and exact in what they turn its columns into."""

import shutil
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviors.intake.mapping import (
    FileMapping,
    check_mapping,
    find_mapping,
    parse_mapping,
    ready_mappings,
    to_candidates,
)
from behaviors.rulebook import RuleBook
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import DomainError, Invalid
from tests.behaviors.intake.files import mapping_with

ROW = {"ride": "r1", "rider": "alice", "begin": "2026-03-02T08:00:00+08:00", "far": "3"}
UNITS = {"m": Fraction(1, 1000), "mile": Fraction(1_609_344, 1_000_000)}


def mapped(mapping: FileMapping, factor: Fraction = Fraction(1), **cells: str | None) -> Any:
    """Return the candidate of one line."""
    schema = {"\nline": pl.UInt32, **dict.fromkeys([*ROW, *cells], pl.String)}
    frame = pl.DataFrame([[2, *{**ROW, **cells}.values()]], schema=schema, orient="row")
    return to_candidates(frame, mapping, {"distance_km": factor}).row(0, named=True)


def amount(text: str | None, factor: Fraction = Fraction(1)) -> str | None:
    result: str | None = mapped(parse_mapping(mapping_with()), factor, far=text)[
        "field.distance_km"
    ]
    return result


def moment(text: str | None, time: str = "") -> datetime | None:
    found: datetime | None = mapped(parse_mapping(mapping_with(time=time)), begin=text)[
        "occurred_at"
    ]
    return found


def problem(text: str) -> str:
    with pytest.raises(Invalid) as refused:
        parse_mapping(text)
    assert refused.value.code in ("mapping_invalid", "mapping_keys")
    return str(refused.value.params)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# --- amounts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("3", "3"),
        (" 3.25 ", "3.25"),
        ("1,234", "1234"),
        ("1,234,567.5", "1234567.5"),
        ("-1,000", "-1000"),
        # What stands between the digits may be a decimal comma: nothing is guessed.
        ("1,5", "1,5"),
        ("1,23", "1,23"),
        ("12,34,567", "12,34,567"),
        ("1,2345", "1,2345"),
        (",5", ",5"),
        ("1.234,5", "1.234,5"),
        ("1 234", "1 234"),
        ("three", "three"),
        ("=1+1", "=1+1"),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_commas_go_only_where_they_part_thousands(text: str | None, read: str | None) -> None:
    assert amount(text) == read


@pytest.mark.parametrize(
    ("unit", "text", "kilometres"),
    [
        ("m", "406.028407", "0.406028407"),
        ("m", "1", "0.001000000"),
        ("m", "1,500", "1.500000000"),
        ("m", "0", "0.000000000"),
        # Nine decimals of a kilometre are a thousandth of a millimetre; the rest falls away.
        ("m", "0.0000019", "0.000000001"),
        ("mile", "1", "1.609344000"),
        ("mile", "3.1", "4.988966400"),
        ("m", "999999999999999", "999999999999.999000000"),
    ],
)
def test_units_are_converted_exactly(unit: str, text: str, kilometres: str) -> None:
    assert amount(text, UNITS[unit]) == kilometres


@pytest.mark.parametrize("text", ["three", "1e3", "-5", "1.0000000001", "9" * 16, "1,5", "NaN"])
def test_what_cannot_be_converted_stays_as_it_is(text: str) -> None:
    assert amount(text, Fraction(1, 1000)) == text


@settings(max_examples=200, deadline=None)
@given(
    number=st.decimals(min_value=0, max_value=10**14, places=9, allow_nan=False),
    unit=st.sampled_from(["m", "mile"]),
)
def test_conversion_is_exact_and_rounds_down(number: Decimal, unit: str) -> None:
    exact = Fraction(number) * UNITS[unit]
    nano = exact.numerator * 10**9 // exact.denominator
    read = amount(f"{number:f}", UNITS[unit])
    assert read is not None
    assert Fraction(read) == Fraction(nano, 10**9)


@pytest.fixture(scope="module")
def book(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    """The shipped rules, read once: these tests change nothing in a database."""
    file = tmp_path_factory.mktemp("rules") / "rules.sqlite3"
    shutil.copyfile(sqlite_template, file)
    engine = make_engine(f"sqlite:///{file}")
    with open_session(engine) as session:
        loaded = RuleBook.load(session)
    engine.dispose()
    return loaded


def factor(book: RuleBook, unit: str, behavior: str, field: str) -> Fraction:
    text = mapping_with(field=f'unit = "{unit}"')
    text = text.replace("bike_ride", behavior).replace("distance_km", field)
    return check_mapping(parse_mapping(text), book)[field]


@pytest.mark.parametrize(
    ("unit", "behavior", "field", "times"),
    [
        ("km", "bike_ride", "distance_km", Fraction(1)),
        ("m", "bike_ride", "distance_km", Fraction(1, 1000)),
        ("mile", "bike_ride", "distance_km", Fraction(201168, 125000)),
        ("kWh", "ev_charging", "energy_kwh", Fraction(1)),
        ("MWh", "ev_charging", "energy_kwh", Fraction(1000)),
        ("Wh", "ev_charging", "energy_kwh", Fraction(1, 1000)),
        ("MJ", "ev_charging", "energy_kwh", Fraction(10, 36)),
        ("t", "waste_sorting", "weight_kg", Fraction(1000)),
        ("g", "waste_sorting", "weight_kg", Fraction(1, 1000)),
        ("step", "walking", "steps", Fraction(1)),
        ("liter", "water_saving", "used_m3", Fraction(1, 1000)),
    ],
)
def test_units_of_the_field(
    book: RuleBook, unit: str, behavior: str, field: str, times: Fraction
) -> None:
    assert factor(book, unit, behavior, field) == times


@pytest.mark.parametrize(
    "unit",
    [
        *("kWh", "kg", "degC", "dB", "meal", "nonsense", "parsec", "公里", "km^2", "1/km", "2 m"),
        # What a unit must never do is to be computed for ever, or to run.
        *("9**9**9**9", "km**9**9**9", "m**", "**", "m/0", "'", "__import__('os')", "m" * 50),
    ],
)
def test_units_that_do_not_fit_are_refused(book: RuleBook, unit: str) -> None:
    with pytest.raises(Invalid) as refused:
        factor(book, unit, "bike_ride", "distance_km")
    assert refused.value.code == "mapping_invalid"


# --- times ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-02T08:00:00+08:00", utc(2026, 3, 2, 0, 0)),
        ("2026-03-02T08:00:00+0800", utc(2026, 3, 2, 0, 0)),
        ("2026-03-02t08:00:00z", utc(2026, 3, 2, 8, 0)),
        ("2026-03-02 08:00:00.25Z", utc(2026, 3, 2, 8, 0, 0, 250_000)),
        ("2026-03-02T08:00Z", utc(2026, 3, 2, 8, 0)),
        ("2026-03-01T23:30:00-05:30", utc(2026, 3, 2, 5, 0)),
        (" 2026-03-02T08:00:00Z ", utc(2026, 3, 2, 8, 0)),
        # Without an offset the moment would be a guess.
        ("2026-03-02T08:00:00", None),
        ("2026-03-02", None),
        ("02/03/2026 08:00:00+08:00", None),
        ("2026-02-30T08:00:00Z", None),
        ("2026-03-02T25:00:00Z", None),
        ("2026-03-02T08:00:60Z", None),
        ("1505227158", None),
        ("", None),
        (None, None),
    ],
)
def test_rfc_3339(text: str | None, read: datetime | None) -> None:
    assert moment(text) == read


def test_one_column_may_mix_forms_of_rfc_3339() -> None:
    texts = ["2026-03-02T08:00:00+08:00", "2026-03-02T00:00:00.000Z", "2026-03-02 00:00Z", "no"]
    frame = pl.DataFrame({"idx": range(4), **{k: [v] * 4 for k, v in ROW.items()}})
    frame = frame.with_columns(pl.Series("begin", texts))
    read = to_candidates(frame, parse_mapping(mapping_with()), {"distance_km": Fraction(1)})
    assert read["occurred_at"].to_list() == [*[utc(2026, 3, 2)] * 3, None]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1505227158", utc(2017, 9, 12, 14, 39, 18)),
        ("1505227158.0", utc(2017, 9, 12, 14, 39, 18)),
        ("0", utc(1970, 1, 1)),
        ("1505227158.5", None),
        ("-1", None),
        ("1505227158000", None),
        ("now", None),
    ],
)
def test_seconds_since_1970(text: str, read: datetime | None) -> None:
    assert moment(text, 'format = "unix"') == read


@pytest.mark.parametrize(
    ("pattern", "zone", "text", "read"),
    [
        ("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", "2026-03-02 08:00:00", utc(2026, 3, 2, 0, 0)),
        ("%d/%m/%y %I:%M %p", "Asia/Shanghai", "02/03/26 01:30 PM", utc(2026, 3, 2, 5, 30)),
        ("%Y-%m-%d", "Asia/Shanghai", "2026-03-02", utc(2026, 3, 1, 16, 0)),
        (
            "%Y-%m-%d %T%.f",
            "Asia/Shanghai",
            "2026-03-02 08:00:00.5",
            utc(2026, 3, 2, 0, 0, 0, 500_000),
        ),
        ("%Y-%m-%d %H:%M", "America/New_York", "2026-03-07 08:00", utc(2026, 3, 7, 13, 0)),
        ("%Y-%m-%d %H:%M", "America/New_York", "2026-03-09 08:00", utc(2026, 3, 9, 12, 0)),
        # The hour that the clock skips is none, the one it repeats is the first.
        ("%Y-%m-%d %H:%M", "America/New_York", "2026-03-08 02:30", None),
        ("%Y-%m-%d %H:%M", "America/New_York", "2026-11-01 01:30", utc(2026, 11, 1, 5, 30)),
        # An offset in the text is the truth, whatever zone the mapping names.
        ("%Y-%m-%d %H:%M%z", "Asia/Shanghai", "2026-03-02 08:00+0800", utc(2026, 3, 2, 0, 0)),
        ("%Y-%m-%d %H:%M%z", "Asia/Shanghai", "2026-03-02 08:00+0000", utc(2026, 3, 2, 8, 0)),
        ("%Y-%m-%d %H:%M", "Asia/Shanghai", "2026-02-30 08:00", None),
        ("%Y-%m-%d %H:%M", "Asia/Shanghai", "tomorrow", None),
    ],
)
def test_patterns_and_zones(pattern: str, zone: str, text: str, read: datetime | None) -> None:
    assert moment(text, f'format = "{pattern}"\nzone = "{zone}"') == read


@pytest.mark.parametrize(
    ("text", "offset", "read"),
    [
        ("0014-11-18 15:40:26", 2000, utc(2014, 11, 18, 7, 40, 26)),
        ("0016-02-29 08:00:00", 2000, utc(2016, 2, 29, 0, 0)),
        ("0014-11-18 15:40:26", 0, utc(14, 11, 18, 7, 34, 43)),  # Local mean time of Shanghai.
        ("9999-01-01 08:00:00", -7973, utc(2026, 1, 1, 0, 0)),
    ],
)
def test_years_written_with_two_digits(text: str, offset: int, read: datetime) -> None:
    assert moment(text, f'format = "%Y-%m-%d %H:%M:%S"\nyear_offset = {offset}') == read


def test_an_offset_beyond_every_calendar_gives_no_trouble() -> None:
    time = 'format = "%Y-%m-%d"\nyear_offset = 10000'
    frame = pl.DataFrame(
        {"idx": [2], **{k: [v] for k, v in {**ROW, "begin": "9999-12-31"}.items()}}
    )
    mapping = parse_mapping(mapping_with(time=time))
    read = to_candidates(frame, mapping, {"distance_km": Fraction(1)})
    assert read["occurred_at"].dt.year().to_list() == [19_999]


def test_an_end_that_cannot_be_read_is_told() -> None:
    mapping = parse_mapping(mapping_with(time='end = "far"'))
    row = mapped(mapping, far="later")
    assert (row["ended_at"], row["code"], row["detail"]) == (None, "time_format", "far")
    assert mapped(mapping, far=" ")["code"] is None


# --- ids ------------------------------------------------------------------------------------


def test_ids_of_several_columns_need_all_of_them() -> None:
    mapping = parse_mapping(mapping_with().replace('["ride"]', '["begin", "ride"]'))
    assert mapped(mapping)["event_id"] == "2026-03-02T08:00:00+08:00-r1"
    assert mapped(mapping, ride="")["event_id"] is None
    assert mapped(mapping, ride=None)["event_id"] is None
    assert mapped(mapping, ride=" r 1 ")["event_id"] == "2026-03-02T08:00:00+08:00-r 1"


@pytest.mark.parametrize("name", ["*", "^.*$", "^ride$", "idx", "event_id", "骑行 (id)"])
def test_columns_are_found_by_their_exact_names(name: str) -> None:
    mapping = parse_mapping(mapping_with().replace('"ride"', f'"{name}"'))
    cells: dict[str, Any] = {name: "other"}
    assert mapped(mapping, **cells)["event_id"] == "other"


# --- the mapping itself ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not toml", ""),
        ("", "record"),
        (mapping_with(top='fromat = "csv"'), "fromat"),
        (mapping_with(top='format = "pdf"'), "format"),
        (mapping_with(record='devise = "far"'), "devise"),
        (mapping_with().replace('["ride"]', "[]"), "event_id"),
        (mapping_with().replace('["ride"]', '["ride", ""]'), "event_id"),
        (mapping_with().replace('"begin"', '""'), "start"),
        (mapping_with().replace('"far"', '""'), "column"),
        (mapping_with().replace('behavior = "bike_ride"', ""), "behavior"),
        (mapping_with(record='behavior_column = "far"'), "behavior"),
        (mapping_with().replace('evidence = "A"', ""), "evidence"),
        (mapping_with(time='zone = "Asia/Jining"'), "Asia/Jining"),
        (mapping_with(time='zone = "localtime"'), "localtime"),
        (mapping_with(time='zone = "../../etc/passwd"'), "passwd"),
        (mapping_with(time="year_offset = 10001"), "year_offset"),
        (mapping_with(time="year_offset = 1.5"), "year_offset"),
        (mapping_with(time='format = "%H:%M"'), "%H:%M"),
        (mapping_with(time='format = "%Y"'), "%Y"),
        (mapping_with(time='format = "%Q"'), "%Q"),
        (mapping_with(time='format = "%"'), "%"),
        (mapping_with(time='format = ""'), "format"),
        (mapping_with(time='format = "ISO"'), "ISO"),
        # Seconds since 1970 have no local time: that is the format unix.
        (mapping_with(time='format = "%s"'), "%s"),
        # Elsewhere these are millionths; the pattern for a fraction of a second is %.f.
        (mapping_with(time='format = "%Y-%m-%d %H:%M:%S.%f"'), "%f"),
    ],
)
def test_mistakes_of_a_mapping_are_named(text: str, named: str) -> None:
    assert named in problem(text)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("bike_ride", "flying", "flying"),
        ("distance_km", "distance", "distance"),
        ("distance_km", "energy_kwh", "energy_kwh"),
    ],
)
def test_behaviours_and_fields_must_exist(book: RuleBook, old: str, new: str, named: str) -> None:
    mapping = parse_mapping(mapping_with().replace(old, new))
    with pytest.raises(Invalid) as refused:
        check_mapping(mapping, book)
    assert named in str(refused.value.params["problem"])


def test_ready_mappings_fit_the_rules(book: RuleBook) -> None:
    assert set(ready_mappings()) >= {"bike_trips", "workplace_charging"}
    for text in ready_mappings().values():
        check_mapping(parse_mapping(text), book)


def test_the_header_finds_its_mapping() -> None:
    canonical = ["event_id", "subject", "behavior", "occurred_at", "evidence", "distance_km"]
    name, mapping = find_mapping([*canonical, "ended_at", "device"])
    assert name == "canonical"
    assert (mapping.time.end, mapping.record.device) == ("ended_at", "device")
    assert list(mapping.fields) == ["distance_km"]
    with pytest.raises(Invalid) as refused:
        find_mapping(["x", "y"])
    assert refused.value.params == {"columns": "x, y"}


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(["format", "zone", "start", "end"]),
    value=st.text(max_size=12) | st.text(alphabet="%YmdHMSzZfj+:-/ s", max_size=10),
)
def test_whatever_a_mapping_says_of_time_only_domain_errors_come_out(key: str, value: str) -> None:
    quoted = "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) < 0xE000)
    text = mapping_with(time=f'{key} = "{quoted}"')
    if key == "start":
        text = mapping_with().replace('start = "begin"', f'start = "{quoted}"')
    try:
        mapping = parse_mapping(text)
    except DomainError:
        return
    cells = dict.fromkeys(mapping.columns(), "2026-03-02 08:00:00")
    frame = pl.DataFrame({"\nline": [2], **{k: [v] for k, v in cells.items()}})
    read = to_candidates(frame, mapping, {"distance_km": Fraction(1)})
    assert read.height == 1


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=30) | st.from_regex(r"[-+]?[0-9,]{1,20}(\.[0-9]{0,12})?", fullmatch=True)
)
def test_an_amount_never_becomes_another_number(text: str) -> None:
    read = amount(text) or ""
    assert read in text or read == text.strip().replace(",", "")
    if read not in text:
        # Commas went, and every group behind one has three digits.
        groups = text.strip().split(".")[0].split(",")
        assert all(len(group) == 3 for group in groups[1:])


def test_rounding_down_is_what_the_second_way_says() -> None:
    for text in ("406.028407", "0.9999999", "12345.678901234"):
        metres = Decimal(text)
        expected = (metres / 1000).quantize(Decimal("1e-9"), rounding=ROUND_FLOOR)
        assert amount(text, Fraction(1, 1000)) == f"{expected:f}"
