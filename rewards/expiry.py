"""Credits end with their vintage: when, ended once, told before.

A vintage ends with the Nth calendar year after its year of issue. N is what the policy said at
the end of the year of issue or what it says now, whichever is longer: a later decision of the
city may lengthen what people hold, never shorten it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import bulk
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.clock import day_start
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerAccount, LedgerKind, TransferKind, Unit
from carbonaccount.messages.models import Message
from carbonaccount.messages.services import Outgoing, send_many
from carbonaccount.policy import queries as policy
from carbonaccount.policy.models import CreditPolicy
from rewards.fund_models import CreditExpiry

# How many days before the last day people are told, the earliest first.
REMINDERS: Final = (60, 15)
ENDS, ENDED = "credit_ends", "credit_ended"


class Ending(NamedTuple):
    """Credits of a vintage and the last day on which they can be used; None when it is open."""

    vintage: int
    credits: int
    last_day: date | None


def last_day(vintage: int, policies: Sequence[CreditPolicy], day: date) -> date | None:
    """Return the last day of credits issued in a year, as the policies stand on a day.

    None when no policy says how long credits last.
    """
    spans = [
        found.valid_years
        for moment in (date(vintage, 12, 31), day)
        if (found := _policy_on(policies, moment)) is not None
    ]
    return date(vintage + max(spans), 12, 31) if spans else None


def _policy_on(policies: Sequence[CreditPolicy], day: date) -> CreditPolicy | None:
    begun = [found for found in policies if found.valid_from <= day]
    return max(begun, key=lambda found: found.valid_from, default=None)


def reminder_due(ends_on: date, day: date) -> int | None:
    """Return which reminder belongs to a day: 60 or 15, None outside both and after the end."""
    left = (ends_on - day).days
    due = [days for days in REMINDERS if 0 <= left <= days]
    return min(due, default=None)


def endings(session: Session, *, account_id: int, day: date) -> list[Ending]:
    """Return what a resident holds by vintage with its last day, the first to end first."""
    statement = (
        select(col(LedgerAccount.vintage), col(LedgerAccount.balance))
        .where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.CREDIT,
            col(LedgerAccount.balance) > 0,
        )
        .order_by(col(LedgerAccount.vintage))
    )
    held = {vintage: balance or 0 for vintage, balance in session.exec(statement)}
    return dated(session, held=held, day=day)


def dated(session: Session, *, held: Mapping[int, int], day: date) -> list[Ending]:
    """Return credits held by vintage with their last days, the first to end first."""
    policies = policy.policies(session)
    return [
        Ending(vintage, held[vintage], last_day(vintage, policies, day)) for vintage in sorted(held)
    ]


def ended(session: Session, *, account_id: int) -> list[CreditExpiry]:
    """Return what of a resident's credits has ended, the latest first."""
    statement = (
        select(CreditExpiry)
        .where(col(CreditExpiry.account_id) == account_id)
        .order_by(col(CreditExpiry.period).desc(), col(CreditExpiry.vintage).desc())
    )
    return list(session.exec(statement))


def end_credits(session: Session, *, day: date, now: datetime) -> int:
    """End what residents hold of vintages whose last day is before `day`; returns how many ends.

    One batch for the whole city. What is set aside in coupons stays set aside; when it comes
    back, the next day's run ends it. What ended already is not ended twice. Does not commit.
    """
    over = [vintage for vintage, ends_on in _vintages(session, day) if ends_on < day]
    rows = _held(session, over, day)
    if rows.is_empty():
        return 0
    table = CreditExpiry.__table__  # type: ignore[attr-defined]
    rows = rows.with_columns(pl.Series("id", bulk.next_ids(session, table, rows.height)))
    endings_ = rows.select(
        "id",
        "account_id",
        "vintage",
        pl.lit(day).alias("period"),
        "credits",
        pl.lit(now).alias("booked_at"),
    )
    bulk.insert_frame(session, table, endings_)
    ledger.post(session, postings=_postings(session, rows, day), booked_at=now)
    _tell_ended(session, rows, day, now)
    return rows.height


def _vintages(session: Session, day: date) -> list[tuple[int, date]]:
    """Return every vintage that was issued, with its last day; those without one are left out."""
    issued = session.exec(
        select(col(LedgerAccount.vintage)).where(
            col(LedgerAccount.owner_id) == ledger.CITY,
            col(LedgerAccount.kind) == LedgerKind.ISSUANCE,
            col(LedgerAccount.unit) == Unit.CREDIT,
            col(LedgerAccount.vintage) > 0,
        )
    )
    policies = policy.policies(session)
    found = [(vintage, last_day(vintage, policies, day)) for vintage in sorted(issued)]
    return [(vintage, ends_on) for vintage, ends_on in found if ends_on is not None]


