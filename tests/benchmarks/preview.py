"""A preview of one rule over a city's history, against reading the columns and computing on them.

The limit is, in the same run: the bare read of the very columns (packed by the server, unpacked
into numpy), and the bare computation on columns that are in memory already - cap, grams,
credits, sums by person, district, evidence and month, written as directly as numpy allows, and
adding up to the same totals. Each is measured in a process of its own, so that the memory told
is that of the preview alone.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from behaviors import scoring
from behaviors.models import Behavior, RuleStatus, RuleVersion
from behaviors.preview.engine import load_drafts, preview, selection_of
from behaviors.preview.history import History, read_history, read_people
from behaviors.preview.reading import Selection, read_blocks, snapshot
from behaviors.rulebook import RuleBook
from behaviors.scoring import Rule, unit_factor_nano
from carbonaccount import bulk
from carbonaccount.app import import_models
from carbonaccount.database import is_sqlite, make_engine, open_session
from tests.benchmarks.history import BEHAVIOR, NOW, make_history
from tests.benchmarks.intake import SERVER_SETTINGS
from tests.benchmarks.memory import peak_rss_mib
from tests.postgres import running_postgres

FIRST_DAY, LAST_DAY = date(2026, 1, 1), date(2026, 12, 31)
# Grams a kilometre times 1000 of the rule that is tried: an all-electric fleet.
MILLIGRAMS_A_KM = 26_900
_SHARES = {ord("A"): 4, ord("B"): 4, ord("C"): 2, ord("D"): 1}


class Draft(NamedTuple):
    """The version that is tried, and its behaviour."""

    behavior_id: int
    version_id: int


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a measurement, on PostgreSQL and on SQLite."""
    records = 200_000 if quick else 10_000_000
    people = records // 100
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        with running_postgres(SERVER_SETTINGS) as server:
            yield from _measured("postgresql", _database(server), records, people)
        file = Path(name) / "history.sqlite3"
        yield from _measured("sqlite", f"sqlite:///{file}", records, people)


def _database(server: str) -> str:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE history")
    engine.dispose()
    return sa.make_url(server).set(database="history").render_as_string(hide_password=False)


def _measured(kind: str, url: str, records: int, people: int) -> Iterator[dict[str, object]]:
    engine = make_history(url, records=records, people=people)
    draft = add_draft(engine)
    engine.dispose()
    rows_s = _in_child(_rows_read, url, draft)
    read_s = _in_child(_columns_read, url, draft)
    compute_s, scoring_s, bare = _in_child(_computed, url, draft)
    preview_s, peak_mib, total = _in_child(_previewed, url, draft)
    if (total["g_after"], total["credits_after"]) != bare:
        raise RuntimeError(f"the preview says {total}, the bare computation {bare}")
    yield {
        "benchmark": "preview",
        "database": kind,
        "records": records,
        "people": people,
        "seconds": round(preview_s, 2),
        "records_per_s": round(records / preview_s),
        "read_s": round(read_s, 2),
        "read_rows_s": round(rows_s, 2),
        "compute_s": round(compute_s, 2),
        "limit_s": round(read_s + compute_s, 2),
        "ratio": round(preview_s / (read_s + compute_s), 2),
        "peak_rss_mib": round(peak_mib),
    }
    yield {
        "benchmark": "scoring",
        "database": kind,
        "records": records,
        "records_per_s": round(records / scoring_s),
    }


def add_draft(engine: Engine) -> Draft:
    """Draft a rule for the trips: fewer grams a kilometre, the shipped cap of 40 km a day."""
    with open_session(engine) as session:
        behavior = session.exec(select(Behavior).where(col(Behavior.code) == BEHAVIOR)).one()
        shipped = RuleBook.load(session).versions(BEHAVIOR)[0]
        value = Decimal(MILLIGRAMS_A_KM).scaleb(-6)
        parameters = (replace(shipped.parameters[0], name="ef", value=value),)
        rule = replace(
            shipped,
            version=2,
            parameters=parameters,
            factor_expression="ef",
            unit_factor_nano=unit_factor_nano("ef", parameters),
        )
        version = RuleVersion(
            behavior_id=behavior.id or 0,
            version=rule.version,
            status=RuleStatus.DRAFT,
            valid_from=LAST_DAY,
            unit_factor_nano=rule.unit_factor_nano,
            definition=rule.to_definition(),
            grade="B",
            citation="A benchmark",
            created_at=NOW,
        )
        session.add(version)
        session.commit()
        return Draft(behavior.id or 0, version.id or 0)


