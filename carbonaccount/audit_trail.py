"""Reading the audit trail: searched by who, what, about what, when and how it ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.clock import day_end, day_start

PAGE_ROWS = 50
_READ_AT_ONCE = 2_000


@dataclass(frozen=True)
class TrailFilter:
    """Which entries to list; texts match from their beginning, both days are included."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None
    success: bool | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what entries have to meet."""
        wanted: list[sa.ColumnElement[bool]] = [
            column.startswith(text, autoescape=True)
            for column, text in (
                (col(AuditEntry.actor), self.actor),
                (col(AuditEntry.action), self.action),
                (col(AuditEntry.subject), self.subject),
            )
            if text
        ]
        if self.since is not None:
            wanted.append(col(AuditEntry.happened_at) >= day_start(self.since))
        if self.until is not None:
            wanted.append(col(AuditEntry.happened_at) < day_end(self.until))
        if self.success is not None:
            wanted.append(col(AuditEntry.success).is_(self.success))
        return wanted


class TrailPage(NamedTuple):
    """Some entries, and the ids to go on from: `newer` and `older` are None at the ends."""

    entries: list[AuditEntry]
    newer: int | None
    older: int | None


def count_entries(session: Session, chosen: TrailFilter) -> int:
    """Return how many entries a filter lets through."""
    counted = sa.select(sa.func.count()).select_from(AuditEntry).where(*chosen.conditions())
    return int(session.execute(counted).scalar_one())


def trail_page(
    session: Session,
    chosen: TrailFilter,
    *,
    older_than: int | None = None,
    newer_than: int | None = None,
) -> TrailPage:
    """Return a page of entries, the newest first, next to an id of another page.

    A page far back costs no more than the first: it begins at an id and counts nothing.
    """
    column, wanted = col(AuditEntry.id), select(AuditEntry).where(*chosen.conditions())
    backwards = newer_than is not None
    if newer_than is not None:
        wanted = wanted.where(column > newer_than)
    elif older_than is not None:
        wanted = wanted.where(column < older_than)
    order = column.asc() if backwards else column.desc()
    found = list(session.exec(wanted.order_by(order).limit(PAGE_ROWS + 1)).all())
    more, entries = len(found) > PAGE_ROWS, found[:PAGE_ROWS]
    if backwards:
        entries.reverse()
    if not entries:
        return TrailPage([], None, None)
    has_newer = more if backwards else older_than is not None
    has_older = True if backwards else more
    return TrailPage(
        entries, entries[0].id if has_newer else None, entries[-1].id if has_older else None
    )


def entries(session: Session, chosen: TrailFilter) -> Iterator[AuditEntry]:
    """Yield every entry a filter lets through, the newest first, a part at a time."""
    after: int | None = None
    while True:
        wanted = select(AuditEntry).where(*chosen.conditions())
        if after is not None:
            wanted = wanted.where(col(AuditEntry.id) < after)
        part = session.exec(wanted.order_by(col(AuditEntry.id).desc()).limit(_READ_AT_ONCE)).all()
        yield from part
        if len(part) < _READ_AT_ONCE:
            return
        after = part[-1].id
