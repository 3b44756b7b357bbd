"""Running a preview beside the requests: progress, result, cancelling, and a process that died."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.models import Source
from behaviors.preview import services
from behaviors.preview.runner import PreviewRunner, run_preview
from behaviors.rule_models import RulePreview, WorkStatus
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import staff_actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.policy.models import CreditPolicy
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.behaviors.rules.acts import staff
from tests.behaviors.rules.drafts import bus_rule, draft

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
NOW = datetime(2026, 4, 1, 4, tzinfo=UTC)


@pytest.fixture
def engine(app: Flask) -> Engine:
    """The engine of the test's database."""
    found: Engine = app.extensions["carbonaccount.engine"]
    return found


@pytest.fixture
def version_id(session: Session) -> int:
    """A draft that gives 26.9 g a kilometre by bus, up to 20 km a day; shipped: 52 g, 40 km."""
    rule = replace(bus_rule(session, "0.0269"), cap_milli=20_000)
    number = draft(session, staff(session, "erin", Role.RULE_EDITOR), rule)
    session.commit()
    return number


@pytest.fixture
def trips(session: Session) -> Source:
    """Alice rides 10, 15 and 18 km on a Monday; Bob declares 4 km and has 6 km on a photo."""
    fleet = admit(session, "fleet")
    open_person(session, (fleet, "alice"))
    open_person(session, (fleet, "bob"))
    rides = (
        ("a1", "alice", "10", "A", "2026-03-02T08:00:00+08:00"),
        ("a2", "alice", "15", "A", "2026-03-02T12:00:00+08:00"),
        ("a3", "alice", "18", "B", "2026-03-02T18:00:00+08:00"),
        ("b1", "bob", "4", "D", "2026-03-03T08:00:00+08:00"),
        ("b2", "bob", "6", "C", "2026-03-31T23:59:00+08:00"),
        ("b3", "bob", "9", "A", "2026-04-01T00:00:00+08:00"),
    )
    items = [
        item(
            event_id,
            subject=subject,
            behavior="bus_trip",
            activity={"distance_km": km},
            evidence=evidence,
            occurred_at=moment,
        )
        for event_id, subject, km, evidence, moment in rides
    ]
    assert bring(session, fleet, *items, now=NOW).accepted == 6
    return fleet


def ask(session: Session, version_id: int) -> RulePreview:
    """Ask for a preview of March."""
    erin = session.exec(select(Staff).where(col(Staff.login) == "erin")).one()
    preview = services.start_preview(
        session,
        behavior="bus_trip",
        rule_version_ids=[version_id],
        first_day=MARCH[0],
        last_day=MARCH[1],
        acting_user=staff_actor(erin),
        staff_id=erin.stored_id,
        now=NOW,
    )
    session.commit()
    return preview


def reread(session: Session, preview: RulePreview) -> RulePreview:
    """Return the row as it stands now, and let others write."""
    row = session.get_one(RulePreview, preview.id, populate_existing=True)
    session.commit()
    return row


