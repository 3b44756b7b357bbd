"""SIGKILL at random moments: nothing acknowledged is lost, nothing counts twice, no half transfer.

CRASH_KILLS sets how often (50 in the ordinary suite, over both databases).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, func, select

from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord
from carbonaccount.database import make_engine, open_session
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from carbonaccount.ledger.verify import verify
from tests.behaviors.intake.arranging import admit, open_person
from tests.crash.child import ITEMS, PEOPLE

KILLS = int(os.environ.get("CRASH_KILLS", "50")) // 2
LAST = 100_000
ROOT = Path(__file__).resolve().parents[2]


class Sender:
    """Sends batches through a program that is killed again and again, and remembers the acks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.acknowledged: set[int] = set()
        self.highest = -1

    def send_until_killed(
        self, kind: str, *, first: int, after_first_ack: bool, seconds: float
    ) -> None:
        """Let a child ingest from batch `first` on and kill it some time later.

        `after_first_ack`: the time runs from the first acknowledgement, so that the kill meets
        a child at work however slow the machine; otherwise from the fork.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(f"run {kind} {first}\n")
        self.process.stdin.flush()
        pid = int(self._line().removeprefix("pid "))
        if after_first_ack:
            self._take(self._line())
        time.sleep(seconds)
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
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def kill_often(url: str, kind: str, kills: int) -> set[int]:
    """Send, kill and resend; returns the batches that were acknowledged."""
    chance = random.Random(20261121)
    with sender(url) as sending:
        for kill in range(kills):
            # A sender that heard nothing sends the same again, and a few older ones with it.
            first = max(0, sending.highest + 1 - chance.randrange(3))
            sending.send_until_killed(
                kind,
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


def test_killed_intake_loses_and_doubles_nothing(
    app: Flask, session: Session, database_url: str
) -> None:
    arrange(session)
    acknowledged = kill_often(database_url, "real", KILLS)
    assert len(acknowledged) > KILLS // 5, "the children were killed before they did anything"
    engine = make_engine(database_url)
    with open_session(engine) as reading:
        ids = set(reading.exec(select(ActivityRecord.event_id)).all())
        lost = [
            number
            for number in acknowledged
            if not all(f"ride-{number}-{place}" in ids for place in range(ITEMS))
        ]
        assert lost == []
        records = reading.exec(select(func.count()).select_from(ActivityRecord)).one()
        # A batch is there whole or not at all; what was not acknowledged may have been committed.
        assert records == len(ids)
        assert records % ITEMS == 0
        # 1 km x 48.7 g is 48 g and 48 credits: two transfers a record, and balances of the same.
        assert reading.exec(select(func.count()).select_from(Transfer)).one() == 2 * records
        for unit in (Unit.G, Unit.CREDIT):
            held = reading.exec(
                select(func.sum(LedgerAccount.balance)).where(
                    LedgerAccount.kind == LedgerKind.RESIDENT, LedgerAccount.unit == unit
                )
            ).one()
            assert held == 48 * records
        assert [code for code, _, count in verify(reading, extra=RECORDS) if count] == []
    engine.dispose()


def test_the_harness_finds_out_a_naive_intake(
    app: Flask, session: Session, database_url: str
) -> None:
    session.connection().execute(sa.text("CREATE TABLE naive_record (event_id VARCHAR(64))"))
    session.connection().execute(sa.text("CREATE TABLE naive_balance (grams BIGINT)"))
    session.connection().execute(sa.text("INSERT INTO naive_balance VALUES (0)"))
    session.commit()
    for _ in range(4):
        kill_often(database_url, "naive", 10)
        records = session.execute(sa.text("SELECT count(*) FROM naive_record")).scalar_one()
        grams = session.execute(sa.text("SELECT grams FROM naive_balance")).scalar_one()
        session.rollback()
        if grams != 48 * records:
            return
    pytest.fail("forty kills between two commits, and the harness saw nothing")
