"""Jobs: due days are made up for in order, once each, and one that fails stops no other."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, SQLModel, col, func, select

from carbonaccount import scheduler
from carbonaccount.audit import SYSTEM, AuditEntry, record
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.job_items import one_by_one
from carbonaccount.job_models import JobAttempt, JobRun
from carbonaccount.scheduler import (
    Job,
    missing_periods,
    run_due,
    run_once,
    scheduled,
)

# 2026-11-21 03:20 in the city is 2026-11-20 19:20 in UTC.
DAY = date(2026, 11, 21)
AT_THREE_TWENTY = datetime(2026, 11, 20, 19, 20, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

AddJob = Callable[..., None]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """This test's database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def add_job(monkeypatch: pytest.MonkeyPatch) -> AddJob:
    """Registers jobs in a registry that is this test's own; by default one that notes its day."""
    monkeypatch.setattr(scheduler, "_JOBS", {})

    def add(name: str, function: scheduler.JobFunction = note, hour: int = 3) -> None:
        scheduled(name=name, description=name, hour=hour, minute=20)(function)

    return add


def note(session: Session, *, period: date, now: datetime) -> str:
    """Write the period down, in the job's own transaction."""
    record(session, acting_user=SYSTEM, action="test.job", subject=str(period), now=now)
    return f"noted {period}"


def fail(session: Session, *, period: date, now: datetime) -> str:
    """Write the period down and fail afterwards."""
    note(session, period=period, now=now)
    raise Invalid("not_valid", field="x")


def noted(engine: Engine) -> list[str]:
    """Return the days that jobs wrote down, in the order they did."""
    with open_session(engine) as session:
        statement = select(AuditEntry.subject).where(AuditEntry.action == "test.job")
        return list(session.exec(statement.order_by(col(AuditEntry.id))))


def ran(engine: Engine, job: str, *periods: date) -> None:
    """Put runs of a job into the table as if it had been done on those days."""
    with open_session(engine) as session:
        session.add_all(JobRun(job=job, period=period, started_at=NOON) for period in periods)
        session.commit()


@pytest.mark.parametrize(
    ("now", "period"),
    [
        (AT_THREE_TWENTY - timedelta(seconds=1), DAY - timedelta(days=1)),
        (AT_THREE_TWENTY, DAY),
        (datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC), DAY),  # 23:59:59 in the city
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), DAY),  # midnight, the 22nd begins
        (datetime(2026, 11, 21, 19, 20, tzinfo=UTC), DAY + timedelta(days=1)),
    ],
)
def test_a_period_is_due_at_its_hour_of_the_city(now: datetime, period: date) -> None:
    assert Job("x", "x", note, 3, 20).last_due(now) == period


def test_a_job_that_never_ran_begins_with_the_latest_day(engine: Engine, add_job: AddJob) -> None:
    add_job("early")
    add_job("late", hour=13)  # 13:20 has not come at noon
    assert [(o.job, o.period, o.state) for o in run_due(engine, now=NOON)] == [
        ("late", DAY - timedelta(days=1), "done"),
        ("early", DAY, "done"),
    ]
    assert run_due(engine, now=NOON) == []


def test_missed_days_are_made_up_for_in_order(engine: Engine, add_job: AddJob) -> None:
    add_job("daily")
    ran(engine, "daily", date(2026, 11, 18))
    outcomes = run_due(engine, now=NOON)
    assert [outcome.period.day for outcome in outcomes] == [19, 20, 21]
    assert noted(engine) == ["2026-11-19", "2026-11-20", "2026-11-21"]


def test_a_day_run_by_hand_hides_no_missed_one(engine: Engine, add_job: AddJob) -> None:
    add_job("daily")
    ran(engine, "daily", date(2026, 11, 18), DAY)
    assert [outcome.period.day for outcome in run_due(engine, now=NOON)] == [19, 20]


def test_a_gap_of_forty_days_is_made_up_for_in_order(engine: Engine, add_job: AddJob) -> None:
    add_job("evening", hour=2)
    add_job("morning", hour=1)
    for job in ("evening", "morning"):
        ran(engine, job, DAY - timedelta(days=41))
    outcomes = run_due(engine, now=NOON)
    days = [DAY - timedelta(days=40 - number) for number in range(41)]
    assert days[0] == date(2026, 10, 12)
    # Day by day, and of each day by the hour.
    assert [(o.period, o.job) for o in outcomes] == [
        (day, job) for day in days for job in ("morning", "evening")
    ]
    assert noted(engine) == [str(day) for day in days for _ in range(2)]


def test_what_was_missed_is_made_up_for_400_days_and_no_more(
    engine: Engine, add_job: AddJob, caplog: pytest.LogCaptureFixture
) -> None:
    add_job("daily")
    ran(engine, "daily", date(2025, 1, 1))
    with open_session(engine) as session:
        days = scheduler.owed(session, now=NOON)["daily"]
    assert (len(days), days[0], days[-1]) == (400, date(2025, 10, 18), DAY)
    assert "job_days_given_up" in caplog.text
    caplog.clear()
    ran(engine, "daily", *days[:-1])
    assert [outcome.period for outcome in run_due(engine, now=NOON)] == [DAY]
    assert "job_days_given_up" not in caplog.text


