"""Making an event and taking it from plan to published: each step once, in order, with its trail.

A step locks the event, so that of two people who press at the same moment one is told what the
other did. Nothing here commits.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import District
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import once
from carbonaccount.institutions.access_codes import new_code
from carbonaccount.institutions.event_models import (
    Event,
    EventAnswer,
    EventKind,
    EventState,
)
from carbonaccount.institutions.inventory import one_at_a_time
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.trail import note, read_reason

CODE_LENGTH = 8
LONGEST_NAME, LONGEST_ENGLISH, LONGEST_PLACE = 80, 120, 120
MOST_DAYS = 60
MOST_PEOPLE = 1_000_000
# While these hold, the figures of an event may still change.
OPEN_STATES = (EventState.PLANNED, EventState.RUNNING, EventState.ACCOUNTING)


@dataclass(frozen=True)
class EventDraft:
    """What an organiser decides about an event."""

    kind: str
    name_zh: str
    name_en: str
    place: str
    district_code: str
    first_day: date
    last_day: date
    expected_people: int
    open_to_public: bool
    daily_return: bool


def create(
    session: Session,
    *,
    institution: Institution,
    draft: EventDraft,
    acting_user: Actor,
    now: datetime,
    request_key: str = "",
) -> Event:
    """Make an event that is being planned; the same key again gives the same event.

    Raises Invalid naming the field: event_kind, event_name, event_place, district_unknown,
    event_days, event_people; Invalid (request_key_bad), Conflict (request_key_used).
    """
    _check(session, draft)
    public_id = once.public_id_of(request_key, owner=institution.public_id)
    # The same form sent twice at once waits here, and then finds the first.
    one_at_a_time(session, institution.stored_id)
    earlier = session.exec(select(Event).where(col(Event.public_id) == public_id)).first()
    if earlier is not None:
        return once.the_same(earlier, **_fields(draft))
    event = Event(
        public_id=public_id,
        institution_id=institution.stored_id,
        scan_code=new_code(CODE_LENGTH),
        created_by=acting_user.id or 0,
        created_at=now,
        **_fields(draft),
    )
    session.add(event)
    session.flush()
    trail(session, event, "create", acting_user=acting_user, now=now)
    return event


def edit(
    session: Session, *, event: Event, draft: EventDraft, acting_user: Actor, now: datetime
) -> None:
    """Change an event before its plan stands. Raises as `create`, and Conflict (event_state)."""
    event = locked(session, event, EventState.PLANNED)
    _check(session, draft)
    for name, value in _fields(draft).items():
        setattr(event, name, value)
    session.flush()
    trail(session, event, "edit", acting_user=acting_user, now=now)


def _fields(draft: EventDraft) -> dict[str, Any]:
    return {
        **vars(draft),
        "name_zh": draft.name_zh.strip(),
        "name_en": draft.name_en.strip(),
        "place": draft.place.strip(),
    }


def _check(session: Session, draft: EventDraft) -> None:
    if draft.kind not in set(EventKind):
        raise Invalid("event_kind", field="kind")
    if not 1 <= len(draft.name_zh.strip()) <= LONGEST_NAME:
        raise Invalid("event_name", field="name_zh", limit=LONGEST_NAME)
    if len(draft.name_en.strip()) > LONGEST_ENGLISH:
        raise Invalid("event_name_en", field="name_en", limit=LONGEST_ENGLISH)
    if not 1 <= len(draft.place.strip()) <= LONGEST_PLACE:
        raise Invalid("event_place", field="place", limit=LONGEST_PLACE)
    if session.get(District, draft.district_code) is None:
        raise Invalid("district_unknown", field="district_code")
    if not 0 <= (draft.last_day - draft.first_day).days < MOST_DAYS:
        raise Invalid("event_days", field="last_day", limit=MOST_DAYS)
    if not 1 <= draft.expected_people <= MOST_PEOPLE:
        raise Invalid("event_people", field="expected_people", limit=MOST_PEOPLE)


def find(session: Session, *, institution_id: int, public_id: str) -> Event:
    """Return an event of an institution. Raises NotFound (unknown_event)."""
    found = session.exec(
        select(Event).where(
            col(Event.public_id) == public_id, col(Event.institution_id) == institution_id
        )
    ).first()
    if found is None:
        raise NotFound("unknown_event")
    return found


def locked(session: Session, event: Event, *states: EventState) -> Event:
    """Return the event as it is now, kept from others until the commit.

    Raises Conflict (event_state) when it is in none of the states.
    """
    found = session.exec(
        select(Event)
        .where(col(Event.id) == event.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if found.state not in states:
        raise Conflict("event_state")
    return found


def end(session: Session, *, event: Event, acting_user: Actor, now: datetime) -> None:
    """End scanning in and begin the account. Raises Conflict (event_state, event_not_begun)."""
    event = locked(session, event, EventState.RUNNING)
    if business_day(now) < event.first_day:
        raise Conflict("event_not_begun")
    event.state, event.ended_at = EventState.ACCOUNTING, now
    session.flush()
    trail(session, event, "end", acting_user=acting_user, now=now)


def call_off(
    session: Session, *, event: Event, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Withdraw an event of which nothing was published.

    Raises Conflict (event_state), Invalid (reason_length).
    """
    event = locked(session, event, *OPEN_STATES, EventState.OFFSET)
    change_state(
        session, event, EventState.WITHDRAWN, reason=reason, acting_user=acting_user, now=now
    )


def reopen(
    session: Session, *, event: Event, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Take a closed or withdrawn account up again; lots that were retired stay retired for it.

    Raises Conflict (event_state, event_not_begun), Invalid (reason_length).
    """
    event = locked(session, event, EventState.OFFSET, EventState.WITHDRAWN)
    if event.opened_at is None or business_day(now) < event.first_day:
        raise Conflict("event_not_begun")
    change_state(
        session, event, EventState.ACCOUNTING, reason=reason, acting_user=acting_user, now=now
    )


def change_state(
    session: Session,
    event: Event,
    state: EventState,
    *,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Move an event that the caller has locked to another state, with a reason people read."""
    event.state_reason = read_reason(reason)
    event.state = state
    if state is EventState.WITHDRAWN:
        forget_tokens(session, event)
    session.flush()
    trail(session, event, state.value, acting_user=acting_user, now=now, reason=event.state_reason)


def forget_tokens(session: Session, event: Event) -> None:
    """Cut answers off from the browsers they came from; the counts stay."""
    session.exec(
        sa.update(EventAnswer)
        .where(col(EventAnswer.event_id) == event.stored_id)
        .values(token_hash=None)
    )


def events_of(
    session: Session,
    *,
    institution_id: int,
    states: Collection[str] = (),
    year: int | None = None,
) -> list[Event]:
    """Return the events of an institution, the latest first; of some states, of a year."""
    wanted = select(Event).where(col(Event.institution_id) == institution_id)
    if states:
        wanted = wanted.where(col(Event.state).in_(states))
    if year is not None:
        wanted = wanted.where(
            col(Event.first_day) >= date(year, 1, 1), col(Event.first_day) <= date(year, 12, 31)
        )
    order = (col(Event.first_day).desc(), col(Event.id).desc())
    return list(session.exec(wanted.order_by(*order)))


def trail(
    session: Session,
    event: Event,
    step: str,
    *,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: object,
) -> None:
    """Write a step of an event into the audit trail of its institution."""
    note(
        session,
        session.get_one(Institution, event.institution_id),
        f"event.{step}",
        acting_user=acting_user,
        now=now,
        reason=reason,
        event=event.public_id,
        **details,
    )
