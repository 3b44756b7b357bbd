"""Each invariant of `flask ledger verify` can fail: broken data is found, by that one alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord, Channel
from carbonaccount import bulk
from carbonaccount.database import is_sqlite
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.ledger.verify import BOOKS
from tests.behaviors.intake.arranging import admit, bring, broken, item, open_person

# Transfers of the tests have ids and causes beyond those of the product.
_TRANSFER = (
    "INSERT INTO transfer (id, debit_id, credit_id, amount, unit, kind, cause, cause_id, revision, "
    "reverses_id, business_day, occurred_at, booked_at) VALUES ({}, 0, {}, '2026-03-02', "
    "'2026-03-02 00:00:00', '2026-03-02 00:00:00')"
)


def transfer(values: str, reverses: str = "NULL") -> str:
    return _TRANSFER.format(values, reverses)


def rescore(status: str) -> tuple[str, str]:
    """Somebody of the staff, and a re-scoring of rides."""
    return (
        "INSERT INTO staff (id, login, display_name, password_hash, totp_sealed, totp_last_step, "
        "active, locale, created_at) VALUES (777, 'erin', 'Erin', '-', '-', 0, TRUE, 'zh', "
        "'2026-03-02 00:00:00')",
        "INSERT INTO rescore (id, public_id, behavior_id, rule_version_id, first_day, last_day, "
        "status, reason, difference, records_done, proposed_by, proposed_at) SELECT 777, 'r', "
        f"behavior_id, rule_version_id, '2026-03-02', '2026-03-02', '{status}', '-', '{{{{}}}}', "
        "0, 777, '2026-03-02 00:00:00' FROM activity_record WHERE id = {ride}",
    )


def line(*, difference_g: int = 0, debt_g: int = 0) -> str:
    """What alice's line of it says."""
    return (
        "INSERT INTO rescore_line (id, rescore_id, account_id, records, difference_g, "
        "difference_credits, debt_g, debt_credits, paid_g, paid_credits) VALUES (777, 777, "
        f"{{alice}}, 1, {difference_g}, 0, {debt_g}, 0, 0, 0)"
    )


def adjustment(*, difference_g: int = 0) -> str:
    """What it changes of alice's ride."""
    return (
        "INSERT INTO record_adjustment (rescore_id, record_id, account_id, counted_milli, "
        "g_before, credits_before, difference_g, difference_credits) VALUES (777, {ride}, "
        f"{{alice}}, 3000, 146, 146, {difference_g}, 0)"
    )


# The names in braces are ids of `arranged`; with each breach what `verify` must count, no more.
def city_total(values: str) -> str:
    """A total of the city: dimension, key, records, people, grams, credits."""
    return (
        "INSERT INTO city_total (dimension, key, records, people, reduction_g, credits, "
        f"withheld, updated_at) VALUES ({values}, false, '2026-03-02 00:00:00')"
    )


def institution_day(values: str) -> str:
    return (
        "INSERT INTO institution_day (business_day, institution_id, behavior_id, evidence, "
        f"records, people, reduction_g, credits) VALUES ('2026-01-01', 1, 1, 'A', 1, 1, {values})"
    )


def institution_month(behavior: str) -> str:
    return (
        "INSERT INTO institution_month (institution_id, month, behavior_id, records, people, "
        f"reduction_g, credits) VALUES (1, '2026-01', {behavior}, 1, 1, 5, 5)"
    )


