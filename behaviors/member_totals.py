"""What members of an institution came to, for pages that may not read records."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Behavior
from behaviors.total_models import InstitutionMonth
from carbonaccount.disclosure import Cell, Relation, withheld
from carbonaccount.institutions.member_totals import (
    MemberGroup,
    MemberTotals,
    register_member_totals,
)

# Behaviour 0 of a month is all of them together.
_ALL = 0
_Key = tuple[str, int]


@register_member_totals
def member_totals(session: Session, institution_id: int, first: date, last: date) -> MemberTotals:
    """Return what members came to; see `carbonaccount.institutions.member_totals`."""
    rows = session.exec(
        select(InstitutionMonth)
        .where(
            col(InstitutionMonth.institution_id) == institution_id,
            col(InstitutionMonth.month) >= first.isoformat()[:7],
            col(InstitutionMonth.month) <= last.isoformat()[:7],
        )
        .order_by(col(InstitutionMonth.month), col(InstitutionMonth.behavior_id))
    ).all()
    told, hidden = _told([row for row in rows if row.records])
    whole = [row for row in told if row.behavior_id == _ALL]
    hidden_months = [row.month for row in hidden if row.behavior_id == _ALL]
    by_month = [_group(row.month, {}, [row]) for row in whole]
    by_month += [_group(month, {}, []) for month in hidden_months]
    return MemberTotals(
        people=max((row.people for row in whole), default=None),
        records=sum(row.records for row in whole) if whole else None,
        reduction_g=sum(row.reduction_g for row in whole) if whole else None,
        by_behavior=tuple(_by_behavior(session, told, hidden)),
        by_month=tuple(sorted(by_month, key=lambda group: group.key)),
        withheld=not whole,
        partly=bool(hidden_months),
    )


def _told(
    rows: Sequence[InstitutionMonth],
) -> tuple[list[InstitutionMonth], list[InstitutionMonth]]:
    """Divide the cells of months and behaviours into those that may be told and the others."""
    cells = {(row.month, row.behavior_id): Cell(row.people, row.records) for row in rows}
    parts: dict[_Key, list[_Key]] = defaultdict(list)
    for key in cells:
        if key[1] != _ALL:
            parts[key[0], _ALL].append(key)
    secret = withheld(cells, [Relation(total, tuple(of)) for total, of in parts.items()])
    told = [row for row in rows if (row.month, row.behavior_id) not in secret]
    return told, [row for row in rows if (row.month, row.behavior_id) in secret]


def _by_behavior(
    session: Session, told: Iterable[InstitutionMonth], hidden: Iterable[InstitutionMonth]
) -> list[MemberGroup]:
    """Return the sums of told months by behaviour; a behaviour with no told month is withheld."""
    found: dict[int, list[InstitutionMonth]] = {row.behavior_id: [] for row in hidden}
    for row in told:
        found.setdefault(row.behavior_id, []).append(row)
    found.pop(_ALL, None)
    groups = [
        _group(code, {"zh": zh, "en": en}, found[behavior_id])
        for behavior_id, code, zh, en in _named(session, found)
    ]
    return sorted(groups, key=lambda item: (item.withheld, -(item.reduction_g or 0), item.key))


def _named(session: Session, ids: Collection[int]) -> Iterable[tuple[int, str, str, str]]:
    """Return id, code and names in Chinese and English of behaviours; their rules are not read."""
    if not ids:
        return []
    texts = col(Behavior.texts)
    rows: Any = session.execute(
        sa.select(
            col(Behavior.id),
            col(Behavior.code),
            texts["zh"]["name"].as_string(),
            texts["en"]["name"].as_string(),
        ).where(col(Behavior.id).in_(sorted(ids)))
    )
    return [tuple(row) for row in rows]


def _group(key: str, names: dict[str, str], rows: Sequence[InstitutionMonth]) -> MemberGroup:
    if not rows:
        return MemberGroup(key, names, None, None, None, withheld=True)
    return MemberGroup(
        key,
        names,
        people=max(row.people for row in rows),
        records=sum(row.records for row in rows),
        reduction_g=sum(row.reduction_g for row in rows),
        withheld=False,
    )
