"""Whose act it was: the account a source's name for somebody is bound to, and its consent."""

import secrets
from datetime import datetime

import polars as pl
from sqlmodel import Session

from behaviors.intake.candidates import mark
from behaviors.models import Source, SourceSubject
from carbonaccount import bulk
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.database import is_sqlite

_SUBJECT_SCHEMA = {
    "subject": pl.String,
    "subject_id": pl.Int64,
    "account_id": pl.Int64,
    "bound": pl.Boolean,
}
# Enough for batches of different people to go side by side, few enough to take all at once.
LOCK_SHARDS = 64
_LOCK_SPACE = 0x0CA4B0


def find_accounts(
    session: Session,
    frame: pl.DataFrame,
    *,
    source: Source,
    open_unknown: bool,
    now: datetime,
) -> pl.DataFrame:
    """Add `subject_id` and `account_id`; one query for all, none a row.

    Rows get unknown_subject when the source's name for them is bound to nobody, no_consent when
    the binding was switched off. With `open_unknown`, pseudonymous accounts are opened for
    unknown names first.
    """
    names = frame.filter(pl.col("code").is_null())["subject"].unique(maintain_order=True)
    known = _known(session, source, names)
    if open_unknown:
        missing = names.filter(~names.is_in(known["subject"].implode()))
        if not missing.is_empty():
            known = pl.concat([known, _open_pseudonyms(session, source, missing, now)])
    frame = frame.join(known, on="subject", how="left", maintain_order="left")
    frame = mark(frame, "unknown_subject", pl.col("account_id").is_null())
    return mark(frame, "no_consent", ~pl.col("bound"))


def _known(session: Session, source: Source, names: pl.Series) -> pl.DataFrame:
    found = bulk.select_matching(
        session,
        select=(
            "SELECT s.subject, s.id, s.account_id, s.active FROM {keys} "
            "JOIN source_subject s ON s.subject = k.subject AND s.source_id = :source_id"
        ),
        keys={"subject": ("text", names)},
        schema={**_SUBJECT_SCHEMA, "bound": pl.Int8 if is_sqlite(session) else pl.Boolean},
        parameters={"source_id": source.id},
    )
    return found.with_columns(pl.col("bound").cast(pl.Boolean))


def _open_pseudonyms(
    session: Session, source: Source, names: pl.Series, now: datetime
) -> pl.DataFrame:
    """Open an account for each unknown name and bind the name to it."""
    account_ids = bulk.next_ids(session, Account.__table__, names.len())  # type: ignore[attr-defined]
    accounts = pl.DataFrame({"id": account_ids}).with_columns(
        pl.Series("public_id", [f"p{secrets.token_hex(8)}" for _ in range(names.len())]),
        kind=pl.lit(AccountKind.PSEUDONYM.value),
        opened_at=pl.lit(now),
    )
    bulk.insert_frame(session, Account.__table__, accounts)  # type: ignore[attr-defined]
    subject_ids = bulk.next_ids(session, SourceSubject.__table__, names.len())  # type: ignore[attr-defined]
    subjects = pl.DataFrame(
        {"id": subject_ids, "subject": names, "account_id": account_ids}
    ).with_columns(source_id=pl.lit(source.id), active=pl.lit(1), bound_at=pl.lit(now))
    if not is_sqlite(session):
        subjects = subjects.with_columns(pl.col("active").cast(pl.Boolean))
    bulk.insert_frame(session, SourceSubject.__table__, subjects)  # type: ignore[attr-defined]
    return subjects.select(
        "subject",
        pl.col("id").alias("subject_id"),
        "account_id",
        pl.lit(value=True).alias("bound"),
    )


def lock_accounts(session: Session, account_ids: pl.Series) -> None:
    """Make other batches of the same people wait until this transaction ends.

    Caps and overlaps are decided on what is booked already, so two batches must not decide for
    one person at once. SQLite has one writer anyway. On PostgreSQL the accounts are spread over
    a few advisory locks taken in ascending order, so that nobody waits for each other in a ring.
    """
    if is_sqlite(session) or account_ids.is_empty():
        return
    shards = (account_ids.unique() % LOCK_SHARDS).unique().sort().to_list()
    with bulk.driver_connection(session).cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, s) FROM unnest(%s::int[]) AS shards(s)",
            (_LOCK_SPACE, shards),
        )
