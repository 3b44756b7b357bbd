"""Many at once, with real threads and processes: the same as one after another."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, func, select

from behaviors.intake.candidates import from_items
from behaviors.intake.door import ItemResult, known_fields, take_frame, take_items
from behaviors.intake.importing import comes_from_a_race, find_source
from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord, Channel, SourceSubject
from behaviors.rulebook import RuleBook
from behaviors.services import report_act
from carbonaccount.accounts.models import Account
from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, TransferKind, Unit
from carbonaccount.ledger.verify import verify
from tests.behaviors.intake.arranging import NOW, admit, balance, open_person
from tests.carbonaccount.ledger.books import held, issuance, open_ledger, post, posting

pytestmark = pytest.mark.slow

T = TypeVar("T")
PEOPLE = 20
RIDES = 200


def with_retries(engine: Engine, work: Callable[[Session], T]) -> T:
    """Do the work in one transaction; again when another writer was faster, as the edges do."""
    for attempt in range(8):
        with open_session(engine) as session:
            try:
                result = work(session)
                session.commit()
            except Exception as error:
                session.rollback()
                if attempt == 7 or not comes_from_a_race(error):
                    raise
            else:
                return result
    raise AssertionError("the loop returns or raises")


def rides(km: str = "1") -> list[dict[str, object]]:
    """200 rides by 20 people, each at an hour of its own."""
    return [
        {
            "event_id": f"ride-{number}",
            "subject": f"rider-{number % PEOPLE}",
            "behavior": "bike_ride",
            "occurred_at": (NOW - timedelta(days=2, hours=number // PEOPLE)).isoformat(),
            "activity": {"distance_km": km},
            "evidence": "A",
        }
        for number in range(RIDES)
    ]


def send(engine: Engine, items: Sequence[object], source: str = "rides") -> tuple[int, int]:
    """Send a batch; returns how many were accepted and how many were duplicates."""

    def work(session: Session) -> tuple[int, int]:
        result = take_items(
            session,
            source=find_source(session, source),
            channel=Channel.API,
            items=items,
            acting_user=SYSTEM,
            now=NOW,
        )
        return result.accepted, result.duplicate

    return with_retries(engine, work)


def send_from_a_process(url: str, first: int) -> list[tuple[int, int]]:
    """Send eight of the overlapping batches from a process of its own."""
    import_models()
    engine = make_engine(url)
    everything = rides()
    answers = [send(engine, everything[start : start + 60]) for start in starts()[first::4]]
    engine.dispose()
    return answers


def starts() -> list[int]:
    """Where each of the 32 batches of 60 begins in the 200 rides: they overlap many times."""
    return [number * 140 // 31 for number in range(32)]


def arrange(session: Session) -> list[int]:
    source = admit(session, code="rides")
    people = [open_person(session, (source, f"rider-{number}")) for number in range(PEOPLE)]
    session.commit()
    return people


def check(session: Session, people: list[int]) -> None:
    """Each ride once: 1 km x 48.7 g is 48 g, ten rides a person are 480 g and 480 credits."""
    assert session.exec(select(func.count()).select_from(ActivityRecord)).one() == RIDES
    for account_id in people:
        assert balance(session, account_id, Unit.G) == 480
        assert balance(session, account_id, Unit.CREDIT) == 480
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_32_overlapping_batches_at_once_by_threads(app: Flask, session: Session) -> None:
    people = arrange(session)
    engine: Engine = app.extensions["carbonaccount.engine"]
    everything = rides()
    with ThreadPoolExecutor(32) as pool:
        answers = list(
            pool.map(lambda start: send(engine, everything[start : start + 60]), starts())
        )
    assert sum(accepted for accepted, _ in answers) == RIDES
    assert sum(duplicate for _, duplicate in answers) == 32 * 60 - RIDES
    check(session, people)


def test_32_overlapping_batches_at_once_by_processes(
    app: Flask, session: Session, database_url: str
) -> None:
    people = arrange(session)
    # All is imported once, in the process that the others are forked from.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        done = list(pool.map(send_from_a_process, [database_url] * 4, range(4)))
    assert sum(accepted for answers in done for accepted, _ in answers) == RIDES
    check(session, people)


def test_batches_at_once_fill_each_cap_exactly(app: Flask, session: Session) -> None:
    """3 km every hour: ten rides a person, of which 20 km a day count, whoever comes first."""
    arrange(session)
    engine: Engine = app.extensions["carbonaccount.engine"]
    everything = rides("3")
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda start: send(engine, everything[start : start + 60]), starts()))
    measured: Counter[tuple[int, date]] = Counter()
    counted: Counter[tuple[int, date]] = Counter()
    for row in session.exec(select(ActivityRecord)).all():
        measured[row.account_id, row.business_day] += row.quantity_milli
        counted[row.account_id, row.business_day] += row.counted_milli
    assert max(measured.values()) > 20_000
    assert counted == {key: min(milli, 20_000) for key, milli in measured.items()}
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_two_sources_at_once_tell_of_each_ride_once(app: Flask, session: Session) -> None:
    people = arrange(session)
    other = admit(session, code="phones")
    for number, account_id in enumerate(people):
        session.add(
            SourceSubject(
                source_id=other.stored_id,
                subject=f"rider-{number}",
                account_id=account_id,
                bound_at=NOW,
            )
        )
    session.commit()
    engine: Engine = app.extensions["carbonaccount.engine"]
    everything = rides()
    with ThreadPoolExecutor(16) as pool:
        parts = [(source, start) for start in range(0, 200, 25) for source in ("rides", "phones")]
        list(pool.map(lambda part: send(engine, everything[part[1] :][:25], part[0]), parts))
    outcomes = Counter(session.exec(select(ActivityRecord.outcome)).all())
    assert outcomes == {"ok": RIDES, "overlap": RIDES}
    for account_id in people:
        assert balance(session, account_id, Unit.G) == 480
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_the_first_batches_of_a_year_open_its_account_once(app: Flask, session: Session) -> None:
    """Nobody has an account yet: each batch opens that of the year, and those of its rider."""
    admit(session, code="rides")
    session.commit()
    engine: Engine = app.extensions["carbonaccount.engine"]

    def take(number: int) -> int:
        def work(session: Session) -> int:
            book = RuleBook.load(session)
            items = [{**item, "subject": "shared"} for item in rides()[number * 20 :][:20]]
            return take_frame(
                session,
                source=find_source(session, "rides"),
                channel=Channel.FILE,
                frame=from_items(items, known_fields(book)),
                book=book,
                acting_user=SYSTEM,
                now=NOW,
                open_unknown=True,
            ).accepted

        return with_retries(engine, work)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(take, range(8))) == [20] * 8
    issued = session.exec(
        select(LedgerAccount).where(LedgerAccount.kind == LedgerKind.ISSUANCE)
    ).all()
    assert sorted((account.unit, account.vintage) for account in issued) == [(1, 0), (2, NOW.year)]
    assert session.exec(select(func.count()).select_from(Account)).one() == 1
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_spending_at_once_stops_at_what_is_there(app: Flask, session: Session) -> None:
    """Of 24 who give 10 credits of an account of 55 at once, five succeed."""
    purse, fund = (open_ledger(session, 77), open_ledger(session, 5, LedgerKind.INSTITUTION))
    post(session, posting(issuance(session), purse, 55))
    session.commit()
    engine: Engine = app.extensions["carbonaccount.engine"]
    give = {"kind": int(TransferKind.GIVE)}

    def spend(number: int) -> bool:
        with open_session(engine) as own:
            try:
                post(own, posting(purse, fund, 10, cause_id=100 + number, **give))
                own.commit()
            except InsufficientBalance:
                own.rollback()
                return False
            return True

    with ThreadPoolExecutor(24) as pool:
        assert sum(pool.map(spend, range(24))) == 5
    assert held(session, purse, fund) == [5, 50]
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_one_batch_sent_twenty_times_at_once_counts_once(app: Flask, session: Session) -> None:
    people = arrange(session)
    engine: Engine = app.extensions["carbonaccount.engine"]
    everything = rides()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: send(engine, everything), range(20)))
    assert sorted(accepted for accepted, _ in answers) == [0] * 19 + [RIDES]
    check(session, people)


def test_64_reports_at_once_stop_exactly_at_the_cap(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    """40 km by bus count a day: of 64 reports of 1 km, 40 earn 13 credits each (52 / 4)."""
    account_id = open_person(session)
    session.commit()
    engine: Engine = app.extensions["carbonaccount.engine"]

    def report(number: int) -> ItemResult:
        return with_retries(
            engine,
            lambda session: report_act(
                session,
                account_id=account_id,
                behavior="bus_trip",
                activity={"distance_km": "1"},
                occurred_at=NOW - timedelta(minutes=number),
                photo=None,
                photo_folder=tmp_path,
                form_token=f"form-{number}",
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(report, range(64)))
    assert sorted(result.credits for result in results) == [0] * 24 + [13] * 40
    assert balance(session, account_id, Unit.CREDIT) == 520
    counted = session.exec(select(func.sum(ActivityRecord.counted_milli))).one()
    assert counted == 40_000
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []
