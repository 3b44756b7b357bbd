"""What people have done, for rooms that may not read records: certificates and gifts of grams."""

from collections import defaultdict
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from behaviors import explain
from behaviors.models import ActivityRecord, RecordStatus
from behaviors.rule_models import RecordAdjustment, Rescore
from behaviors.rulebook import RuleBook
from carbonaccount.standing import YearLine, register_certified, register_year

_BOOKED = "booked"


class _Sum(NamedTuple):
    """The counted records of an account by rule version and evidence."""

    behavior_id: int
    rule_version_id: int
    evidence: str
    records: int
    reduction_g: int


@register_certified
def certified_g(session: Session, account_id: int) -> int:
    """Return the grams of records whose rule is certifiable and whose evidence is A or B."""
    book = RuleBook.load(session)
    return sum(
        item.reduction_g
        for item in _sums(session, account_id)
        if explain.is_certified(book.rule_by_id(item.rule_version_id), item.evidence)
    )


@register_year
def grams_of_year(session: Session, account_id: int, year: int) -> list[YearLine]:
    """Return what an account came to in a year; see `carbonaccount.standing.grams_of_year`."""
    book = RuleBook.load(session)
    found: dict[tuple[int, str, bool], list[_Sum]] = defaultdict(list)
    for item in _sums(session, account_id, year=year):
        certified = explain.is_certified(book.rule_by_id(item.rule_version_id), item.evidence)
        found[item.behavior_id, item.evidence, certified].append(item)
    order = {info.id: place for place, info in enumerate(book.behaviors.values())}
    keys = sorted(found, key=lambda key: (order[key[0]], key[1], not key[2]))
    return [_line(book, key, found[key]) for key in keys]


def _line(book: RuleBook, key: tuple[int, str, bool], sums: list[_Sum]) -> YearLine:
    behavior_id, evidence, certified = key
    code = book.behavior_by_id[behavior_id].code
    return YearLine(
        behavior=code,
        names={language: book.name(code, language) for language in ("zh", "en")},
        evidence=evidence,
        certified=certified,
        records=sum(item.records for item in sums),
        reduction_g=sum(item.reduction_g for item in sums),
    )


def _sums(session: Session, account_id: int, *, year: int | None = None) -> list[_Sum]:
    corrected = (
        sa.select(
            col(RecordAdjustment.record_id),
            sa.func.sum(col(RecordAdjustment.difference_g)).label("g"),
        )
        .join(Rescore, col(Rescore.id) == col(RecordAdjustment.rescore_id))
        .where(col(RecordAdjustment.account_id) == account_id, col(Rescore.status) == _BOOKED)
        .group_by(col(RecordAdjustment.record_id))
        .subquery()
    )
    by = (
        col(ActivityRecord.behavior_id),
        col(ActivityRecord.rule_version_id),
        col(ActivityRecord.evidence),
    )
    grams = col(ActivityRecord.reduction_g) + sa.func.coalesce(corrected.c.g, 0)
    wanted = (
        sa.select(*by, sa.func.count(), sa.func.sum(grams))
        .outerjoin(corrected, corrected.c.record_id == col(ActivityRecord.id))
        .where(
            col(ActivityRecord.account_id) == account_id,
            col(ActivityRecord.status) == RecordStatus.COUNTED,
        )
        .group_by(*by)
    )
    if year is not None:
        days = (date(year, 1, 1), date(year, 12, 31))
        wanted = wanted.where(col(ActivityRecord.business_day).between(*days))
    # PostgreSQL sums BIGINT into NUMERIC.
    return [
        _Sum(behavior, rule, evidence, records, int(total))
        for behavior, rule, evidence, records, total in session.execute(wanted)
    ]
