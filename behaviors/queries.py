"""Reads for pages: each returns everything a page needs of its kind in one statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from behaviors.models import (
    ActivityRecord,
    BindingCode,
    EvidencePhoto,
    IntakeBatch,
    RecordStatus,
    RuleVersion,
    Source,
    SourceSubject,
)
from behaviors.rule_models import RecordAdjustment, Rescore
from carbonaccount.ledger.models import Cause, LedgerAccount, LedgerKind, Transfer, Unit

PAGE_ROWS = 20


class Balances(NamedTuple):
    """What an account holds: grams, and credits by the year they were issued in."""

    grams: int
    credits_by_year: dict[int, int]

    @property
    def credits(self) -> int:
        """Credits of all years together."""
        return sum(self.credits_by_year.values())


class RecordRow(NamedTuple):
    """A record with the source it came from."""

    record: ActivityRecord
    source: Source


@dataclass(frozen=True)
class DayTotal:
    """What one behaviour came to on one business day."""

    day: date
    behavior_id: int
    records: int
    reduction_g: int
    credits: int


@dataclass(frozen=True)
class RecordFilter:
    """Which records to list; None lets everything through. `until` is included."""

    since: date | None = None
    until: date | None = None
    behavior_id: int | None = None
    source_id: int | None = None
    status: str | None = None


class Totals(NamedTuple):
    """What a list of records comes to."""

    records: int
    reduction_g: int
    credits: int


class Facet(NamedTuple):
    """A behaviour and a source that occur together in someone's records, and in which days."""

    behavior_id: int
    source_id: int
    first_day: date
    last_day: date


class TransferRow(NamedTuple):
    """A transfer with the kinds of the accounts it moved between."""

    transfer: Transfer
    debit_kind: int
    credit_kind: int


class AdjustmentRow(NamedTuple):
    """What a booked re-scoring changed of a record, and by which version of the rule."""

    adjustment: RecordAdjustment
    rescore: Rescore
    version: int


class SourceRow(NamedTuple):
    """A source and, where there is one, how the account is or was bound to it."""

    source: Source
    subject: SourceSubject | None


def balances(session: Session, *, account_id: int) -> Balances:
    """Return what the books say an account holds."""
    rows = session.exec(
        select(LedgerAccount).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
        )
    ).all()
    grams = sum(row.balance or 0 for row in rows if row.unit == Unit.G)
    by_year = {row.vintage: row.balance or 0 for row in rows if row.unit == Unit.CREDIT}
    return Balances(grams, dict(sorted(by_year.items())))


def latest_records(session: Session, *, account_id: int, limit: int) -> list[RecordRow]:
    """Return an account's newest records by the time of the act."""
    rows = session.exec(
        _with_source()
        .where(col(ActivityRecord.account_id) == account_id)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    ).all()
    return [RecordRow(record, source) for record, source in rows]


def held_records(session: Session, *, account_id: int, limit: int) -> list[ActivityRecord]:
    """Return records that wait for a person, oldest first."""
    return list(
        session.exec(
            select(ActivityRecord)
            .where(
                col(ActivityRecord.account_id) == account_id,
                col(ActivityRecord.status) == RecordStatus.HELD,
            )
            .order_by(col(ActivityRecord.recorded_at))
            .limit(limit)
        ).all()
    )


def day_totals(session: Session, *, account_id: int, since: date, until: date) -> list[DayTotal]:
    """Return what counted on each day of a period, both ends included, by behaviour."""
    rows = session.execute(
        sa.select(
            col(ActivityRecord.business_day),
            col(ActivityRecord.behavior_id),
            sa.func.count(),
            sa.func.sum(col(ActivityRecord.reduction_g)),
            sa.func.sum(col(ActivityRecord.credits)),
        )
        .where(
            col(ActivityRecord.account_id) == account_id,
            col(ActivityRecord.business_day).between(since, until),
            col(ActivityRecord.status) == RecordStatus.COUNTED,
        )
        .group_by(col(ActivityRecord.business_day), col(ActivityRecord.behavior_id))
        .order_by(col(ActivityRecord.business_day), col(ActivityRecord.behavior_id))
    ).all()
    # PostgreSQL sums BIGINT into NUMERIC, which arrives as Decimal.
    return [DayTotal(day, behavior, n, int(g), int(c)) for day, behavior, n, g, c in rows]


