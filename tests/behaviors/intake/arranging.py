"""Sources, people and items for the tests of intake, and looks into the books behind it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import sources
from behaviors.intake.door import BatchResult, ItemResult, take_items
from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord, Channel, Source, SourceSubject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from carbonaccount.ledger.verify import verify

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
# An ordinary morning some days before.
MORNING = "2026-03-02T08:00:00+08:00"
EVERYTHING = (
    "bike_ride",
    "bus_trip",
    "metro_trip",
    "walking",
    "nev_driving",
    "ev_charging",
    "waste_sorting",
    "recycle_clothes",
    "rooftop_pv",
    "green_power",
    "clean_plate",
    "reusable_cup",
)


def admit(
    session: Session,
    code: str = "bikes",
    behaviors: Iterable[str] = EVERYTHING,
    best_evidence: str = "A",
) -> Source:
    """Admit a source."""
    return sources.add_source(
        session,
        code=code,
        name_zh="来源",
        name_en="Source",
        behaviors=list(behaviors),
        best_evidence=best_evidence,
        acting_user=SYSTEM,
        now=NOW,
    )


def open_person(session: Session, *bound: tuple[Source, str]) -> int:
    """Open an account whom these sources know by these names; returns its id."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    for source, subject in bound:
        session.add(
            SourceSubject(
                source_id=source.stored_id,
                subject=subject,
                account_id=account.stored_id,
                bound_at=NOW,
            )
        )
    session.flush()
    return account.stored_id


def item(event_id: object, **changes: Any) -> dict[str, Any]:
    """A ride of 3 km on a shared bike: 146 g (3 x 48.7 g = 146.1 g)."""
    return {
        "event_id": event_id,
        "subject": "alice",
        "behavior": "bike_ride",
        "occurred_at": MORNING,
        "activity": {"distance_km": "3"},
        "evidence": "A",
        **changes,
    }


def bring(
    session: Session,
    source: Source,
    *items: object,
    channel: Channel = Channel.API,
    now: datetime = NOW,
) -> BatchResult:
    """Take a batch of items and commit it."""
    result = take_items(
        session, source=source, channel=channel, items=items, acting_user=SYSTEM, now=now
    )
    session.commit()
    return result


def answers(result: BatchResult) -> list[tuple[str, str]]:
    """Return status and code of each item, in order."""
    return [(one.status, one.code) for one in result.results()]


def only(result: BatchResult) -> ItemResult:
    """Return the result of a batch of one."""
    (one,) = result.results()
    return one


def balance(session: Session, account_id: int, unit: Unit) -> int:
    """Return what a resident's accounts of a unit hold together."""
    rows = session.exec(
        select(col(LedgerAccount.balance)).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == unit,
        )
    ).all()
    return sum(row or 0 for row in rows)


def balances(session: Session) -> dict[int, int | None]:
    """Return the balance of every ledger account by its id."""
    rows = session.execute(sa.select(col(LedgerAccount.id), col(LedgerAccount.balance))).all()
    return {row[0]: row[1] for row in rows}


def rows_of(session: Session, model: type[Any]) -> int:
    """Return how many rows a table holds."""
    count: int = session.execute(sa.select(sa.func.count()).select_from(model)).scalar_one()
    return count


def totals(session: Session) -> dict[str, int]:
    """Return the sizes of records and transfers, and what the records add up to."""
    grams, credited = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(col(ActivityRecord.reduction_g)), 0),
            sa.func.coalesce(sa.func.sum(col(ActivityRecord.credits)), 0),
        )
    ).one()
    return {
        "records": rows_of(session, ActivityRecord),
        "transfers": rows_of(session, Transfer),
        "accounts": rows_of(session, Account),
        "grams": int(grams),
        "credits": int(credited),
    }


def broken(session: Session) -> dict[str, int]:
    """Return the invariants that do not hold, with their violations; empty is good."""
    return {code: count for code, _, count in verify(session, extra=RECORDS) if count}
