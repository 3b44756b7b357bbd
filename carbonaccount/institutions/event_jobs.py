"""Reminders of events: that one is over, and that a year is nearly over; to the owners."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.clock import business_day
from carbonaccount.institutions.event_answers import KEPT_FOR
from carbonaccount.institutions.event_models import Event, EventAnswer, EventState
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from carbonaccount.messages.services import Outgoing, send_many
from carbonaccount.scheduler import scheduled

OVER, DUE, OVERDUE = "event_over", "event_offset_due", "event_offset_overdue"
# So many days before a year is over the owners are told, once each.
DAYS_BEFORE = (90, 30, 7)


@scheduled(
    name="event-reminders",
    description="Remind institutions of events to account for and make good; forget browsers",
    hour=9,
    minute=20,
)
def remind(session: Session, *, period: date, now: datetime) -> str:
    """Remind as of the day of the run: what was missed meanwhile is old news."""
    day = business_day(now)
    told = tell_owners(session, day=day, now=now)
    return f"told={told} forgotten={forget_browsers(session, day=day)}"


def forget_browsers(session: Session, *, day: date) -> int:
    """Cut answers off from browsers whose token has run out; returns of how many answers."""
    over = select(col(Event.id)).where(col(Event.last_day) < day - KEPT_FOR)
    done = session.exec(
        sa.update(EventAnswer)
        .where(col(EventAnswer.token_hash).is_not(None), col(EventAnswer.event_id).in_(over))
        .values(token_hash=None)
    )
    return int(done.rowcount)


def tell_owners(session: Session, *, day: date, now: datetime) -> int:
    """Tell the owners of what is due; returns how many messages were new."""
    told = 0
    events = session.exec(
        select(Event)
        .where(
            col(Event.state).in_((EventState.RUNNING, EventState.ACCOUNTING, EventState.OFFSET)),
            col(Event.last_day) < day,
        )
        .order_by(col(Event.id))
    ).all()
    for event in events:
        found = _due(event, day)
        if found is not None:
            told += _tell(session, event, *found, now=now)
    return told


def _due(event: Event, day: date) -> tuple[str, str] | None:
    """Return the kind of the reminder and what makes it happen once."""
    left = (event.offset_due - day).days
    if left < 0:
        return OVERDUE, "overdue"
    step = min((days for days in DAYS_BEFORE if left <= days), default=None)
    if step is not None:
        return DUE, f"due:{step}"
    return (OVER, "over") if event.state == EventState.RUNNING else None


def _tell(session: Session, event: Event, kind: str, step: str, *, now: datetime) -> int:
    owners = session.exec(
        select(col(InstitutionPerson.account_id))
        .where(
            col(InstitutionPerson.institution_id) == event.institution_id,
            col(InstitutionPerson.seat) == Seat.OWNER,
            col(InstitutionPerson.active),
        )
        .order_by(col(InstitutionPerson.account_id))
    )
    institution = session.get_one(Institution, event.institution_id)
    params = {
        "institution": institution.public_id,
        "event": event.public_id,
        "name_zh": event.name_zh,
        "name_en": event.name_en or event.name_zh,
        "due": event.offset_due.isoformat(),
    }
    cause = f"event:{event.id}:{step}"
    return send_many(
        session,
        kind=kind,
        outgoing=[Outgoing(account_id, cause, params) for account_id in owners],
        now=now,
    )
