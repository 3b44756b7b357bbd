"""The one place where grams and credits are written: transfers and the balances they move."""

from datetime import datetime

import polars as pl
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
            "WHERE a.kind = :kind AND a.unit = :unit AND a.vintage = :vintage"
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
    statement = select(LedgerAccount).where(
        col(LedgerAccount.owner_id) == CITY,
        col(LedgerAccount.kind) == kind,
        col(LedgerAccount.unit) == unit,
        col(LedgerAccount.vintage) == vintage,
    )
    account = session.exec(statement).first()
    if account is None:
        _open_city_account(session, kind, unit, vintage)
        account = session.exec(statement).one()
    assert account.id is not None
    return account.id


def _open_city_account(session: Session, kind: LedgerKind, unit: Unit, vintage: int) -> None:
    """Open a computed account; two that try at the same time are one in the end."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = session.get_bind().dialect.name
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    session.connection().execute(
        insert(LedgerAccount.__table__)  # type: ignore[attr-defined]
        .values(owner_id=CITY, kind=int(kind), unit=int(unit), vintage=vintage, balance=None)
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
