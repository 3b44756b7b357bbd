"""A program that ingests batches and says so after each commit; made to be killed.

Started once, it imports everything and then forks a child a command, so that a kill costs
milliseconds. `run KIND FIRST` on standard input lets a child ingest batches from FIRST on, until
it is killed or has done LAST; the child writes `ack N` when batch N is committed, the parent
`pid P` before and `ended` after.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.database import make_engine, open_session

ITEMS = 12
PEOPLE = 40
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
FIRST_TRIP = datetime(2026, 2, 1, tzinfo=UTC)


def batch_items(number: int) -> list[dict[str, object]]:
    """Return the items of a batch: rides of 1 km, each at an hour of its own."""
    return [
        {
            "event_id": f"ride-{number}-{place}",
            "subject": f"rider-{(number * ITEMS + place) % PEOPLE}",
            "behavior": "bike_ride",
            "occurred_at": (FIRST_TRIP + timedelta(minutes=number * ITEMS + place)).isoformat(),
            "activity": {"distance_km": "1"},
            "evidence": "A",
        }
        for place in range(ITEMS)
    ]


def ingest(engine: sa.Engine, number: int) -> None:
    """Take a batch through the door, one transaction."""
    from behaviors.intake.door import take_items
    from behaviors.intake.importing import find_source
    from behaviors.models import Channel

    with open_session(engine) as session:
        take_items(
            session,
            source=find_source(session, "rides"),
            channel=Channel.API,
            items=batch_items(number),
            acting_user=SYSTEM,
            now=NOW,
        )
        session.commit()


def ingest_naively(engine: sa.Engine, number: int) -> None:
    """Look, then write, each step committed by itself: what the harness has to find out."""
    for item in batch_items(number):
        with engine.begin() as connection:
            seen = connection.execute(
                sa.text("SELECT count(*) FROM naive_record WHERE event_id = :e"),
                {"e": item["event_id"]},
            ).scalar_one()
        if seen:
            continue
        with engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO naive_record (event_id) VALUES (:e)"),
                {"e": item["event_id"]},
            )
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE naive_balance SET grams = grams + 48"))


WAYS = {"real": ingest, "naive": ingest_naively}


def main(url: str, last: int) -> None:
    """Serve commands until standard input ends."""
    import_models()
    import behaviors.intake.door  # noqa: F401 - imported before the first fork, to fork it warm

    for line in sys.stdin:
        _, kind, first = line.split()
        begin, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(begin, 1)  # The parent names the child before the child says anything.
            engine = make_engine(url)
            for number in range(int(first), last):
                WAYS[kind](engine, number)
                os.write(1, f"ack {number}\n".encode())
            os._exit(0)
        os.write(1, f"pid {pid}\n".encode())
        os.write(write, b"!")
        os.waitpid(pid, 0)
        os.close(begin)
        os.close(write)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