def test_the_result_is_what_a_pocket_calculator_says(
    session: Session, engine: Engine, trips: Source, version_id: int
) -> None:
    session.add(
        CreditPolicy(
            valid_from=date(2026, 3, 31),
            value_micro_yuan=1000,
            yearly_budget_fen=10_000,
            set_by="a test",
            set_at=NOW,
        )
    )
    preview = ask(session, version_id)
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    row = reread(session, preview)
    assert (row.status, row.error) == (WorkStatus.DONE, None)
    assert row.records_done == row.records_total
    result: Any = row.result
    assert result["period"]["records"] == 5
    found = result["versions"][str(version_id)]
    # Before: 520 + 780 + (40-25=15 km) 780 g of A and B; Bob 208 g declared earn 52 credits and
    # no grams, 312 g on a photo earn 156.
    # After: 269 + (10 km) 269 + 0; Bob's 107 g earn 26 credits, his 161 g 80.
    assert found["total"] == {
        "records": 5,
        "people": 2,
        "refused": 0,
        "g_before": 520 + 780 + 780 + 312,
        "g_after": 269 + 269 + 161,
        "credits_before": 520 + 780 + 780 + 52 + 156,
        "credits_after": 269 + 269 + 26 + 80,
    }
    assert [row["key"] for row in found["by_evidence"]] == ["A", "B", "C", "D"]
    assert found["by_evidence"][2] == {
        "key": "C",
        "records": 1,
        "g_before": 312,
        "g_after": 161,
        "credits_before": 156,
        "credits_after": 80,
    }
    assert [(row["key"], row["records"]) for row in found["by_month"]] == [("2026-03", 5)]
    assert [row["key"] for row in found["by_district"]] == [""]
    assert (found["by_institution"], found["by_age_band"]) == ([], [])
    # Alice loses 2080 - 538 = 1542, Bob 208 - 106 = 102.
    people = found["people"]
    assert (people["gain"], people["lose"], people["same"]) == (0, 2, 0)
    filled = [bucket for bucket in people["distribution"] if bucket["people"]]
    assert filled == [
        {"from": -2000, "to": -1501, "people": 1},
        {"from": -500, "to": -1, "people": 1},
    ]
    assert found["cap"] == {
        "people_before": 1,
        "people_after": 1,
        "records_before": 1,
        "records_after": 2,
    }
    # 2288 and 644 credits at a thousandth of a yuan, of 100 yuan a year.
    assert found["cost"] == {
        "yuan_before": "2.29",
        "yuan_after": "0.64",
        "budget_yuan": "100.00",
        "share_before": "0.022880",
        "share_of_budget": "0.006440",
    }


