"""Sending messages to residents and announcing to everybody; what was sent is not sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount.database import is_sqlite
from carbonaccount.messages.models import Announcement, Message

# SQLite takes at most 32,766 parameters a statement.
ROWS_A_STATEMENT = 4_000


@dataclass(frozen=True)
class Outgoing:
    """A message before it is sent: to whom, what caused it, and its numbers.

    `params` may hold ids, codes and numbers, no personal data.
    """

    account_id: int
    cause: str
    params: Mapping[str, object] = field(default_factory=dict)


def send(
    session: Session,
    *,
    account_id: int,
    kind: str,
    cause: str,
    params: Mapping[str, object],
    now: datetime,
) -> bool:
    """Send a message unless one of the same kind and cause was sent; returns whether it was."""
    return (
        send_many(session, kind=kind, outgoing=[Outgoing(account_id, cause, params)], now=now) == 1
    )


def send_many(session: Session, *, kind: str, outgoing: Sequence[Outgoing], now: datetime) -> int:
    """Send messages of one kind; returns how many were new."""
    sent = 0
    for start in range(0, len(outgoing), ROWS_A_STATEMENT):
        rows = [
            {
                "account_id": item.account_id,
                "kind": kind,
                "cause": item.cause,
                "params": dict(item.params),
                "sent_at": now,
            }
            for item in outgoing[start : start + ROWS_A_STATEMENT]
        ]
        sent += _insert_new(session, Message.__table__, rows)  # type: ignore[attr-defined]
    return sent


def _insert_new(session: Session, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> int:
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    statement = insert(table).on_conflict_do_nothing().returning(table.c.id)
    # Rows apart from the statement: compiled once and not for each row again.
    return len(session.connection().execute(statement, [dict(row) for row in rows]).all())


def mark_all_read(session: Session, *, account_id: int, now: datetime) -> int:
    """Mark a resident's messages as read; returns how many were not."""
    marked = session.exec(
        sa.update(Message)
        .where(col(Message.account_id) == account_id, col(Message.read_at).is_(None))
        .values(read_at=now)
    )
    return int(marked.rowcount)


def announce(
    session: Session,
    *,
    kind: str,
    cause: str,
    params: Mapping[str, object],
    last_day: date,
    now: datetime,
) -> bool:
    """Tell everybody until a last day; returns False when it has been told already."""
    row = {
        "kind": kind,
        "cause": cause,
        "params": dict(params),
        "sent_at": now,
        "last_day": last_day,
    }
    return _insert_new(session, Announcement.__table__, [row]) == 1  # type: ignore[attr-defined]


def end_announcement(session: Session, *, kind: str, cause: str, last_day: date) -> bool:
    """Let an announcement end sooner; returns whether there was one that went on longer."""
    found = session.exec(
        select(Announcement).where(
            col(Announcement.kind) == kind,
            col(Announcement.cause) == cause,
            col(Announcement.last_day) > last_day,
        )
    ).first()
    if found is None:
        return False
    found.last_day = last_day
    return True
