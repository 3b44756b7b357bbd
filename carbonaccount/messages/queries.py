"""Reading messages and announcements."""

from collections.abc import Collection
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.messages.models import Announcement, Message

PAGE_SIZE = 30


def messages_of(
    session: Session, *, account_id: int, before_id: int | None = None, limit: int = PAGE_SIZE
) -> list[Message]:
    """Return a resident's messages, the newest first; `before_id` goes on after a page's last."""
    wanted = select(Message).where(col(Message.account_id) == account_id)
    if before_id is not None:
        last = session.get(Message, before_id)
        if last is None or last.account_id != account_id:
            return []
        place = sa.tuple_(col(Message.sent_at), col(Message.id))
        wanted = wanted.where(place < sa.tuple_(sa.literal(last.sent_at), sa.literal(last.id)))
    order = (col(Message.sent_at).desc(), col(Message.id).desc())
    return list(session.exec(wanted.order_by(*order).limit(limit)).all())


def unread_count(session: Session, *, account_id: int) -> int:
    """Return how many of a resident's messages have not been read."""
    return session.exec(
        select(sa.func.count())
        .select_from(Message)
        .where(col(Message.account_id) == account_id, col(Message.read_at).is_(None))
    ).one()


def announcements_on(
    session: Session, day: date, *, kinds: Collection[str] | None = None
) -> list[Announcement]:
    """Return what is announced on a day, the newest first; of some kinds only if asked."""
    wanted = select(Announcement).where(col(Announcement.last_day) >= day)
    if kinds is not None:
        wanted = wanted.where(col(Announcement.kind).in_(kinds))
    order = (col(Announcement.sent_at).desc(), col(Announcement.id).desc())
    return list(session.exec(wanted.order_by(*order)).all())