_HELD_SCHEMA = {
    "ledger_id": pl.Int64,
    "account_id": pl.Int64,
    "vintage": pl.Int16,
    "credits": pl.Int64,
}


def _held(session: Session, vintages: Sequence[int], day: date) -> pl.DataFrame:
    """Return who holds credits of vintages, which nobody else can move until the end.

    Shape (n, 4): ledger_id, account_id, vintage, credits.
    """
    if not vintages:
        return pl.DataFrame(schema=_HELD_SCHEMA)
    booked = sa.exists().where(
        col(CreditExpiry.account_id) == col(LedgerAccount.owner_id),
        col(CreditExpiry.vintage) == col(LedgerAccount.vintage),
        col(CreditExpiry.period) == day,
    )
    statement = (
        select(
            col(LedgerAccount.id),
            col(LedgerAccount.owner_id),
            col(LedgerAccount.vintage),
            col(LedgerAccount.balance),
        )
        .where(
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.CREDIT,
            col(LedgerAccount.vintage).in_(vintages),
            col(LedgerAccount.balance) > 0,
            ~booked,
        )
        .order_by(col(LedgerAccount.id))
        .with_for_update()
    )
    found = [tuple(row) for row in session.exec(statement)]
    return pl.DataFrame(found, schema=_HELD_SCHEMA, orient="row")


def _postings(session: Session, rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return one transfer a row, from the resident to where credits of its vintage end."""
    targets = pl.DataFrame(
        [
            (vintage, _expired_account(session, vintage))
            for vintage in rows["vintage"].unique().sort().to_list()
        ],
        schema={"vintage": pl.Int16, "credit_id": pl.Int64},
        orient="row",
    )
    return rows.join(targets, on="vintage", maintain_order="left").select(
        pl.col("ledger_id").alias("debit_id"),
        "credit_id",
        pl.col("credits").alias("amount"),
        pl.lit(int(Unit.CREDIT), pl.Int16).alias("unit"),
        pl.lit(int(TransferKind.EXPIRE), pl.Int16).alias("kind"),
        pl.lit(int(Cause.EXPIRY), pl.Int16).alias("cause"),
        pl.col("id").alias("cause_id"),
        pl.lit(0, pl.Int16).alias("revision"),
        pl.lit(None, pl.Int64).alias("reverses_id"),
        pl.lit(day).alias("business_day"),
        pl.lit(day_start(day)).alias("occurred_at"),
    )


def _expired_account(session: Session, vintage: int) -> int:
    return ledger.ending_account(
        session, kind=LedgerKind.EXPIRED, unit=Unit.CREDIT, vintage=vintage
    )


def _tell_ended(session: Session, rows: pl.DataFrame, day: date, now: datetime) -> None:
    people = frozenset(
        session.exec(select(col(Account.id)).where(col(Account.kind) == AccountKind.PERSON))
    )
    outgoing = [
        Outgoing(account, f"{vintage}:{day.isoformat()}", {"vintage": vintage, "credits": amount})
        for account, vintage, amount in rows.select("account_id", "vintage", "credits").rows()
        if account in people
    ]
    send_many(session, kind=ENDED, outgoing=outgoing, now=now)


def remind(session: Session, *, day: date, now: datetime) -> int:
    """Tell residents what ends within 60 and 15 days, each once; returns how many were told.

    A day that was missed is made up by the next run: the reminder that is due is sent to
    whoever has not had it.
    """
    told = 0
    for vintage, ends_on in _vintages(session, day):
        days = reminder_due(ends_on, day)
        if days is not None:
            told += _remind_of(session, vintage, ends_on, days, now)
    return told


def _remind_of(session: Session, vintage: int, ends_on: date, days: int, now: datetime) -> int:
    cause = f"{vintage}:{ends_on.isoformat()}:{days}"
    had_it = sa.exists().where(
        col(Message.account_id) == col(LedgerAccount.owner_id),
        col(Message.kind) == ENDS,
        col(Message.cause) == cause,
    )
    holders = session.exec(
        select(col(LedgerAccount.owner_id), col(LedgerAccount.balance))
        .join(Account, col(Account.id) == col(LedgerAccount.owner_id))
        .where(
            # Nobody signs in for a pseudonym.
            col(Account.kind) == AccountKind.PERSON,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.CREDIT,
            col(LedgerAccount.vintage) == vintage,
            col(LedgerAccount.balance) > 0,
            ~had_it,
        )
    )
    outgoing = [
        Outgoing(
            account,
            cause,
            {"vintage": vintage, "credits": balance, "last_day": ends_on.isoformat()},
        )
        for account, balance in holders
    ]
    return send_many(session, kind=ENDS, outgoing=outgoing, now=now)
