"""Every promise about offsets is broken once, and `ledger verify` says which."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session

from carbonaccount.audit import SYSTEM
from carbonaccount.institutions import (
    afforestation,
    attribution,
    attribution_lots,
    lot_withdrawal,
    statements,
)
from carbonaccount.institutions.invariants import OFFSETS
from carbonaccount.institutions.models import Seat
from carbonaccount.institutions.offset_models import (
    LotKind,
)
from carbonaccount.ledger.verify import verify_everything
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.carbonaccount.institutions.offsets.arranging import (
    NOW,
    bought,
    broken,
    issued,
    locked_year,
    officer,
    paper,
    person_at,
    school,
    seat,
)

LATER = datetime(2026, 4, 1, 4, tzinfo=UTC)
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def run(session: Session, statement: str) -> None:
    """Write past the services."""
    session.connection().execute(sa.text(statement))


def without_triggers(session: Session) -> None:
    """Let what is written be changed: the guards are taken off, as a thief with a file would."""
    for table in ("transfer", "attribution_take"):
        for verb in ("update", "delete"):
            run(session, f"DROP TRIGGER {table}_no_{verb}")


BREAKS: dict[str, Callable[[Session], None]] = {
    "O1": lambda session: run(
        session,
        "UPDATE offset_lot SET series_key = '', registry_code = 'ccer', serial_first = 3, "
        "serial_last = 2 + amount_g WHERE origin = 'pool:1'",
    ),
    "O2": lambda session: run(
        session,
        "UPDATE offset_lot SET serial_last = serial_last - 1, amount_g = amount_g - serial_g "
        "WHERE parent_id IS NOT NULL AND status = 'held'",
    ),
    "O3": lambda session: run(
        session, "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 4 AND unit = 1"
    ),
    "O4": lambda session: run(
        session, "UPDATE transfer SET amount = amount - 1 WHERE cause = 7 AND kind = 10"
    ),
    "O5": lambda session: run(
        session,
        "UPDATE transfer SET cause_id = (SELECT id FROM offset_lot WHERE kind = "
        "'green_certificate') WHERE cause = 7 AND kind = 9 AND amount = 102000",
    ),
    "O7": lambda session: run(
        session,
        "UPDATE transfer SET kind = 9, reverses_id = NULL, revision = 1 "
        "WHERE cause = 7 AND kind = 2",
    ),
    "O8": lambda session: run(
        session,
        "UPDATE offset_lot SET same_as_id = (SELECT min(id) FROM offset_lot) "
        "WHERE origin = 'pool:1'",
    ),
    "O6": lambda session: run(session, "UPDATE plantation SET likeness = NULL"),
    "A1": lambda session: run(session, "UPDATE shared_source SET permille = permille - 1"),
    "A2": lambda session: run(
        session,
        "INSERT INTO attribution (public_id, account_id, source_id, institution_id, role, "
        "permille, first_day, last_day, begun_at) SELECT 'X', account_id, source_id, "
        "institution_id, role, 700, first_day, '2026-03-20', begun_at FROM attribution",
    ),
    "A3": lambda session: run(session, "UPDATE attribution_take SET first_day = '2026-01-01'"),
    "A4": lambda session: run(session, "UPDATE attribution_take SET amount_g = amount_g - 1"),
    "A5": lambda session: run(
        session,
        "UPDATE attribution_take SET lot_id = (SELECT id FROM offset_lot WHERE origin = 'pool:1')",
    ),
    "A6": lambda session: run(
        session,
        "UPDATE institution_person SET active = false WHERE account_id IN "
        "(SELECT account_id FROM attribution)",
    ),
    "N1": lambda session: run(
        session, "UPDATE offset_lot SET purpose_id = purpose_id + 7 WHERE purpose IS NOT NULL"
    ),
    "N2": lambda session: run(session, "DELETE FROM statement_lot"),
}


def arranged(app: Flask, session: Session) -> None:
    """A school with a published statement, a split lot, and a share that became a lot."""
    source, place = admit(session), school(session)
    owner, clerk = person_at(session, place, Seat.OWNER), person_at(session, place, Seat.CLERK)
    alice = open_person(session, (source, "alice"))
    seat(session, place, alice, Seat.OWNER)
    attribution.begin(
        session,
        account_id=alice,
        institution_id=place.stored_id,
        source_id=source.stored_id,
        role="staff",
        permille=400,
        statement="同意",
        acting_user=SYSTEM,
        now=NOW,
    )
    bring(
        session,
        source,
        item("ride", subject="alice", occurred_at="2026-03-12T08:00:00+08:00"),
        now=LATER,
    )
    attribution_lots.make_lot(
        session,
        institution_id=place.stored_id,
        source_id=source.stored_id,
        role="staff",
        first=date(2026, 3, 1),
        last=date(2026, 3, 31),
        title="",
        acting_user=SYSTEM,
        now=LATER,
    )
    locked_year(session, place, owner, clerk)
    planted = afforestation.Planted("南四湖", "国槐", 40, 8, date(2019, 3, 12))
    afforestation.plant(
        session, institution=place, planted=planted, paper=paper(), acting_user=clerk, now=LATER
    )
    bought(session, place.stored_id, "GEC0001", "GEC0005", "gec")
    issued(session, place.stored_id, LotKind.POOL, 102_000, origin="pool:1")
    bought(session, place.stored_id, "CCER-1", "CCER-20")
    wrong = bought(session, place.stored_id, "CCER-2025-1", "CCER-2025-3")
    lot_withdrawal.withdraw(
        session,
        institution_id=place.stored_id,
        public_id=wrong.public_id,
        reason="填错",
        acting_user=clerk,
        now=LATER,
    )
    bought(session, place.stored_id, "CCER-2025-3", "CCER-2025-4")
    reviewer = officer(app, session)
    who: Any = {"acting_user": clerk, "now": LATER}
    row = statements.draft(session, institution=place, year=2025, account_id=clerk.id or 0, **who)
    statements.pick(session, statement=row, certificates=None, offset_g=None, **who)
    statements.submit(session, statement=row, **who)
    statements.review(session, statement=row, reason="属实", acting_user=reviewer, now=LATER)
    statements.publish(
        session,
        statement=row,
        account_id=owner.id or 0,
        vault=app.extensions["carbonaccount.vault"],
        acting_user=owner,
        now=LATER,
    )


@ONE_DATABASE
def test_each_promise_can_be_broken(app: Flask, session: Session) -> None:
    assert {invariant.code for invariant in OFFSETS} == set(BREAKS)
    told = {code for code, _, _ in verify_everything(session)}
    assert set(BREAKS) <= told
    arranged(app, session)
    without_triggers(session)
    session.flush()
    assert broken(session) == {}
    for code, breaking in BREAKS.items():
        with session.begin_nested() as undone:
            breaking(session)
            found = broken(session)
            undone.rollback()
        assert found.get(code), f"{code} is not noticed: {found}"
        session.expire_all()
    assert broken(session) == {}


@ONE_DATABASE
def test_the_database_itself_refuses_the_worst(app: Flask, session: Session) -> None:
    """What no service may do is no row either: constraints stand behind the services."""
    arranged(app, session)
    session.flush()
    for statement in (
        # A certificate with grams; a reduction for the power line; retired for nothing.
        "UPDATE offset_lot SET serial_g = 1, amount_g = 5 WHERE kind = 'green_certificate'",
        "UPDATE offset_lot SET purpose = 'power_line' WHERE kind = 'ccer' AND status = 'retired'",
        "UPDATE offset_lot SET purpose = NULL WHERE status = 'retired'",
        # More grams than numbers; used after its end; a second lot of the same origin.
        "UPDATE offset_lot SET amount_g = amount_g + 1 WHERE kind = 'pool'",
        "UPDATE offset_lot SET valid_until = '2020-01-01' WHERE status = 'retired'",
        "UPDATE offset_lot SET origin = 'pool:1' WHERE kind = 'staff'",
        # An equal plantation, whatever its paper.
        "INSERT INTO plantation (public_id, institution_id, place, species, area_m2, trees, "
        "planted_on, likeness, evidence_sha256, evidence_file, added_at) SELECT 'twin', "
        "institution_id, place, species, area_m2, trees, planted_on, likeness, 'other', "
        "evidence_file, added_at FROM plantation",
        # More than the whole; a take that is more than the share.
        "UPDATE shared_source SET permille = 1001",
        "UPDATE attribution_take SET amount_g = certified_g",
        # Withdrawn without a reason; a number that is held, held once more.
        "UPDATE offset_lot SET status = 'withdrawn' WHERE origin = 'pool:1'",
        "UPDATE offset_lot SET status = 'held', withdrawn_at = NULL, withdrawn_reason = '', "
        "serial_first = 3, amount_g = serial_g WHERE status = 'withdrawn'",
        # Published without a day.
        "UPDATE neutrality_statement SET published_at = NULL",
    ):
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            run(session, statement)
    assert broken(session) == {}