def used_milli(
    session: Session, *, account_id: int, behavior_id: int, day: date, before: int | None = None
) -> int:
    """Return how much of a behaviour's daily cap is used, in thousandths of its unit.

    `before` leaves out the record of that id and those that were booked after it.
    """
    statement = sa.select(
        sa.func.coalesce(sa.func.sum(col(ActivityRecord.counted_milli)), 0)
    ).where(
        col(ActivityRecord.account_id) == account_id,
        col(ActivityRecord.business_day) == day,
        col(ActivityRecord.behavior_id) == behavior_id,
        col(ActivityRecord.status) == RecordStatus.COUNTED,
    )
    if before is not None:
        statement = statement.where(col(ActivityRecord.id) < before)
    return int(session.execute(statement).scalar_one())


def facets(session: Session, *, account_id: int) -> list[Facet]:
    """Return which behaviours, sources and days an account's records have, for the filters."""
    rows = session.execute(
        sa.select(
            col(ActivityRecord.behavior_id),
            col(ActivityRecord.source_id),
            sa.func.min(col(ActivityRecord.business_day)),
            sa.func.max(col(ActivityRecord.business_day)),
        )
        .where(col(ActivityRecord.account_id) == account_id)
        .group_by(col(ActivityRecord.behavior_id), col(ActivityRecord.source_id))
    ).all()
    return [Facet(*row) for row in rows]


def totals(session: Session, *, account_id: int, chosen: RecordFilter) -> Totals:
    """Return how many records a filter lets through and what they came to."""
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(col(ActivityRecord.reduction_g)), 0),
            sa.func.coalesce(sa.func.sum(col(ActivityRecord.credits)), 0),
        ).where(*_conditions(account_id, chosen))
    ).one()
    return Totals(*(int(value) for value in row))


def records(
    session: Session,
    *,
    account_id: int,
    chosen: RecordFilter,
    limit: int | None = PAGE_ROWS,
    offset: int = 0,
) -> list[RecordRow]:
    """Return an account's records that a filter lets through, newest act first."""
    rows = session.exec(
        _with_source()
        .where(*_conditions(account_id, chosen))
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
        .offset(offset)
    ).all()
    return [RecordRow(record, source) for record, source in rows]