BREACHES: dict[str, tuple[tuple[str, ...], int]] = {
    "L1": (
        (
            "UPDATE ledger_account SET balance = balance + 1 WHERE id = {alice_g}",
            "UPDATE ledger_account SET balance = balance - 1 WHERE id = {bob_g}",
        ),
        2,
    ),
    "L2": (
        (
            # The books agree with each other, but alice gave what she did not have.
            transfer("901, {alice_g}, {bob_g}, 1000, 1, 6, 2, 901"),
            "UPDATE ledger_account SET balance = balance - 1000 WHERE id = {alice_g}",
            "UPDATE ledger_account SET balance = balance + 1000 WHERE id = {bob_g}",
        ),
        1,
    ),
    "L3": ((transfer("901, 777001, 777002, 5, 1, 6, 2, 901"),), 1),
    "L4": (
        (
            transfer("901, {alice_g}, {bob_g}, 10, 1, 6, 2, 901"),
            transfer("902, {bob_g}, {alice_g}, 9, 1, 2, 2, 901", "901"),
            "UPDATE ledger_account SET balance = balance - 1 WHERE id = {alice_g}",
            "UPDATE ledger_account SET balance = balance + 1 WHERE id = {bob_g}",
        ),
        1,
    ),
    # A balance that is kept nowhere is checked by no other.
    "L5": (("UPDATE ledger_account SET balance = NULL WHERE id = {alice_g}",), 1),
    "L6": (
        (
            "INSERT INTO ledger_account (id, owner_id, kind, unit, vintage, balance) "
            "VALUES (777001, 1, 8, 1, 0, NULL), (777002, 2, 8, 1, 0, NULL)",
            transfer("901, 777001, 777002, 5, 1, 6, 2, 901"),
        ),
        1,
    ),
    "R1": (("UPDATE activity_record SET reduction_g = reduction_g + 1 WHERE id = {ride}",), 1),
    "R2": (
        (
            transfer("901, {alice_g}, {bob_g}, 1, 1, 1, 1, 777001"),
            "UPDATE ledger_account SET balance = balance - 1 WHERE id = {alice_g}",
            "UPDATE ledger_account SET balance = balance + 1 WHERE id = {bob_g}",
        ),
        1,
    ),
    # Its grams and its credits.
    "R3": (("UPDATE activity_record SET account_id = {bob} WHERE id = {ride}",), 2),
    "R4": (("UPDATE activity_record SET counted_milli = 1 WHERE id = {photo}",), 1),
    "R5": (
        (
            "UPDATE activity_record SET business_day = '2009-12-31' WHERE id = {ride}",
            # The day waits to be added up, or its totals would not be those of its records.
            "INSERT INTO day_change (id, business_day) VALUES (777, '2009-12-31')",
        ),
        1,
    ),
    "R6": (("UPDATE intake_batch SET accepted = accepted + 1 WHERE id = {batch}",), 1),
    "A1": ((*rescore("proposed"), line(difference_g=5), adjustment(difference_g=4)), 1),
    "A2": ((*rescore("booked"), line(difference_g=5), adjustment(difference_g=5)), 1),
    "A3": ((*rescore("proposed"), line(debt_g=3), adjustment()), 1),
    "A4": (
        (
            *rescore("booked"),
            line(difference_g=-1000, debt_g=1000),
            adjustment(difference_g=-1000),
            "INSERT INTO ledger_account (id, owner_id, kind, unit, vintage, balance) "
            "VALUES (777001, 0, 8, 1, 0, NULL), (777002, {alice}, 3, 1, 0, 1000)",
            transfer("901, 777001, 777002, 1000, 1, 3, 2, 777"),
        ),
        1,
    ),
    "T1": (
        (
            city_total("'all', '', 1, 0, 1, 1"),
            city_total("'evidence', 'A', 1, 0, 1, 1"),
        ),
        1,
    ),
    "T2": (
        (
            "INSERT INTO day_total (business_day, behavior_id, district_code, evidence, records, "
            "people, reduction_g, credits) VALUES ('2026-01-01', 1, '', 'A', 1, 1, 5, 5)",
        ),
        1,
    ),
    "T3": (
        (city_total("'all', '', 0, 0, 0, 0"), city_total("'evidence', 'A', 0, 0, 1, 0")),
        1,
    ),
    "T4": ((city_total("'district', '370811', 0, 1, 0, 0"),), 1),
    "T5": ((institution_day("5, 5"), institution_month("0"), institution_month("1")), 1),
    "T6": ((institution_month("0"),), 1),
}


@pytest.fixture
def arranged(session: Session) -> dict[str, int]:
    """Two people with a ride each, one of them replaced by better evidence, and a held photo."""
    source = admit(session)
    alice, bob = open_person(session, (source, "alice")), open_person(session, (source, "bob"))
    session.commit()
    times = {"ended_at": "2026-03-02T08:20:00+08:00"}
    batch = bring(session, source, item("a"), item("b", subject="bob", evidence="B", **times))
    bring(session, source, item("better", subject="bob", **times))
    photo = item("photo", evidence="C", occurred_at="2026-03-04T08:00:00Z")
    held = bring(session, source, photo, channel=Channel.SELF)
    found = {"alice": alice, "bob": bob, "batch": batch.batch_id}
    found["ride"] = batch.results()[0].record_id or 0
    found["photo"] = held.results()[0].record_id or 0
    for name in ("alice", "bob"):
        found[f"{name}_g"] = (
            session.exec(
                select(col(LedgerAccount.id)).where(
                    col(LedgerAccount.owner_id) == found[name],
                    col(LedgerAccount.kind) == LedgerKind.RESIDENT,
                    col(LedgerAccount.unit) == Unit.G,
                )
            ).one()
            or 0
        )
    session.commit()
    return found


@contextmanager
def unguarded(session: Session) -> Iterator[None]:
    """Let the schema accept anything until the block ends, then undo all that was done in it."""
    if is_sqlite(session):
        raw = bulk.driver_connection(session)
        raw.execute("PRAGMA ignore_check_constraints=ON")
        try:
            yield
        finally:
            session.rollback()
            bulk.driver_connection(session).execute("PRAGMA ignore_check_constraints=OFF")
            session.rollback()
        return
    for table in ("ledger_account", "activity_record"):
        for name in _checks(session, table):
            session.execute(sa.text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    try:
        yield
    finally:
        session.rollback()


def _checks(session: Session, table: str) -> list[str]:
    found = sa.inspect(session.connection()).get_check_constraints(table)
    return [str(check["name"]) for check in found]


def test_every_invariant_has_its_breach() -> None:
    assert list(BREACHES) == [invariant.code for invariant in (*BOOKS, *RECORDS)]


def test_each_breach_is_found_by_its_invariant_alone(
    session: Session, arranged: dict[str, int]
) -> None:
    assert broken(session) == {}
    for code, (statements, violations) in BREACHES.items():
        with unguarded(session):
            for statement in statements:
                session.execute(sa.text(statement.format(**arranged)))
            assert broken(session) == {code: violations}
    assert broken(session) == {}


def test_the_command_names_what_is_broken_and_fails(
    app: Flask, session: Session, arranged: dict[str, int]
) -> None:
    runner = app.test_cli_runner()
    clean = runner.invoke(args=["ledger", "verify"])
    assert clean.exit_code == 0
    record = session.get_one(ActivityRecord, arranged["ride"])
    record.reduction_g += 1
    session.commit()
    found = runner.invoke(args=["ledger", "verify"])
    assert found.exit_code == 1
    lines = [line.split()[:2] for line in found.stdout.splitlines()]
    assert [line for line in lines if line[0] != "0"] == [["1", "R1"]]
    assert {code for _, code in lines} >= {invariant.code for invariant in (*BOOKS, *RECORDS)}
