"""What members of an institution came to, for pages that may not read records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from sqlmodel import Session, col, select

from behaviors.models import Behavior
from behaviors.told import ALL
from behaviors.told_models import ToldTotal
from behaviors.total_models import MONTH_LENGTH
from carbonaccount.institutions.member_totals import (
    MemberGroup,
    MemberTotals,
    register_member_totals,
)
from carbonaccount.institutions.month_parts import PARTS, Part

# By month and behaviour, what is told of it.
_Cells = dict[str, dict[int, list[ToldTotal]]]


class _Name(NamedTuple):
    """What a behaviour is called."""

    code: str
    zh: str
    en: str


@register_member_totals
def member_totals(session: Session, institution_id: int, first: date, last: date) -> MemberTotals:
    """Return what members came to; see `carbonaccount.institutions.member_totals`."""
    texts = col(Behavior.texts)
    found = session.exec(
        select(
            ToldTotal,
            col(Behavior.code),
            texts["zh"]["name"].as_string(),
            texts["en"]["name"].as_string(),
        )
        .outerjoin(Behavior, col(Behavior.id) == col(ToldTotal.behavior_id))
        .where(
            col(ToldTotal.institution_id) == institution_id,
            col(ToldTotal.period) >= first.isoformat()[:7],
            col(ToldTotal.period) <= Part(last.isoformat()[:7], PARTS).code,
        )
        .order_by(col(ToldTotal.period), col(ToldTotal.behavior_id))
    ).all()
    rows = [row for row, *_ in found]
    names = {row.behavior_id: _Name(code, zh, en) for row, code, zh, en in found}
    cells = _behavior_months(rows)
    by_month = _by_month(rows, cells)
    told = [group for group in by_month if not group.withheld]
    return MemberTotals(
        people=max((group.people or 0 for group in told), default=None),
        records=sum(group.records or 0 for group in told) if told else None,
        reduction_g=sum(group.reduction_g or 0 for group in told) if told else None,
        by_behavior=tuple(_by_behavior(cells, names)),
        by_month=tuple(by_month),
        withheld=not told,
        partly=any(row.records is None for row in rows if row.behavior_id == ALL),
    )


def _behavior_months(rows: Iterable[ToldTotal]) -> _Cells:
    """Return what is told of each behaviour's month: the month, or else its parts that are told.

    Months that are not closed are left out, whatever is told of their parts.
    """
    parts: dict[tuple[str, int], list[ToldTotal]] = defaultdict(list)
    months: _Cells = defaultdict(dict)
    for row in rows:
        if len(row.period) == MONTH_LENGTH:
            months[row.period][row.behavior_id] = [] if row.records is None else [row]
        elif row.records is not None:
            parts[row.period[:MONTH_LENGTH], row.behavior_id].append(row)
    return {
        month: {
            behavior: told or parts[month, behavior]
            for behavior, told in behaviors.items()
            if behavior != ALL
        }
        for month, behaviors in months.items()
    }


def _by_month(rows: Iterable[ToldTotal], cells: _Cells) -> list[MemberGroup]:
    """Return the months: each as a whole, or else the sum of what is told of its behaviours."""
    whole = {row.period: row for row in rows if row.behavior_id == ALL and row.records is not None}
    return [
        _group(
            month,
            {},
            [whole[month]] if month in whole else [row for told in of.values() for row in told],
        )
        for month, of in cells.items()
    ]


def _by_behavior(cells: _Cells, names: Mapping[int, _Name]) -> list[MemberGroup]:
    """Return the sums of what is told by behaviour; one of which nothing is told is withheld."""
    found: dict[int, list[ToldTotal]] = defaultdict(list)
    for behaviors in cells.values():
        for behavior, told in behaviors.items():
            found[behavior] += told
    groups = [
        # How many people a behaviour had would, beside how many the month had, count those who
        # did only the others.
        replace(_group(name.code, {"zh": name.zh, "en": name.en}, found[behavior]), people=None)
        for behavior, name in names.items()
        if behavior in found
    ]
    return sorted(groups, key=lambda item: (item.withheld, -(item.reduction_g or 0), item.key))


def _group(key: str, names: dict[str, str], rows: Sequence[ToldTotal]) -> MemberGroup:
    if not rows:
        return MemberGroup(key, names, None, None, None, withheld=True)
    return MemberGroup(
        key,
        names,
        people=max(row.people or 0 for row in rows),
        records=sum(row.records or 0 for row in rows),
        reduction_g=sum(row.reduction_g or 0 for row in rows),
        withheld=False,
    )
