"""Importing files: what is told of each line, taken up again after a break, and safe to open."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from behaviors.intake import importing
from behaviors.intake.importing import plain_cell
from behaviors.intake.reading import LINE_COLUMN, read_blocks
from behaviors.models import ActivityRecord, Source
from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.ledger.models import Unit
from tests.behaviors.intake.arranging import balance, broken, item, rows_of
from tests.behaviors.intake.files import CANONICAL, HEADER, Importer, lines, mapping_with, ride

BAD_RIDE = ride("r2", "three")


def canonical(event_id: str, hour: int = 8, far: str = "3") -> str:
    return f"{event_id},alice,bike_ride,2026-03-02T{hour:02d}:00:00+08:00,A,{far}"


def test_every_line_is_counted_and_the_odd_ones_are_shown(
    importer: Importer, session: Session, alice: int
) -> None:
    content = lines(
        CANONICAL,
        canonical("r1", 8),
        canonical("r1", 8),
        canonical("r1", 9),
        canonical("r2", 10, "three"),
        "",
        canonical("r3", 11, "18"),
        "r4,alice",
    )
    summary = importer.bring(content)
    assert summary.mapping == "canonical"
    assert summary.last_line() == "accepted=2 duplicate=1 rejected=3 conflict=1 held=0"
    assert summary.lines == sum(summary.counts.values()) == 7
    header, *odd = importer.exceptions()
    assert header == ["line", "status", "reason", "detail", *CANONICAL.split(",")]
    assert [row[:4] for row in odd] == [
        ["4", "conflict", "conflict", ""],
        ["5", "rejected", "not_a_number", "distance_km"],
        ["6", "rejected", "blank_line", ""],
        ["7", "accepted", "capped", ""],
        ["8", "rejected", "column_count", ""],
    ]
    assert odd[1][4:] == ["r2", "alice", "bike_ride", "2026-03-02T10:00:00+08:00", "A", "three"]
    # 3 km and what is left of 20 km: 146 g and 17 x 48.7 = 827 g.
    assert balance(session, alice, Unit.G) == 146 + 827
    assert broken(session) == {}


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_blocks_and_repetition_change_nothing(
    importer: Importer, session: Session, alice: int, rows: int
) -> None:
    content = lines(HEADER, *(ride(f"r{n}", "1", f"2026-03-02T{n:02d}:00Z") for n in range(5)))
    for last in (
        "accepted=5 duplicate=0 rejected=0 conflict=0 held=0",
        "accepted=0 duplicate=5 rejected=0 conflict=0 held=0",
    ):
        summary = importer.bring(content, mapping=mapping_with(), rows=rows)
        assert summary.last_line() == last
        assert balance(session, alice, Unit.G) == 5 * 48
        session.rollback()
    assert importer.exceptions()[1:] == []


def test_a_broken_off_import_is_taken_up_by_importing_again(
    importer: Importer, session: Session
) -> None:
    good = lines(HEADER, *(ride(f"r{n}", "1", f"2026-03-02T{n:02d}:00Z") for n in range(6)))
    cut = gzip.compress(good + b"x" * 100_000)[:-30]
    with pytest.raises(Invalid, match="file_damaged"):
        importer.bring(cut, name="rides.csv.gz", mapping=mapping_with(), rows=2)
    taken = rows_of(session, ActivityRecord)
    session.rollback()
    summary = importer.bring(good, mapping=mapping_with(), rows=2)
    assert (summary.counts["duplicate"], summary.counts["accepted"]) == (taken, 6 - taken)
    assert rows_of(session, ActivityRecord) == 6


def test_a_files_columns_may_have_the_names_of_ours(importer: Importer) -> None:
    ours = "line,status,reason,code,detail,idx,event_id,account_id"
    content = lines(f"{HEADER},{ours}", f"{ride('r1')},{'x,' * 7}x", f"{BAD_RIDE},1,2,3,4,5,6,7,8")
    summary = importer.bring(content, mapping=mapping_with())
    assert summary.last_line() == "accepted=1 duplicate=0 rejected=1 conflict=0 held=0"
    header, row = importer.exceptions()
    assert header == ["line", "status", "reason", "detail", *f"{HEADER},{ours}".split(",")]
    assert row == [
        "3",
        "rejected",
        "not_a_number",
        "distance_km",
        *f"{BAD_RIDE},1,2,3,4,5,6,7,8".split(","),
    ]


def test_an_id_may_stand_in_a_column_named_idx(importer: Importer) -> None:
    content = lines("idx,rider,begin,far", ride("7"))
    summary = importer.bring(content, mapping=mapping_with().replace('"ride"', '"idx"'))
    assert summary.counts["accepted"] == 1


def test_empty_optional_cells_mean_nothing_quoted_or_not(importer: Importer) -> None:
    mapping = mapping_with(record='device = "bike"', time='end = "finish"')
    rows = [f"{ride('r1')},,", f'{ride("r2", "3", "2026-03-02T10:00Z")},"",""']
    summary = importer.bring(lines(f"{HEADER},bike,finish", *rows), mapping=mapping)
    assert summary.last_line() == "accepted=2 duplicate=0 rejected=0 conflict=0 held=0"


def test_an_id_of_two_columns_needs_both_quoted_or_not(importer: Importer) -> None:
    mapping = mapping_with().replace('["ride"]', '["begin", "ride"]')
    plain = importer.bring(lines(HEADER, ride("")), mapping=mapping)
    assert plain.reasons == {"bad_event_id": 1}
    quoted = importer.bring(lines(HEADER, ride('""'), ""), mapping=mapping)
    assert quoted.reasons == {"bad_event_id": 1, "blank_line": 1}


def test_columns_that_lack_are_named_before_anything_is_taken(
    importer: Importer, session: Session
) -> None:
    with pytest.raises(Invalid) as refused:
        importer.bring(lines("ride,rider,start", "r1,alice,x"), mapping=mapping_with())
    assert refused.value.code == "columns_missing"
    assert refused.value.params == {"columns": "begin, far"}
    assert rows_of(session, ActivityRecord) == 0


def test_unknown_sources_and_headers(importer: Importer) -> None:
    for content, code in ((b"", "file_empty"), (lines("x,y"), "file_without_rows")):
        with pytest.raises(Invalid, match=code):
            importer.bring(content)
    with pytest.raises(Invalid, match="mapping_needed"):
        importer.bring(lines("x,y", "1,2"))
    with pytest.raises(NotFound, match="unknown_source"):
        importing.import_file(
            lambda: Session(importer.engine),
            path=importer.folder / "rides.csv",
            source_code="nobody",
            mapping=None,
            exceptions_file=importer.folder / "exceptions.csv",
            batch_rows=1,
            open_unknown=False,
            acting_user=SYSTEM,
            clock=lambda: pytest.fail("nothing is taken"),
        )


def test_a_source_that_may_report_none_of_a_file_is_refused_at_once(
    importer: Importer, session: Session, bikes: Source
) -> None:
    bus = canonical("b1").replace("bike_ride", "ebike_ride")
    for content, mapping, code in (
        (lines(CANONICAL, bus, bus.replace("b1", "b2")), None, "behaviors_not_allowed"),
        (ndjson(item("n1", behavior="ebike_ride")), None, "behaviors_not_allowed"),
        (lines(HEADER, ride("r1")), mapping_with().replace("bike_ride", "ebike_ride"), "mapping_"),
    ):
        with pytest.raises(Invalid, match=code):
            importer.bring(
                content, mapping=mapping, name="x.ndjson" if content[:1] == b"{" else "x.csv"
            )
    assert not (importer.folder / "exceptions.csv").exists()
    # One line that may be reported makes the others a matter of their lines, wherever it stands.
    many = [bus.replace("b1", f"b{number}") for number in range(importing.LOOKED_AT_ROWS + 5)]
    summary = importer.bring(lines(CANONICAL, *many, canonical("r1")))
    assert summary.reasons == {"behavior_not_allowed": importing.LOOKED_AT_ROWS + 5}
    assert summary.counts["accepted"] == 1
    bikes.active = False
    session.add(bikes)
    session.commit()
    with pytest.raises(Conflict, match="source_inactive"):
        importer.bring(lines(CANONICAL, canonical("r2")))


def test_unknown_riders_get_accounts_only_when_asked_for(
    importer: Importer, session: Session
) -> None:
    content = lines(HEADER, ride("r1").replace("alice", "stranger"))
    refused = importer.bring(content, mapping=mapping_with(), create=False)
    assert refused.reasons == {"unknown_subject": 1}
    assert importer.bring(content, mapping=mapping_with()).counts["accepted"] == 1
    assert broken(session) == {}


def test_a_local_time_table_in_another_encoding(importer: Importer, session: Session) -> None:
    mapping = """
    encoding = "gb18030"
    [record]
    behavior = "ev_charging"
    evidence = "B"
    event_id = ["编号"]
    subject = ["用户"]
    [time]
    start = "时间"
    format = "%Y/%m/%d %H:%M"
    [fields.energy_kwh]
    column = "电量"
    unit = "MWh"
    """
    rows = ["编号,用户,时间,电量", "c1,alice,2026/03/02 08:30,0.01", "c2,alice,2026/03/02 9时,0.01"]
    summary = importer.bring("\n".join(rows).encode("gb18030"), mapping=mapping)
    assert summary.last_line() == "accepted=1 duplicate=0 rejected=1 conflict=0 held=0"
    assert importer.faults() == [(3, "time_format")]
    # 10 kWh x 817.681609 g = 8176 g
    assert session.exec(select(col(ActivityRecord.reduction_g))).all() == [8176]


CELLS = st.sampled_from(
    ["r1", "alice", "bike_ride", "2026-03-02T08:00:00Z", "A", "3", "", '"', '"3"', "x,y", "\r", "é"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.lists(CELLS, max_size=7), max_size=6), block=st.integers(1, 3))
def test_whatever_a_file_holds_only_domain_errors_come_out(
    importer: Importer, session: Session, rows: list[list[str]], block: int
) -> None:
    content = lines(CANONICAL, *(",".join(row) for row in rows))
    try:
        summary = importer.bring(content, rows=block)
    except DomainError:
        return
    assert sum(summary.counts.values()) == summary.lines == len(summary_lines(importer))
    session.rollback()


def summary_lines(importer: Importer) -> list[int]:
    """Return the numbers of the lines that the file of the importer has."""
    blocks = read_blocks(importer.folder / "rides.csv", rows=100)
    return [line for one in blocks for line in one.lines[LINE_COLUMN]]


# --- NDJSON ---------------------------------------------------------------------------------


def ndjson(*items: object) -> bytes:
    return "".join(
        (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) + "\n"
        for one in items
    ).encode()


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_objects_need_no_mapping_and_may_differ_from_each_other(
    importer: Importer, session: Session, alice: int, rows: int
) -> None:
    charging = {"behavior": "ev_charging", "activity": {"energy_kwh": 10}, "device": "car-1"}
    content = ndjson(
        "garbage",
        item("n1"),
        item("n2", **charging, occurred_at="2026-03-02T10:00:00+08:00"),
        item("n3", occurred_at="2026-03-02T12:00:00+08:00", ended_at="2026-03-02T12:10:00+08:00"),
        "",
        item("n4", activity={"distance": 3}),
        item("n5", activity={"distance_km": 3, "subject": "bob"}),
        item("n6", occurred_at="2026-03-02T14:00:00+08:00", device="7"),
        item("n8", end_at="2026-03-02T14:00:00+08:00", _broken="ok", _line="7"),
        item(["n7"]),
        [1],
    )
    summary = importer.bring(content, name="items.ndjson", rows=rows)
    assert summary.lines == 11
    assert summary.last_line() == "accepted=4 duplicate=0 rejected=7 conflict=0 held=0"
    header, *odd = importer.exceptions()
    assert header == ["line", "status", "reason", "detail", "item"]
    assert [row[:4] for row in odd] == [
        ["1", "rejected", "not_json", ""],
        ["5", "rejected", "blank_line", ""],
        ["6", "rejected", "unknown_field", "distance"],
        ["7", "rejected", "unknown_field", "subject"],
        ["9", "rejected", "unknown_field", "end_at"],
        ["10", "rejected", "bad_event_id", ""],
        ["11", "rejected", "not_an_object", ""],
    ]
    assert odd[0][4] == "garbage"
    assert json.loads(odd[3][4])["event_id"] == "n5"
    # Three rides of 146 g, and 8176 g charged.
    assert balance(session, alice, Unit.G) == 3 * 146 + 8176
    assert broken(session) == {}


def test_objects_may_have_a_mapping(importer: Importer) -> None:
    content = ndjson(
        {"ride": "r1", "rider": "alice", "begin": "2026-03-02T08:00:00+08:00", "far": 3},
        {"ride": "r2", "rider": "alice", "begin": "2026-03-02T10:00:00+08:00"},
        {"x": 1},
    )
    summary = importer.bring(content, name="rides.ndjson", mapping=mapping_with(), rows=1)
    assert summary.last_line() == "accepted=1 duplicate=0 rejected=2 conflict=0 held=0"
    assert importer.faults() == [(2, "missing_field"), (3, "bad_event_id")]


# --- the exceptions file in a spreadsheet ---------------------------------------------------

HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "-1=1",
    "-",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    '=HYPERLINK("http://x","y")',
)


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_formula_is_shown_and_not_run(cell: str) -> None:
    assert plain_cell(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["-5", "+5", "-5.25", "3", "alice", "a=b", "", None, 7])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert plain_cell(cell) == cell


def test_no_cell_of_the_exceptions_file_begins_a_formula(importer: Importer) -> None:
    quoted = [cell.replace('"', '""') for cell in HOSTILE]
    content = lines(
        'ride,rider,begin,far,"=evil"',
        *(f'r{n},alice,2026-03-02T08:00Z,"{cell}","{cell}"' for n, cell in enumerate(quoted)),
    )
    summary = importer.bring(content, mapping=mapping_with())
    assert summary.counts["rejected"] == len(HOSTILE)
    for row in importer.exceptions():
        assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") for cell in row if cell)
