"""Two cities with one history: one tries a rule on it, in the other it held from the beginning."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.intake.door import take_items
from behaviors.intake.release import release_held
from behaviors.models import (
    ActivityRecord,
    Behavior,
    Channel,
    RecordStatus,
    RuleStatus,
    RuleVersion,
    Source,
)
from behaviors.preview.engine import load_drafts, preview, selection_of
from behaviors.preview.history import read_history
from behaviors.preview.outlooks import outlook_of
from behaviors.preview.reading import snapshot
from behaviors.preview.worth import scored_slices
from behaviors.rulebook import RuleBook
from behaviors.scoring import Rule
from carbonaccount.audit import SYSTEM
from carbonaccount.database import make_engine, open_session
from tests.behaviors.intake.arranging import admit, open_person

FIRST_DAY, LAST_DAY = date(2026, 3, 2), date(2026, 3, 5)
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
SOURCES = ("bikes", "fleet")
SUBJECTS = ("alice", "bob")
BEHAVIORS = (
    "bike_ride",
    "bus_trip",
    "metro_trip",
    "nev_driving",
    "ev_charging",
    "waste_sorting",
    "recycle_clothes",
    "power_saving",
    "clean_plate",
)

Amounts = tuple[int, int]
NewDatabase = Callable[[], str]


@dataclass(frozen=True)
class Batch:
    """What one sender tells at once; `held`: while its behaviours are stopped."""

    source: str
    items: tuple[dict[str, Any], ...]
    held: bool = False


def release() -> Batch:
    """Return the moment at which everything that is held is counted."""
    return Batch("", ())


@contextmanager
def city(url: str) -> Iterator[Engine]:
    """Yield the engine of a city with two sources and two people whom both know."""
    engine = make_engine(url)
    try:
        with open_session(engine) as session:
            known = [admit(session, code, BEHAVIORS) for code in SOURCES]
            for subject in SUBJECTS:
                open_person(session, *((source, subject) for source in known))
            session.commit()
        yield engine
    finally:
        engine.dispose()


def live_through(engine: Engine, batches: list[Batch]) -> None:
    """Let a city take in what it is told."""
    for batch in batches:
        with open_session(engine) as session:
            if batch.source:
                _take(session, batch)
            else:
                _release(session)
            session.commit()


def _take(session: Session, batch: Batch) -> None:
    _stop(session, batch.held)
    source = session.exec(select(Source).where(col(Source.code) == batch.source)).one()
    take_items(
        session,
        source=source,
        channel=Channel.API,
        items=batch.items,
        acting_user=SYSTEM,
        now=NOW,
    )
    _stop(session, stopped=False)


def _stop(session: Session, stopped: bool) -> None:
    session.execute(sa.update(Behavior).values(stopped_at=NOW if stopped else None))


def _release(session: Session) -> None:
    held = session.exec(
        select(col(ActivityRecord.id)).where(col(ActivityRecord.status) == RecordStatus.HELD)
    ).all()
    if held:
        release_held(
            session, record_ids=[number or 0 for number in held], acting_user=SYSTEM, now=NOW
        )


def add_version(engine: Engine, rule: Rule, status: RuleStatus) -> tuple[int, int]:
    """Write a version of a rule down; returns the ids of its behaviour and its own."""
    with open_session(engine) as session:
        behavior = session.exec(select(Behavior).where(col(Behavior.code) == rule.behavior)).one()
        number = 1 + max(item.version for item in RuleBook.load(session).versions(rule.behavior))
        rule = replace(rule, version=number, valid_from=FIRST_DAY, valid_to=LAST_DAY)
        version = RuleVersion(
            behavior_id=behavior.id or 0,
            version=rule.version,
            status=status,
            valid_from=rule.valid_from,
            valid_to=rule.valid_to,
            unit_factor_nano=rule.unit_factor_nano,
            definition=rule.to_definition(),
            grade="B",
            citation="A test",
            created_at=NOW,
        )
        session.add(version)
        session.commit()
        return behavior.id or 0, version.id or 0


def shipped_rule(engine: Engine, behavior: str) -> Rule:
    """Return the rule of a behaviour as it is shipped."""
    with open_session(engine) as session:
        rule = RuleBook.load(session).rule_on(behavior, FIRST_DAY)
    assert rule is not None
    return rule


@dataclass(frozen=True)
class Outcome:
    """What records came to, by event id; grams and credits of everything else; the total."""

    records: dict[str, Amounts]
    others: Amounts
    total: Amounts


def as_previewed(engine: Engine, behavior_id: int, version_id: int) -> Outcome:
    """Return what a preview says of each record that counts for anything, and altogether."""
    with snapshot(engine) as sessions:
        session, book = sessions[0], RuleBook.load(sessions[0])
        (draft,) = load_drafts(session, book, behavior_id, [version_id])
        chosen = selection_of([draft], FIRST_DAY, LAST_DAY)
        history = read_history(sessions, chosen, [draft])
        outlook = outlook_of(session, history, draft, book)
        events = dict(session.execute(sa.text("SELECT id, event_id FROM activity_record")).all())
        found: dict[str, Amounts] = {}
        for scored in scored_slices(outlook):
            ids = outlook.history.ids[scored.part].tolist()
            pairs = zip(scored.grams.tolist(), scored.credits.tolist(), strict=True)
            found |= {events[number]: pair for number, pair in zip(ids, pairs, strict=True)}
    result: Any = preview(
        engine,
        behavior_id=behavior_id,
        rule_version_ids=[version_id],
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        today=LAST_DAY,
    )
    part = result["versions"][str(version_id)]
    elsewhere, total = part["elsewhere"], part["total"]
    others = _others(engine, behavior_id)
    return Outcome(
        {event: amounts for event, amounts in found.items() if amounts != (0, 0)},
        (
            others[0] + elsewhere["g_after"] - elsewhere["g_before"],
            others[1] + elsewhere["credits_after"] - elsewhere["credits_before"],
        ),
        (total["g_after"], total["credits_after"]),
    )


def as_booked(engine: Engine, behavior_id: int) -> Outcome:
    """Return what a city has booked."""
    with open_session(engine) as session:
        rows = session.exec(
            select(ActivityRecord).where(
                col(ActivityRecord.behavior_id) == behavior_id,
                col(ActivityRecord.business_day).between(FIRST_DAY, LAST_DAY),
            )
        ).all()
    records = {row.event_id: (row.reduction_g, row.credits) for row in rows}
    return Outcome(
        {event: amounts for event, amounts in records.items() if amounts != (0, 0)},
        _others(engine, behavior_id),
        (sum(grams for grams, _ in records.values()), sum(c for _, c in records.values())),
    )


def _others(engine: Engine, behavior_id: int) -> Amounts:
    """Return what all records beside those of the behaviour and period come to."""
    with open_session(engine) as session:
        rows = session.exec(
            select(ActivityRecord).where(
                sa.or_(
                    col(ActivityRecord.behavior_id) != behavior_id,
                    ~col(ActivityRecord.business_day).between(FIRST_DAY, LAST_DAY),
                )
            )
        ).all()
    return sum(row.reduction_g for row in rows), sum(row.credits for row in rows)


@contextmanager
def sqlite_databases(template: Path, folder: Path) -> Iterator[NewDatabase]:
    """Yield what makes seeded SQLite databases; they are gone afterwards."""
    made: list[Path] = []

    def new() -> str:
        made.append(folder / f"{uuid.uuid4().hex}.sqlite3")
        shutil.copyfile(template, made[-1])
        return f"sqlite:///{made[-1]}"

    yield new
    for file in made:
        for one in file.parent.glob(f"{file.name}*"):
            one.unlink()


@contextmanager
def postgresql_databases(server_url: str, template: str) -> Iterator[NewDatabase]:
    """Yield what makes seeded PostgreSQL databases; they are gone afterwards."""
    made: list[str] = []
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")

    def new() -> str:
        made.append(f"city_{uuid.uuid4().hex[:16]}")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{made[-1]}" TEMPLATE "{template}"')
        url = sa.make_url(server_url).set(database=made[-1])
        return url.render_as_string(hide_password=False)

    yield new
    with engine.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    engine.dispose()
