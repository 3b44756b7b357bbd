"""The one place where grams and credits are written: transfers and the balances they move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount import bulk
from carbonaccount.database import is_sqlite
from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger.models import (
    COMPUTED_KINDS,
    Cause,
    LedgerAccount,
    LedgerKind,
    Transfer,
    TransferKind,
    Unit,
)

CITY = 0  # Owner of the accounts that belong to nobody in particular.

# What a caller hands over: one row a transfer.
POSTING_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "debit_id": pl.Int64,
    "credit_id": pl.Int64,
    "amount": pl.Int64,
    "unit": pl.Int16,
    "kind": pl.Int16,
    "cause": pl.Int16,
    "cause_id": pl.Int64,
    "revision": pl.Int16,
    "reverses_id": pl.Int64,
    "business_day": pl.Date,
    "occurred_at": pl.Datetime("us", "UTC"),
}

_ACCOUNT_SCHEMA = {"owner_id": pl.Int64, "ledger_id": pl.Int64}


@dataclass(frozen=True)
class Posting:
    """One transfer before it is booked: the columns of the transfer in the order of the INSERT."""

    debit_id: int
    credit_id: int
    amount: int
    unit: Unit
    kind: TransferKind
    cause: Cause
    cause_id: int
    revision: int
    business_day: date
    occurred_at: datetime
    reverses_id: int | None = None


def post(session: Session, *, postings: pl.DataFrame, booked_at: datetime) -> None:
    """Book a batch of transfers and move the balances of the accounts they touch.

    `postings` has the columns of POSTING_SCHEMA, one row a transfer, amounts above zero in the
    unit's whole numbers. All or nothing: raises InsufficientBalance when an account would fall
    below zero, and the database's IntegrityError when a posting was made before; the caller's
    transaction must then be given up. Does not commit.
    """
    if postings.is_empty():
        return
    ids = bulk.next_ids(session, Transfer.__table__, postings.height)  # type: ignore[attr-defined]
    rows = postings.select(
        pl.Series("id", ids), *POSTING_SCHEMA, pl.lit(booked_at).alias("booked_at")
    )
    bulk.insert_frame(session, Transfer.__table__, rows)  # type: ignore[attr-defined]
    _move_balances(session, postings)


def post_few(
    session: Session, *, postings: Sequence[Posting], computed: frozenset[int], booked_at: datetime
) -> None:
    """Book the transfers of one act, as `post` does with a batch.

    For a handful of postings, where data frames would take longer than the statements.
    `computed` are the accounts among them whose balance is not stored. Raises what `post` raises.
    """
    if not postings:
        return
    direct = bulk.Direct(session)
    # The guards come first, so that what is refused has written nothing.
    for ledger_id, delta in _net_changes(postings, computed):
        if direct.run(_GUARDED_MOVE, delta, ledger_id, delta) != 1:
            raise InsufficientBalance(accounts=1)
    for posting in postings:
        direct.run(_INSERT_TRANSFER, *vars(posting).values(), booked_at)


def _net_changes(postings: Sequence[Posting], computed: frozenset[int]) -> list[tuple[int, int]]:
    """Return each stored balance's change, in account order."""
    net: dict[int, int] = {}
    for posting in postings:
        net[posting.debit_id] = net.get(posting.debit_id, 0) - posting.amount
        net[posting.credit_id] = net.get(posting.credit_id, 0) + posting.amount
    return sorted(
        (ledger, delta) for ledger, delta in net.items() if delta and ledger not in computed
    )


