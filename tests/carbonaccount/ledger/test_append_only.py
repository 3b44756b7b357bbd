"""What is booked or audited can be added, never changed or removed, whoever asks the database."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.audit import SYSTEM
from tests.carbonaccount.ledger.books import (
    ALICE,
    NOW,
    held,
    issuance,
    open_ledger,
    post,
    posting,
    transfers,
)

CHANGES = (
    "UPDATE {table} SET id = id",
    "UPDATE {table} SET id = 77 WHERE id = (SELECT min(id) FROM {table})",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})",
)
OF_DATABASE = {
    "sqlite": (
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "UPDATE OR REPLACE {table} SET id = 1",
        "UPDATE OR IGNORE {table} SET id = 77",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true "
        "ON CONFLICT (id) DO UPDATE SET id = 77",
    ),
    "postgresql": (
        "TRUNCATE {table}",
        "TRUNCATE {table} CASCADE",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET id = 77",
        "WITH gone AS (DELETE FROM {table} RETURNING id) SELECT count(*) FROM gone",
    ),
}


def fill(session: Session) -> int:
    """Book two transfers and audit two acts; returns alice's account."""
    alice = open_ledger(session, ALICE)
    city = issuance(session)
    post(session, posting(city, alice, 5, cause_id=1), posting(city, alice, 6, cause_id=2))
    for number in (1, 2):
        audit.record(
            session, acting_user=SYSTEM, action="test.act", subject=f"thing:{number}", now=NOW
        )
    session.commit()
    return alice


@pytest.mark.parametrize("table", ["transfer", "audit_entry"])
def test_nothing_changes_what_is_written(session: Session, database_kind: str, table: str) -> None:
    alice = fill(session)
    everything = sa.text(f"SELECT * FROM {table} ORDER BY id")
    before = session.execute(everything).all()
    session.rollback()
    for change in (*CHANGES, *OF_DATABASE[database_kind]):
        with pytest.raises(DBAPIError, match=f"{table} is append-only"):
            session.execute(sa.text(change.format(table=table)))
        session.rollback()
    assert session.execute(everything).all() == before
    assert held(session, alice) == [11]


def test_the_orm_changes_nothing_either(session: Session) -> None:
    fill(session)
    first, second = transfers(session)
    first.amount = 500
    with pytest.raises(DBAPIError, match="append-only"):
        session.commit()
    session.rollback()
    session.delete(second)
    with pytest.raises(DBAPIError, match="append-only"):
        session.commit()
    session.rollback()
    assert [t.amount for t in transfers(session)] == [5, 6]


def test_more_can_be_added(session: Session) -> None:
    alice = fill(session)
    post(session, posting(issuance(session), alice, 9, cause_id=3))
    session.commit()
    assert held(session, alice) == [20]
