"""Three schedulers: one that was stopped for longer than its lease cannot commit afterwards."""

from pathlib import Path

import pytest
from sqlmodel import col, select

from carbonaccount.database import make_engine, open_session
from carbonaccount.job_models import JobAttempt
from carbonaccount.lease import standing
from tests.carbonaccount.stopped_leader import assert_once_each, three_schedulers

pytestmark = pytest.mark.slow

LEASE_S = 0.6


def test_a_stopped_leader_is_fenced(database_url: str, database_kind: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    with three_schedulers(engine, database_url, tmp_path, lease_s=LEASE_S) as rounds:
        came_of = [rounds.play(place=place) for place in ("before", "inside", "before")]
        assert_once_each(rounds)
    # Standing still in its transaction on SQLite it kept everybody out, and led all the time.
    inside = "done" if database_kind == "sqlite" else "fenced"
    assert came_of == ["fenced", inside, "fenced"]
    leader = standing(engine, name="scheduler", folder=tmp_path / "locks")
    assert leader is not None
    assert leader.epoch >= came_of.count("fenced") + 1
    with open_session(engine) as session:
        notes = session.exec(select(JobAttempt).order_by(col(JobAttempt.period))).all()
    assert {note.state for note in notes} == {"done"}
    assert sum(note.fenced for note in notes) == came_of.count("fenced")
    engine.dispose()
