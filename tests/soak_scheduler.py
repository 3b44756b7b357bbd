"""Many rounds with a leader that is stopped: `python -m tests.soak_scheduler`.

Each round stops the leader of three schedulers, inside a run or just before one, continues it
when another has taken over and done the work, and looks whether a period was done twice or lost.
`--pause 60` stops for a minute at least. Prints one line of JSON a database.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

from carbonaccount.database import make_engine
from carbonaccount.lease import standing
from carbonaccount.migrate import upgrade
from tests.carbonaccount.stopped_leader import PLACES, assert_once_each, three_schedulers
from tests.postgres import running_postgres


def play(
    url: str, folder: Path, *, rounds: int, lease_s: float, pause_s: float
) -> dict[str, object]:
    """Play rounds on a database and return the figures. Raises AssertionError when one fails."""
    upgrade(url=url)
    engine = make_engine(url)
    came_of: Counter[str] = Counter()
    began = time.monotonic()
    with three_schedulers(engine, url, folder, lease_s=lease_s) as played:
        for number in range(rounds):
            place = PLACES[number % len(PLACES)]
            came = played.play(place=place, at_least_s=pause_s)
            came_of[f"{place}: {came}"] += 1
            assert_once_each(played)
    leader = standing(engine, name="scheduler", folder=folder / "locks")
    assert leader is not None
    engine.dispose()
    return {
        "database": engine.dialect.name,
        "rounds": rounds,
        "periods": len(played.done()) - 1,
        "twice": sum(count > 1 for count in played.effects().values()),
        "came_of": came_of,
        "epochs": leader.epoch,
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """Play the rounds on the databases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--lease", type=float, default=0.6, help="seconds")
    parser.add_argument("--pause", type=float, default=0, help="least seconds of a stop")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    asked = parser.parse_args()
    needs = {"rounds": asked.rounds, "lease_s": asked.lease, "pause_s": asked.pause}
    with tempfile.TemporaryDirectory() as folder:
        if asked.database != "postgresql":
            path = Path(folder) / "sqlite"
            path.mkdir()
            print(json.dumps(play(f"sqlite:///{path}/soak.sqlite3", path, **needs)), flush=True)
        if asked.database != "sqlite":
            path = Path(folder) / "postgresql"
            path.mkdir()
            with running_postgres() as url:
                print(json.dumps(play(url, path, **needs)), flush=True)


if __name__ == "__main__":
    main()
