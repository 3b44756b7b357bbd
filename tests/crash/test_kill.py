"""SIGKILL at random moments: nothing acknowledged is lost, nothing counts twice, no half transfer.

CRASH_KILLS sets how often (50 in the ordinary suite, over both databases).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, func, select

from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord
from carbonaccount.database import is_sqlite, make_engine, open_session
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from carbonaccount.ledger.verify import verify
from tests.behaviors.intake.arranging import admit, open_person
from tests.crash.child import PEOPLE, batch_items

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CRASH_KILLS", "50")) // 2
LAST = 10_000  # Batches before the rides would lie in the future.
ROOT = Path(__file__).resolve().parents[2]


class Sender:
    """Sends batches through a program that is killed again and again, and remembers the acks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.acknowledged: set[int] = set()
        self.highest = -1

    def send_until_killed(
        self, way: str, *, first: int, after_first_ack: bool, seconds: float
    ) -> None:
        """Let a child ingest from batch `first` on and kill it some time later.

        `after_first_ack`: the time runs from the first acknowledgement, so that the kill meets
        a child at work however slow the machine; otherwise from the fork.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(f"run {way} {first}\n")
        self.process.stdin.flush()
        pid = int(self._line().removeprefix("pid "))
        if after_first_ack:
            self._take(self._line())
        time.sleep(seconds)
        with suppress(ProcessLookupError):  # It may have done the last batch.
            os.kill(pid, signal.SIGKILL)
        while (line := self._line()) != "ended":
            self._take(line)

    def _take(self, line: str) -> None:
        number = int(line.removeprefix("ack "))
        self.acknowledged.add(number)
        self.highest = max(self.highest, number)

    def _line(self) -> str:
        """Return the next line that the program or its child wrote."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def sender(url: str) -> Iterator[Sender]:
    """Start the program; end it by its own id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.child", url, str(LAST)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Sender(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=120)
        assert process.stdout is not None
        process.stdout.close()


def kill_often(url: str, way: str, kills: int) -> set[int]:
    """Send, kill and resend; returns the batches that were acknowledged."""
    chance = random.Random(20261121)
    with sender(url) as sending:
        for kill in range(kills):
            # A sender that heard nothing sends the same again, and a few older ones with it.
            first = max(0, sending.highest + 1 - chance.randrange(3))
            sending.send_until_killed(
                way,
                first=first,
                after_first_ack=kill % 6 != 5,
                seconds=chance.uniform(0, 0.15),
            )
    return sending.acknowledged


def arrange(session: Session) -> None:
    source = admit(session, code="rides")
    for number in range(PEOPLE):
        open_person(session, (source, f"rider-{number}"))
    session.commit()


def violations(url: str, acknowledged: set[int]) -> list[str]:
    """Return what a crash did to the books, in words; nothing is good."""
    engine = make_engine(url)
    with open_session(engine) as session:
        _wait_for_orphans(session)
        rows = session.exec(select(ActivityRecord)).all()
        found = [*_of_batches(rows, acknowledged), *_of_books(session, rows)]
        broken = [code for code, _, count in verify(session, extra=RECORDS) if count]
    engine.dispose()
    return found + [f"invariant {code}" for code in broken]


def _wait_for_orphans(session: Session) -> None:
    """Let a server finish what killed clients had asked of it."""
    if is_sqlite(session):
        return
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend'"
    )
    deadline = time.monotonic() + 120
    while session.execute(others).scalar_one() and time.monotonic() < deadline:
        session.rollback()
        time.sleep(0.05)


def _of_batches(rows: Sequence[ActivityRecord], acknowledged: set[int]) -> Iterator[str]:
    """Whatever was acknowledged is there; every batch is there whole or not at all, and once."""
    ids = [row.event_id for row in rows]
    if len(ids) != len(set(ids)):
        yield "an event is there twice"
    present = set(ids)
    number = 0
    while number <= max(acknowledged, default=0) or f"ride-{number}-0" in present:
        items = {str(item["event_id"]) for item in batch_items(number)}
        if number in acknowledged and not items <= present:
            yield f"batch {number} was acknowledged and is not there"
        if items & present not in (set(), items):
            yield f"batch {number} is there in part"
        present -= items
        number += 1
    if present:
        yield "records of batches that nobody sent"


def _of_books(session: Session, rows: Sequence[ActivityRecord]) -> Iterator[str]:
    """1 km x 48.7 g is 48 g and 48 credits for each ride, once; what gave way earns nothing."""
    replaced = {row.event_id for row in rows if row.status == "r"}
    present = {row.event_id for row in rows}
    expected = {
        f"ride-{event_id.removeprefix('better-')}-0"
        for event_id in present
        if event_id.startswith("better-")
    }
    if replaced != expected:
        yield "a ride was replaced without its better evidence, or not in spite of it"
    if any(row.reduction_g != (0 if row.event_id in replaced else 48) for row in rows):
        yield "a record earned something else than its ride"
    transfers = session.exec(select(func.count()).select_from(Transfer)).one()
    if transfers != 2 * len(rows) + 2 * len(replaced):
        yield "half a transfer"
    for unit in (Unit.G, Unit.CREDIT):
        held = session.exec(
            select(func.sum(LedgerAccount.balance)).where(
                LedgerAccount.kind == LedgerKind.RESIDENT, LedgerAccount.unit == unit
            )
        ).one()
        if (held or 0) != 48 * (len(rows) - len(replaced)):
            yield f"balances in {unit.name} are not what was earned"


def test_killed_intake_loses_and_doubles_nothing(
    app: Flask, session: Session, database_url: str
) -> None:
    arrange(session)
    session.close()
    acknowledged = kill_often(database_url, "real", KILLS)
    assert len(acknowledged) > KILLS // 5, "the children were killed before they did anything"
    assert violations(database_url, acknowledged) == []


def test_the_harness_finds_out_a_naive_intake(
    app: Flask, session: Session, database_url: str
) -> None:
    """The same sender and the same questions, of an intake that looks first and writes then."""
    arrange(session)
    session.close()
    found: list[str] = []
    for _ in range(4):
        acknowledged = kill_often(database_url, "naive", 6)
        found = violations(database_url, acknowledged)
        if "invariant R1" in found:
            break
    assert "invariant R1" in found
    assert any(line.startswith("batch") for line in found) or "half a transfer" in found
