"""Certified grams by account, source and days, for rooms that may not read records."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import explain
from behaviors.models import ActivityRecord, RecordStatus, Source, SourceSubject
from behaviors.rule_models import RecordAdjustment, Rescore
from behaviors.rulebook import RuleBook
from carbonaccount.certified import Records, SourceName, register_records

_BOOKED = "booked"
# Bound values a statement may hold on both databases, with room for the others.
_AT_ONCE = 500


def certified_between(
    session: Session,
    account_ids: Collection[int],
    source_id: int | None,
    first: date,
    last: date,
    behaviors: Collection[str] | None,
) -> dict[int, int]:
    """Return certified grams by account; see `carbonaccount.certified.certified_between`."""
    book = RuleBook.load(session)
    found: dict[int, int] = defaultdict(int)
    for some in _in_parts(sorted(account_ids)):
        rows = session.execute(_sums(some, source_id, first, last))
        for account_id, rule_version_id, evidence, grams in rows:
            rule = book.rule_by_id(rule_version_id)
            is_wanted = behaviors is None or rule.behavior in behaviors
            if is_wanted and explain.is_certified(rule, evidence):
                found[account_id] += int(grams)
    return dict(found)


def _in_parts(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))


def _sums(
    account_ids: list[int], source_id: int | None, first: date, last: date
) -> sa.Select[int, int, str, int]:
    """Return the statement for grams by account, rule version and evidence."""
    corrected = (
        sa.select(
            col(RecordAdjustment.record_id),
            sa.func.sum(col(RecordAdjustment.difference_g)).label("g"),
        )
        .join(Rescore, col(Rescore.id) == col(RecordAdjustment.rescore_id))
        .where(col(RecordAdjustment.account_id).in_(account_ids), col(Rescore.status) == _BOOKED)
        .group_by(col(RecordAdjustment.record_id))
        .subquery()
    )
    by = (
        col(ActivityRecord.account_id),
        col(ActivityRecord.rule_version_id),
        col(ActivityRecord.evidence),
    )
    grams = col(ActivityRecord.reduction_g) + sa.func.coalesce(corrected.c.g, 0)
    statement = (
        sa.select(*by, sa.func.sum(grams))
        .outerjoin(corrected, corrected.c.record_id == col(ActivityRecord.id))
        .where(
            col(ActivityRecord.account_id).in_(account_ids),
            col(ActivityRecord.business_day).between(first, last),
            col(ActivityRecord.status) == RecordStatus.COUNTED,
        )
        .group_by(*by)
    )
    return (
        statement
        if source_id is None
        else statement.where(col(ActivityRecord.source_id) == source_id)
    )


def sources_of(session: Session, account_id: int) -> list[SourceName]:
    """Return the sources that report for an account, by name."""
    rows = session.exec(
        select(Source)
        .where(
            col(Source.id).in_(
                sa.select(col(SourceSubject.source_id)).where(
                    col(SourceSubject.account_id) == account_id, col(SourceSubject.active)
                )
            )
        )
        .order_by(col(Source.name_zh), col(Source.id))
    )
    return [_name(row) for row in rows]


def names_of(session: Session, source_ids: Collection[int]) -> dict[int, SourceName]:
    """Return sources by id."""
    rows = session.exec(select(Source).where(col(Source.id).in_(source_ids)))
    return {row.stored_id: _name(row) for row in rows}


def _name(row: Source) -> SourceName:
    return SourceName(row.stored_id, row.code, row.name_zh, row.name_en)


register_records(Records(certified_between, sources_of, names_of))