def test_each_example_can_be_worked_out_again(
    session: Session, engine: Engine, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    result: Any = reread(session, preview).result
    examples = result["versions"][str(version_id)]["examples"]
    assert len(examples) == 5
    (photo,) = [row for row in examples if row["evidence"] == "C"]
    assert photo["day"] == "2026-03-31"
    assert photo["formula_before"] == (
        "6 * (0.104 - 0.052); floor(6.000 pkm * 0.052000000 kg/pkm * 1000) = 312 g; "
        "floor(312 * 1 * 0.5) = 156"
    )
    assert photo["formula_after"] == (
        "6 * 0.0269; floor(6.000 pkm * 0.026900000 kg/pkm * 1000) = 161 g; "
        "floor(161 * 1 * 0.5) = 80"
    )
    (cut,) = [row for row in examples if row["quantity"] == "15.000"]
    assert (cut["counted_before"], cut["counted_after"]) == ("15.000", "10.000")
    assert (cut["g_before"], cut["g_after"]) == (780, 269)


def test_nothing_but_its_row_changes(
    session: Session, engine: Engine, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    before = contents(session)
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    assert contents(session) == before


def contents(session: Session) -> list[list[Any]]:
    """Return every row of records and books, and let others write."""
    names = ("activity_record", "transfer", "ledger_account", "audit_entry")
    rows = [
        [tuple(row) for row in session.execute(sa.text(f"SELECT * FROM {name} ORDER BY id"))]
        for name in names
    ]
    session.commit()
    return rows


def test_a_city_without_history_gets_a_result(
    session: Session, engine: Engine, version_id: int
) -> None:
    preview = ask(session, version_id)
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    result: Any = reread(session, preview).result
    found = result["versions"][str(version_id)]
    assert found["total"]["records"] == found["people"]["same"] == 0
    assert found["people"]["distribution"] == [{"from": 0, "to": 0, "people": 0}]
    assert found["examples"] == []


@pytest.fixture
def runner(engine: Engine, tmp_path: Path) -> Iterator[PreviewRunner]:
    """What runs previews of this process."""
    made = PreviewRunner(engine, lock_folder=tmp_path / "locks", clock=lambda: NOW)
    yield made
    made.join()


def test_the_runner_takes_it_on_beside_the_request(
    session: Session, runner: PreviewRunner, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    with runner.starting(preview.public_id):
        assert runner.is_at_work(preview.public_id)
        with pytest.raises(Conflict, match="preview_at_work"), runner.starting(preview.public_id):
            pass
    runner.join()
    assert reread(session, preview).status == WorkStatus.DONE
    assert not runner.is_at_work(preview.public_id)


def test_one_that_waits_is_cancelled_at_once(
    session: Session, engine: Engine, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    cancel(session, preview, is_at_work=True)
    assert reread(session, preview).status == WorkStatus.CANCELLED
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    assert reread(session, preview).result is None
    with pytest.raises(Conflict, match="preview_is_over"):
        cancel(session, preview, is_at_work=False)
    session.rollback()


def cancel(session: Session, preview: RulePreview, *, is_at_work: bool) -> None:
    erin = session.exec(select(Staff).where(col(Staff.login) == "erin")).one()
    services.cancel_preview(
        session,
        public_id=preview.public_id,
        is_at_work=is_at_work,
        acting_user=staff_actor(erin),
        now=NOW,
    )
    session.commit()


def test_one_that_runs_stops_after_its_block(
    session: Session,
    engine: Engine,
    trips: Source,
    version_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    preview = ask(session, version_id)
    reached, go_on = threading.Event(), threading.Event()
    noted = services.note_progress

    def slow(*args: Any, **kwargs: Any) -> bool:
        reached.set()
        assert go_on.wait(20)
        return noted(*args, **kwargs)

    monkeypatch.setattr(services, "note_progress", slow)
    thread = threading.Thread(target=run_preview, args=(engine, preview.public_id, lambda: NOW))
    thread.start()
    assert reached.wait(20)
    cancel(session, preview, is_at_work=True)
    assert reread(session, preview).status == WorkStatus.RUNNING
    go_on.set()
    thread.join(20)
    row = reread(session, preview)
    assert (row.status, row.result) == (WorkStatus.CANCELLED, None)


def test_one_whose_process_died_is_run_again(
    session: Session, runner: PreviewRunner, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    services.begin(session, public_id=preview.public_id, now=NOW)
    session.commit()  # And here the process ends, without a word.
    assert not runner.is_at_work(preview.public_id)
    erin = session.exec(select(Staff).where(col(Staff.login) == "erin")).one()
    session.commit()
    with runner.starting(preview.public_id):
        services.run_again(
            session, public_id=preview.public_id, acting_user=staff_actor(erin), now=NOW
        )
        session.commit()
    runner.join()
    assert reread(session, preview).status == WorkStatus.DONE


def test_what_goes_wrong_is_told_by_a_code(
    session: Session, engine: Engine, trips: Source, version_id: int
) -> None:
    preview = ask(session, version_id)
    session.execute(sa.update(RulePreview).values(rule_version_ids=[version_id, 10_000]))
    session.commit()
    run_preview(engine, preview.public_id, clock=lambda: NOW)
    row = reread(session, preview)
    assert (row.status, row.error) == (WorkStatus.FAILED, "unknown_rule_version")


def test_what_cannot_be_asked_for(session: Session, version_id: int) -> None:
    erin = session.exec(select(Staff).where(col(Staff.login) == "erin")).one()
    asked: dict[str, Any] = {
        "behavior": "bus_trip",
        "rule_version_ids": [version_id],
        "first_day": MARCH[0],
        "last_day": MARCH[1],
        "acting_user": staff_actor(erin),
        "staff_id": erin.stored_id,
        "now": NOW,
    }
    for changes, error, code in (
        ({"behavior": "flying"}, NotFound, "unknown_behavior"),
        ({"behavior": "metro_trip"}, NotFound, "unknown_rule_version"),
        ({"rule_version_ids": []}, Invalid, "preview_versions"),
        ({"rule_version_ids": [1, 2, 3, 4, 5, 6]}, Invalid, "preview_versions"),
        ({"last_day": date(2026, 2, 28)}, Invalid, "preview_days"),
    ):
        with pytest.raises(error, match=code):
            services.start_preview(session, **{**asked, **changes})