def record_with_batch(
    session: Session, *, account_id: int, record_id: int
) -> tuple[ActivityRecord, Source, IntakeBatch, EvidencePhoto | None] | None:
    """Return one of an account's records with all that tells where it came from, or None."""
    row = session.exec(
        select(ActivityRecord, Source, IntakeBatch, EvidencePhoto)
        .join(Source, col(Source.id) == col(ActivityRecord.source_id))
        .join(IntakeBatch, col(IntakeBatch.id) == col(ActivityRecord.batch_id))
        .outerjoin(EvidencePhoto, col(EvidencePhoto.record_id) == col(ActivityRecord.id))
        .where(col(ActivityRecord.id) == record_id, col(ActivityRecord.account_id) == account_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


def same_day_records(
    session: Session, *, account_id: int, behavior_id: int, day: date, limit: int
) -> list[ActivityRecord]:
    """Return the counted records of a behaviour and day, in the order they were booked."""
    return list(
        session.exec(
            select(ActivityRecord)
            .where(
                col(ActivityRecord.account_id) == account_id,
                col(ActivityRecord.business_day) == day,
                col(ActivityRecord.behavior_id) == behavior_id,
                col(ActivityRecord.status) == RecordStatus.COUNTED,
            )
            .order_by(col(ActivityRecord.id))
            .limit(limit)
        ).all()
    )


def transfers_of_record(session: Session, *, record_id: int) -> list[TransferRow]:
    """Return every transfer a record has caused, in the order of booking."""
    debit, credit = aliased(LedgerAccount), aliased(LedgerAccount)
    rows = session.execute(
        sa.select(Transfer, debit.kind, credit.kind)  # type: ignore[call-overload]
        .join(debit, debit.id == col(Transfer.debit_id))
        .join(credit, credit.id == col(Transfer.credit_id))
        .where(col(Transfer.cause_id) == record_id, col(Transfer.cause) == Cause.RECORD)
        .order_by(col(Transfer.id))
    ).all()
    return [TransferRow(*row) for row in rows]


def adjustments_of_record(session: Session, *, record_id: int) -> list[AdjustmentRow]:
    """Return what booked re-scorings changed of a record, in the order of booking."""
    rows = session.execute(
        sa.select(RecordAdjustment, Rescore, col(RuleVersion.version))
        .join(Rescore, col(Rescore.id) == col(RecordAdjustment.rescore_id))
        .join(RuleVersion, col(RuleVersion.id) == col(Rescore.rule_version_id))
        .where(col(RecordAdjustment.record_id) == record_id, col(Rescore.booked_at).is_not(None))
        .order_by(col(Rescore.booked_at), col(Rescore.id))
    ).all()
    return [AdjustmentRow(*row) for row in rows]


def sources_for(session: Session, *, account_id: int) -> list[SourceRow]:
    """Return the sources that may be bound, and those that are or were bound to the account."""
    rows = session.exec(
        select(Source, SourceSubject)
        .outerjoin(
            SourceSubject,
            sa.and_(
                col(SourceSubject.source_id) == col(Source.id),
                col(SourceSubject.account_id) == account_id,
            ),
        )
        .where(
            sa.or_(
                sa.and_(col(Source.bindable), col(Source.active)),
                col(SourceSubject.id).is_not(None),
            )
        )
        .order_by(col(Source.name_zh), col(SourceSubject.active).desc(), col(SourceSubject.id))
    ).all()
    return [SourceRow(source, subject) for source, subject in rows]


def source_by_code(session: Session, *, code: str) -> Source | None:
    """Return a source by its code."""
    return session.exec(select(Source).where(col(Source.code) == code)).one_or_none()


def sources_by_id(session: Session, *, source_ids: Iterable[int]) -> dict[int, Source]:
    """Return sources by their ids."""
    rows = session.exec(select(Source).where(col(Source.id).in_(list(source_ids)))).all()
    return {row.id: row for row in rows if row.id is not None}


def subjects_of(session: Session, *, account_id: int, source_id: int) -> list[SourceSubject]:
    """Return how a source names or named this account's person, the newest first."""
    return list(
        session.exec(
            select(SourceSubject)
            .where(
                col(SourceSubject.account_id) == account_id,
                col(SourceSubject.source_id) == source_id,
            )
            .order_by(col(SourceSubject.bound_at).desc())
        ).all()
    )


def open_code_until(
    session: Session, *, account_id: int, source_id: int, now: datetime
) -> datetime | None:
    """Return until when a binding code of this account for a source may still be used."""
    return session.execute(
        sa.select(sa.func.max(col(BindingCode.expires_at))).where(
            col(BindingCode.account_id) == account_id,
            col(BindingCode.source_id) == source_id,
            col(BindingCode.used_at).is_(None),
            col(BindingCode.expires_at) > now,
        )
    ).scalar_one_or_none()


def source_totals(
    session: Session, *, account_id: int, source_ids: Iterable[int]
) -> dict[int, Totals]:
    """Return what each source has brought an account."""
    rows = session.execute(
        sa.select(
            col(ActivityRecord.source_id),
            sa.func.count(),
            sa.func.sum(col(ActivityRecord.reduction_g)),
            sa.func.sum(col(ActivityRecord.credits)),
        )
        .where(
            col(ActivityRecord.account_id) == account_id,
            col(ActivityRecord.source_id).in_(list(source_ids)),
        )
        .group_by(col(ActivityRecord.source_id))
    ).all()
    return {source: Totals(int(n), int(g), int(c)) for source, n, g, c in rows}


_NEWEST_FIRST = (
    col(ActivityRecord.business_day).desc(),
    col(ActivityRecord.occurred_at).desc(),
    col(ActivityRecord.id).desc(),
)


def _with_source() -> Select[ActivityRecord, Source]:
    return select(ActivityRecord, Source).join(
        Source, col(Source.id) == col(ActivityRecord.source_id)
    )


def _conditions(account_id: int, chosen: RecordFilter) -> Sequence[sa.ColumnElement[bool]]:
    wanted = [col(ActivityRecord.account_id) == account_id]
    for value, column in (
        (chosen.behavior_id, col(ActivityRecord.behavior_id)),
        (chosen.source_id, col(ActivityRecord.source_id)),
        (chosen.status, col(ActivityRecord.status)),
    ):
        if value is not None:
            wanted.append(column == value)
    if chosen.since is not None:
        wanted.append(col(ActivityRecord.business_day) >= chosen.since)
    if chosen.until is not None:
        wanted.append(col(ActivityRecord.business_day) <= chosen.until)
    return wanted