def _in_child(measure: Callable[[str, Draft], Any], url: str, draft: Draft) -> Any:
    """Return what is measured in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, url, draft).result()


def _engine(url: str) -> Engine:
    import_models()
    return make_engine(url)


def _selection(draft: Draft) -> Selection:
    return Selection(draft.behavior_id, FIRST_DAY, LAST_DAY)


def _rows_read(url: str, draft: Draft) -> float:
    """Return the seconds for the same columns a row a record, as drivers give them."""
    with snapshot(_engine(url), readers=1) as (session,):
        connection = bulk.driver_connection(session)
        sent = "occurred_at" if is_sqlite(session) else "business_day"
        statement = (
            f"SELECT id, account_id, quantity_milli, reduction_g, credits, {sent}, evidence, "
            f"status, outcome, counted_milli FROM activity_record WHERE {_selection(draft).where}"
        )
        started = time.perf_counter()
        cursor = connection.cursor() if is_sqlite(session) else connection.cursor("rows")
        cursor.execute(statement)
        while cursor.fetchmany(200_000):
            pass
        return time.perf_counter() - started


def _columns_read(url: str, draft: Draft) -> float:
    """Return the seconds for reading and unpacking the columns."""
    with snapshot(_engine(url)) as sessions:
        for block in read_blocks(sessions, _selection(draft)):
            del block  # Once to warm up.
        started = time.perf_counter()
        read_people(sessions[0])
        for block in read_blocks(sessions, _selection(draft)):
            del block
        return time.perf_counter() - started


def _computed(url: str, draft: Draft) -> tuple[float, float, tuple[int, int]]:
    """Return the seconds of computing everything, those of scoring alone, and the totals."""
    with snapshot(_engine(url)) as sessions:
        book = RuleBook.load(sessions[0])
        drafts = load_drafts(sessions[0], book, draft.behavior_id, [draft.version_id])
        history = read_history(sessions, selection_of(drafts, FIRST_DAY, LAST_DAY), drafts)
    rule = drafts[0].rule
    started = time.perf_counter()
    totals = bare_computation(history, rule.cap_milli or 0)
    compute_s = time.perf_counter() - started
    return compute_s, scoring_alone(rule, history), totals


def scoring_alone(rule: Rule, history: History) -> float:
    """Return the seconds of turning quantities into grams and credits."""
    started = time.perf_counter()
    for start in range(0, history.records, 1 << 17):
        part = slice(start, start + (1 << 17))
        counted = history.quantity[part]
        grams = scoring.grams_columns(rule, counted)
        scoring.credits_columns(rule, grams, history.evidence[part], counted)
    return time.perf_counter() - started


def bare_computation(history: History, cap_milli: int) -> tuple[int, int]:
    """Compute everything a preview tells, and return the total grams and credits.

    Nothing is checked: one rule whose numbers stand here, records in the order of booking.
    """
    people = history.people.ids.size
    day = history.persons.astype(np.int64) * history.selection.days + history.days
    order = np.argsort(day, kind="stable")
    served, quantity = day[order], history.quantity[order]
    begins = np.concatenate([[True], served[1:] != served[:-1]])
    sums = np.cumsum(quantity) - quantity
    before = sums - sums[begins][np.cumsum(begins) - 1]
    counted = np.empty_like(quantity)
    counted[order] = np.minimum(quantity, np.maximum(cap_milli - before, 0))
    computed = counted * MILLIGRAMS_A_KM // 10**6
    share = np.zeros(256, dtype=np.int64)
    share[list(_SHARES)] = list(_SHARES.values())
    credited = computed * share[history.evidence] // 4
    grams = np.where(history.evidence == ord("D"), 0, computed)
    groups = (history.people.district_of[history.persons].astype(np.int64) * 4) * 12
    groups += (history.evidence.astype(np.int64) - ord("A")) * 12 + history.days // 31
    for amounts in (history.grams, grams, history.credits, credited):
        np.bincount(groups, weights=amounts)
    np.bincount(history.persons, weights=credited - history.credits, minlength=people)
    for cut in (history.capped, counted < history.quantity):
        np.bincount(history.persons[cut], minlength=people)
    return int(grams.sum()), int(credited.sum())


def _previewed(url: str, draft: Draft) -> tuple[float, float, dict[str, int]]:
    """Return the seconds of a preview, the process's peak memory in MiB, and the totals."""
    engine = _engine(url)
    started = time.perf_counter()
    result: Any = preview(
        engine,
        behavior_id=draft.behavior_id,
        rule_version_ids=[draft.version_id],
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        today=LAST_DAY,
    )
    seconds = time.perf_counter() - started
    return seconds, peak_rss_mib(), result["versions"][str(draft.version_id)]["total"]
