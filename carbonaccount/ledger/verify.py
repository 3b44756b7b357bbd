"""What must hold in the books: each a query that counts violations, zero the only good answer."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session


class Invariant(NamedTuple):
    """A code, a sentence, and a statement that counts the rows which break it."""

    code: str
    sentence: str
    counting: str


BOOKS: tuple[Invariant, ...] = (
    Invariant(
        "L1",
        "every stored balance is the sum of its transfers",
        """SELECT count(*) FROM ledger_account a LEFT JOIN (
             SELECT id, sum(amount) AS total FROM (
               SELECT credit_id AS id, amount FROM transfer
               UNION ALL SELECT debit_id, -amount FROM transfer) moves GROUP BY id) t
           ON t.id = a.id WHERE a.balance IS NOT NULL AND a.balance <> coalesce(t.total, 0)""",
    ),
    Invariant(
        "L2",
        "no account is below zero",
        "SELECT count(*) FROM ledger_account WHERE balance < 0",
    ),
    Invariant(
        "L3",
        "both accounts of a transfer exist and count its unit",
        """SELECT count(*) FROM transfer t
           LEFT JOIN ledger_account d ON d.id = t.debit_id AND d.unit = t.unit
           LEFT JOIN ledger_account c ON c.id = t.credit_id AND c.unit = t.unit
           WHERE d.id IS NULL OR c.id IS NULL""",
    ),
    Invariant(
        "L4",
        "a reversal mirrors the transfer it names",
        """SELECT count(*) FROM transfer r LEFT JOIN transfer o ON o.id = r.reverses_id
           WHERE r.reverses_id IS NOT NULL AND (o.id IS NULL OR o.amount <> r.amount
             OR o.unit <> r.unit OR o.debit_id <> r.credit_id OR o.credit_id <> r.debit_id
             OR o.reverses_id IS NOT NULL)""",
    ),
    Invariant(
        "L5",
        "what was issued and has not ended is all somewhere",
        """SELECT count(*) FROM (
             SELECT a.unit, sum(coalesce(a.balance, 0)) AS held FROM ledger_account a
             WHERE a.kind <> 3 GROUP BY a.unit) h
           LEFT JOIN (
             SELECT t.unit,
                    sum(CASE WHEN d.kind IN (1, 5, 6, 9) THEN t.amount ELSE 0 END)
                    - sum(CASE WHEN c.kind IN (1, 5, 6, 9) THEN t.amount ELSE 0 END) AS issued
             FROM transfer t JOIN ledger_account d ON d.id = t.debit_id
             JOIN ledger_account c ON c.id = t.credit_id GROUP BY t.unit) i ON i.unit = h.unit
           WHERE h.held <> coalesce(i.issued, 0)""",
    ),
    Invariant(
        "L6",
        "debts stand against claims and against nothing else",
        """SELECT count(*) FROM transfer t JOIN ledger_account d ON d.id = t.debit_id
           JOIN ledger_account c ON c.id = t.credit_id
           WHERE (d.kind IN (3, 8) OR c.kind IN (3, 8))
             AND NOT (d.kind = 8 AND c.kind = 3) AND NOT (d.kind = 3 AND c.kind = 8)""",
    ),
)


_OF_ROOMS: dict[str, Sequence[Invariant]] = {}


def promise(room: str, invariants: Sequence[Invariant]) -> None:
    """Add a room's invariants to those that `verify_everything` asks; a room does it once."""
    _OF_ROOMS[room] = tuple(invariants)


def verify_everything(session: Session) -> Iterator[tuple[str, str, int]]:
    """Yield what `verify` yields, of the books and of every room that has promised something."""
    rooms = [invariant for room in sorted(_OF_ROOMS) for invariant in _OF_ROOMS[room]]
    yield from verify(session, extra=rooms)


def verify(session: Session, *, extra: Sequence[Invariant] = ()) -> Iterator[tuple[str, str, int]]:
    """Yield code, sentence and number of violations of every invariant.

    `extra` are those of other rooms. Reads every transfer: time grows with the books.
    """
    for invariant in (*BOOKS, *extra):
        count = session.connection().execute(sa.text(invariant.counting)).scalar_one()
        yield invariant.code, invariant.sentence, int(count)