_INSERT_TRANSFER = (
    "INSERT INTO transfer (debit_id, credit_id, amount, unit, kind, cause, cause_id, revision, "
    "business_day, occurred_at, reverses_id, booked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GUARDED_MOVE = "UPDATE ledger_account SET balance = balance + ? WHERE id = ? AND balance + ? >= 0"


def _move_balances(session: Session, postings: pl.DataFrame) -> None:
    """Apply each account's net change once, in account order."""
    computed = session.exec(
        select(col(LedgerAccount.id)).where(col(LedgerAccount.kind).in_(COMPUTED_KINDS))
    ).all()
    net = (
        pl.concat(
            [
                postings.select(pl.col("credit_id").alias("id"), pl.col("amount")),
                postings.select(pl.col("debit_id").alias("id"), -pl.col("amount")),
            ]
        )
        .filter(~pl.col("id").is_in(list(computed)))
        .group_by("id")
        .agg(pl.col("amount").sum().alias("delta"))
        .filter(pl.col("delta") != 0)
        .sort("id")
    )
    moved = bulk.add_to_balances(session, changes=net)
    if moved != net.height:
        raise InsufficientBalance(accounts=net.height - moved)


def owned_account(
    session: Session, *, owner_id: int, kind: LedgerKind, unit: Unit, vintage: int
) -> int:
    """Return the id of one owner's ledger account, opened when it is missing.

    Two that open it at the same time open one. See `owned_accounts` for many owners.
    """
    statement = select(col(LedgerAccount.id)).where(
        col(LedgerAccount.owner_id) == owner_id,
        col(LedgerAccount.kind) == kind,
        col(LedgerAccount.unit) == unit,
        col(LedgerAccount.vintage) == vintage,
    )
    found = session.exec(statement).first()
    if found is None:
        _open_account(session, owner_id, kind, unit, vintage)
        found = session.exec(statement).one()
    assert found is not None
    return found


def resident_accounts(
    session: Session, *, owner_ids: pl.Series, unit: Unit, vintage: int
) -> pl.DataFrame:
    """Return the ledger accounts in which owners hold something; see `owned_accounts`."""
    return owned_accounts(
        session, kind=LedgerKind.RESIDENT, owner_ids=owner_ids, unit=unit, vintage=vintage
    )


def owned_accounts(
    session: Session, *, kind: LedgerKind, owner_ids: pl.Series, unit: Unit, vintage: int
) -> pl.DataFrame:
    """Return the ledger accounts of owners, opening those that are missing.

    Shape (len(owner_ids), 2): owner_id, ledger_id. `vintage` is 0 for grams and debts, and the
    year of issue for credits. Owners must be distinct.
    """
    found = _find_accounts(session, kind, owner_ids, unit, vintage)
    if found.height == len(owner_ids):
        return found
    missing = owner_ids.filter(~owner_ids.is_in(found["owner_id"].implode())).sort()
    opened = pl.DataFrame(
        {
            "id": bulk.next_ids(session, LedgerAccount.__table__, len(missing)),  # type: ignore[attr-defined]
            "owner_id": missing,
        }
    ).with_columns(
        kind=pl.lit(int(kind)),
        unit=pl.lit(int(unit)),
        vintage=pl.lit(vintage),
        balance=pl.lit(0),
    )
    bulk.insert_frame(session, LedgerAccount.__table__, opened)  # type: ignore[attr-defined]
    return pl.concat([found, opened.select("owner_id", pl.col("id").alias("ledger_id"))])


def _find_accounts(
    session: Session, kind: LedgerKind, owner_ids: pl.Series, unit: Unit, vintage: int
) -> pl.DataFrame:
    return bulk.select_matching(
        session,
        select=(
            "SELECT a.owner_id, a.id FROM {keys} JOIN ledger_account a ON a.owner_id = k.owner_id "
            "AND a.kind = :kind AND a.unit = :unit AND a.vintage = :vintage"
        ),
        keys={"owner_id": ("bigint", owner_ids)},
        schema=_ACCOUNT_SCHEMA,
        parameters={"kind": int(kind), "unit": int(unit), "vintage": vintage},
    )


def issuance_account(session: Session, *, unit: Unit, vintage: int) -> int:
    """Return the id of the city's issuance account of a unit and vintage.

    The accounts are opened with the library and by the first batch of a new year.
    """
    return _city_account(session, LedgerKind.ISSUANCE, unit, vintage)


def ending_account(session: Session, *, kind: LedgerKind, unit: Unit, vintage: int) -> int:
    """Return the id of the city's account where credits or grams end: REDEEMED or EXPIRED."""
    return _city_account(session, kind, unit, vintage)


def claim_account(session: Session, *, unit: Unit) -> int:
    """Return the id of the city's account that stands against debts of a unit."""
    return _city_account(session, LedgerKind.CLAIM, unit, 0)


def _city_account(session: Session, kind: LedgerKind, unit: Unit, vintage: int) -> int:
    return owned_account(session, owner_id=CITY, kind=kind, unit=unit, vintage=vintage)


def _open_account(
    session: Session, owner_id: int, kind: LedgerKind, unit: Unit, vintage: int
) -> None:
    """Open an account with nothing in it; two that try at the same time are one in the end."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(LedgerAccount.__table__)  # type: ignore[attr-defined]
        .values(
            owner_id=owner_id,
            kind=int(kind),
            unit=int(unit),
            vintage=vintage,
            balance=None if kind in COMPUTED_KINDS else 0,
        )
        .on_conflict_do_nothing()
    )


def earned_transfers(session: Session, *, record_ids: pl.Series) -> pl.DataFrame:
    """Return the standing EARN transfers of records, as postings with their `id`.

    Those that were reversed already are left out.
    """
    found = bulk.select_matching(
        session,
        select=(
            "SELECT t.id, t.debit_id, t.credit_id, t.amount, t.unit, t.cause_id, t.revision, "
            "t.business_day FROM {keys} JOIN transfer t ON t.cause_id = k.record_id "
            "WHERE t.cause = :cause AND t.kind = :earn AND NOT EXISTS "
            "(SELECT 1 FROM transfer r WHERE r.reverses_id = t.id)"
        ),
        keys={"record_id": ("bigint", record_ids)},
        schema={
            "id": pl.Int64,
            "debit_id": pl.Int64,
            "credit_id": pl.Int64,
            "amount": pl.Int64,
            "unit": pl.Int16,
            "cause_id": pl.Int64,
            "revision": pl.Int16,
            "business_day": pl.String if is_sqlite(session) else pl.Date,
        },
        parameters={"cause": int(Cause.RECORD), "earn": int(TransferKind.EARN)},
    )
    # SQLite keeps a date as text, which Polars reads but does not cast.
    return found.with_columns(pl.col("business_day").str.to_date()) if is_sqlite(session) else found


def locked_balances(session: Session, *, ledger_ids: pl.Series) -> pl.DataFrame:
    """Return the balances of ledger accounts, which nobody else can move until the end of the
    transaction. Shape (n, 2): ledger_id, balance.
    """
    lock = "" if is_sqlite(session) else " ORDER BY a.id FOR UPDATE OF a"
    return bulk.select_matching(
        session,
        select=(
            "SELECT a.id, a.balance FROM {keys} JOIN ledger_account a ON a.id = k.ledger_id" + lock
        ),
        keys={"ledger_id": ("bigint", ledger_ids)},
        schema={"ledger_id": pl.Int64, "balance": pl.Int64},
    )