def test_a_dry_run_leaves_nothing_but_what_it_would_have_done(
    engine: Engine, add_job: AddJob
) -> None:
    told: list[bool] = []

    def look(session: Session, *, period: date, now: datetime) -> str:
        told.append(scheduler.is_dry_run(session))
        return note(session, period=period, now=now)

    add_job("daily", look)
    for state in ("first", "again"):
        outcome = scheduler.try_out(engine, name="daily", period=DAY, now=NOON)
        assert (outcome.state, outcome.summary) == ("done", "noted 2026-11-21"), state
    assert noted(engine) == []
    with open_session(engine) as session:
        assert session.exec(select(JobRun)).all() == []
        (tried,) = session.exec(select(JobAttempt)).all()
    assert (tried.dry_run, tried.state, tried.attempts) == (True, "done", 2)
    # The run itself is still to be done, and a dry run is possible after it.
    assert [o.state for o in run_due(engine, now=NOON)] == ["done"]
    add_job("daily", fail)
    assert scheduler.try_out(engine, name="daily", period=DAY, now=NOON).state == "failed"
    assert noted(engine) == ["2026-11-21"]
    assert told == [True, True, False]


def test_one_bad_item_stops_no_other(
    engine: Engine, add_job: AddJob, caplog: pytest.LogCaptureFixture
) -> None:
    def work(session: Session, *, period: date, now: datetime) -> str:
        def do(number: int) -> int:
            note(session, period=date(2026, 1, number), now=now)
            if number == 2:
                raise Invalid("not_valid", field="x")
            return number

        return f"total={sum(one_by_one(session, [1, 2, 3], do, key=str))}"

    add_job("items", work)
    (outcome,) = run_due(engine, now=NOON)
    assert (outcome.state, outcome.summary) == ("done", "total=4 failed=1")
    assert noted(engine) == ["2026-01-01", "2026-01-03"]
    assert "job_item_failed" in caplog.text


def test_days_after_the_latest_are_not_due() -> None:
    done = {DAY + timedelta(days=3), DAY - timedelta(days=1)}
    assert missing_periods(done, oldest=DAY - timedelta(days=30), latest=DAY) == [DAY]


def test_a_failing_job_stops_no_other_and_is_tried_again(
    engine: Engine, add_job: AddJob, caplog: pytest.LogCaptureFixture
) -> None:
    add_job("b-broken", fail)
    add_job("a-fine")
    add_job("c-fine")
    for _ in range(2):
        states = {outcome.job: outcome.state for outcome in run_due(engine, now=NOON)}
        assert states["b-broken"] == "failed"
    assert states == {"b-broken": "failed"}  # the others were done at the first try
    # Nothing of the failed job's own transaction stays.
    assert noted(engine) == ["2026-11-21", "2026-11-21"]
    assert caplog.text.count("job_failed") == 2
    with open_session(engine) as session:
        tries = {row.job: row for row in session.exec(select(JobAttempt))}
    assert (tries["b-broken"].state, tries["b-broken"].attempts) == ("failed", 2)
    # The refusal's code, and nothing of what it says.
    assert (tries["b-broken"].error, tries["b-broken"].summary) == ("not_valid", "")
    assert (tries["a-fine"].state, tries["a-fine"].attempts) == ("done", 1)
    add_job("b-broken")
    assert [o.state for o in run_due(engine, now=NOON)] == ["done"]


def test_after_a_failure_later_days_of_the_job_wait(engine: Engine, add_job: AddJob) -> None:
    def fail_on_the_20th(session: Session, *, period: date, now: datetime) -> str:
        return (fail if period.day == 20 else note)(session, period=period, now=now)

    add_job("daily", fail_on_the_20th)
    ran(engine, "daily", date(2026, 11, 18))
    assert [(o.period.day, o.state) for o in run_due(engine, now=NOON)] == [
        (19, "done"),
        (20, "failed"),
    ]


def test_processes_at_the_same_time_do_a_job_once(engine: Engine, add_job: AddJob) -> None:
    begun = []

    def slow(session: Session, *, period: date, now: datetime) -> str:
        begun.append(period)
        threading.Event().wait(0.3)
        return note(session, period=period, now=now)

    add_job("slow", slow)
    ran(engine, "slow", DAY - timedelta(days=2))
    start = threading.Barrier(4)
    states: list[str] = []

    def run() -> None:
        start.wait()
        states.extend(outcome.state for outcome in run_due(engine, now=NOON))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == [DAY - timedelta(days=1), DAY]
    assert noted(engine) == ["2026-11-20", "2026-11-21"]
    assert "failed" not in states
    with open_session(engine) as session:
        assert session.exec(select(func.count()).select_from(JobRun)).one() == 3


def test_a_claim_that_another_made_first_is_told(engine: Engine, add_job: AddJob) -> None:
    """On PostgreSQL the claim waits for the other's end; on SQLite it cannot begin before it."""
    add_job("daily")
    with open_session(engine) as winner, open_session(engine) as loser:
        winner.add(JobRun(job="daily", period=DAY, started_at=NOON, summary="theirs"))
        winner.flush()
        timer = threading.Timer(0.3, winner.commit)
        timer.start()
        if engine.dialect.name == "sqlite":
            again = run_once(loser, name="daily", period=DAY, now=NOON)
            assert again == "already done: theirs"
        else:
            with pytest.raises(Conflict, match="job_done_elsewhere"):
                run_once(loser, name="daily", period=DAY, now=NOON)
        timer.join()
    assert noted(engine) == []


def test_stopping_is_asked_before_each_run(engine: Engine, add_job: AddJob) -> None:
    add_job("daily")
    ran(engine, "daily", date(2026, 11, 18))
    answers = iter([False, True])
    assert len(run_due(engine, now=NOON, stopping=lambda: next(answers))) == 1
    assert [o.period.day for o in run_due(engine, now=NOON)] == [20, 21]


def test_the_unique_key_is_in_the_schema() -> None:
    table = SQLModel.metadata.tables["job_run"]
    assert any(
        {column.name for column in getattr(constraint, "columns", ())} == {"job", "period"}
        for constraint in table.constraints
    )
