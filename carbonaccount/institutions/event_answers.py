"""Scanning in: what a participant says, once a browser, corrected or taken back; no account.

Of a participant nothing is kept but where from, how, and how many nights. The random token stays
in their browser; here lies a hash of it together with the event.
"""

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import District
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import token_hash
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Invalid, NotFound, Refused
from carbonaccount.institutions.access_codes import cleaned
from carbonaccount.institutions.event_account import Group
from carbonaccount.institutions.event_factors import (
    BEYOND_ONLY,
    CITY_ONLY,
    DISTRICT,
    LONGEST_STAY,
    catalogue,
    in_city,
)
from carbonaccount.institutions.event_models import Event, EventAnswer, EventGroup, EventState
from carbonaccount.institutions.events import MOST_PEOPLE, locked, trail

# How long after its end a participant can still take an answer back, while the account is open.
KEPT_FOR = timedelta(days=60)


class Door(StrEnum):
    """Whether participants can scan in now."""

    PLANNED = "planned"  # the plan does not stand yet
    EARLY = "early"
    OPEN = "open"
    CLOSED = "closed"


def find_by_code(session: Session, written: str) -> Event:
    """Return the event of a code on a poster. Raises NotFound (event_code)."""
    found = session.exec(select(Event).where(col(Event.scan_code) == cleaned(written))).first()
    if found is None:
        raise NotFound("event_code", field="code")
    return found


def door(event: Event, now: datetime) -> Door:
    """Return whether participants can scan in: on the days of an event whose plan stands."""
    today = business_day(now)
    if event.state == EventState.PLANNED and today <= event.last_day:
        return Door.PLANNED
    if event.state != EventState.RUNNING or today > event.last_day:
        return Door.CLOSED
    return Door.EARLY if today < event.first_day else Door.OPEN


def answer(
    session: Session,
    *,
    event: Event,
    token: str,
    origin: str,
    mode: str,
    nights: int,
    now: datetime,
) -> None:
    """Keep what a participant says; the same browser corrects what it said before.

    Raises Refused (event_closed) outside the event's days, Invalid naming the field
    (event_origin, event_mode, event_mode_city, event_mode_beyond, event_nights).
    """
    event = _kept_as_it_is(session, event)
    if door(event, now) is not Door.OPEN:
        raise Refused("event_closed")
    _check(session, event, origin, mode, nights)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    said = {"origin": origin, "mode": mode, "nights": nights}
    session.connection().execute(
        insert(EventAnswer.__table__)  # type: ignore[attr-defined]
        .values(event_id=event.stored_id, token_hash=_hash(event, token), **said)
        .on_conflict_do_update(index_elements=["event_id", "token_hash"], set_=said)
    )


def _kept_as_it_is(session: Session, event: Event) -> Event:
    """Return the event as it is now; it cannot be closed before the answer is committed.

    Participants do not wait for each other.
    """
    return session.exec(
        select(Event)
        .where(col(Event.id) == event.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).one()


def _hash(event: Event, token: str) -> str:
    return token_hash(f"{event.public_id}:{token}")


def _check(session: Session, event: Event, origin: str, mode: str, nights: int) -> None:
    known = catalogue()
    known.distance(origin, event.district_code)
    if in_city(origin) and session.get(District, origin.removeprefix(DISTRICT)) is None:
        raise Invalid("event_origin", field="origin")
    only = known.mode(mode).only
    if only == CITY_ONLY and not in_city(origin):
        raise Invalid("event_mode_city", field="mode")
    if only == BEYOND_ONLY and in_city(origin):
        raise Invalid("event_mode_beyond", field="mode")
    if not 0 <= nights <= LONGEST_STAY:
        raise Invalid("event_nights", field="nights", limit=LONGEST_STAY)


def answer_of(session: Session, *, event: Event, token: str) -> EventAnswer | None:
    """Return what a browser said; None when it said nothing, or the account is closed."""
    return session.exec(
        select(EventAnswer).where(
            col(EventAnswer.event_id) == event.stored_id,
            col(EventAnswer.token_hash) == _hash(event, token),
        )
    ).first()


def take_back(session: Session, *, event: Event, token: str) -> None:
    """Delete what a browser said, as long as the account is open; nothing said is no error.

    Raises Refused (event_settled) once the account is closed.
    """
    if _kept_as_it_is(session, event).state not in (EventState.RUNNING, EventState.ACCOUNTING):
        raise Refused("event_settled")
    session.exec(
        sa.delete(EventAnswer).where(
            col(EventAnswer.event_id) == event.stored_id,
            col(EventAnswer.token_hash) == _hash(event, token),
        )
    )


def enter_group(
    session: Session,
    *,
    event: Event,
    origin: str,
    mode: str,
    nights: int,
    people: int,
    acting_user: Actor,
    now: datetime,
) -> EventGroup:
    """Add participants without a phone. Raises as `answer`, and Invalid (event_people)."""
    event = locked(session, event, EventState.RUNNING, EventState.ACCOUNTING)
    _check(session, event, origin, mode, nights)
    if not 1 <= people <= MOST_PEOPLE:
        raise Invalid("event_people", field="people", limit=MOST_PEOPLE)
    group = EventGroup(
        event_id=event.stored_id,
        origin=origin,
        mode=mode,
        nights=nights,
        people=people,
        entered_by=acting_user.id or 0,
        entered_at=now,
    )
    session.add(group)
    session.flush()
    trail(session, event, "enter_people", acting_user=acting_user, now=now, people=people)
    return group


def remove_group(
    session: Session, *, event: Event, group_id: int, acting_user: Actor, now: datetime
) -> None:
    """Remove what the organiser entered. Raises NotFound (unknown_group)."""
    event = locked(session, event, EventState.RUNNING, EventState.ACCOUNTING)
    group = session.get(EventGroup, group_id)
    if group is None or group.event_id != event.id:
        raise NotFound("unknown_group")
    session.delete(group)
    session.flush()
    trail(session, event, "remove_people", acting_user=acting_user, now=now, people=group.people)


def set_head_count(
    session: Session, *, event: Event, head_count: int, acting_user: Actor, now: datetime
) -> None:
    """State how many took part; not fewer than are known.

    Raises Conflict (event_state), Invalid (event_people, event_fewer_than_known).
    """
    event = locked(session, event, EventState.ACCOUNTING)
    if not 1 <= head_count <= MOST_PEOPLE:
        raise Invalid("event_people", field="head_count", limit=MOST_PEOPLE)
    known = sum(group.people for group in groups(session, event))
    if head_count < known:
        raise Invalid("event_fewer_than_known", field="head_count", known=known)
    event.head_count = head_count
    session.flush()
    trail(session, event, "head_count", acting_user=acting_user, now=now, people=head_count)


def entered(session: Session, event: Event) -> list[EventGroup]:
    """Return what the organiser entered, the first first."""
    return list(
        session.exec(
            select(EventGroup)
            .where(col(EventGroup.event_id) == event.stored_id)
            .order_by(col(EventGroup.id))
        )
    )


def groups(session: Session, event: Event) -> list[Group]:
    """Return participants by origin, mode and nights, scanned and entered apart, in order."""
    parts = (col(EventAnswer.origin), col(EventAnswer.mode), col(EventAnswer.nights))
    scanned = session.exec(
        select(*parts, sa.func.count())
        .where(col(EventAnswer.event_id) == event.stored_id)
        .group_by(*parts)
        .order_by(*parts)
    )
    by_hand: Counter[tuple[str, str, int]] = Counter()
    for row in entered(session, event):
        by_hand[row.origin, row.mode, row.nights] += row.people
    return [
        *(Group(origin, mode, nights, people) for origin, mode, nights, people in scanned),
        *(Group(*parts, people, scanned=False) for parts, people in sorted(by_hand.items())),
    ]


def count_by(found: list[Group], part: str) -> dict[str, int]:
    """Return how many participants there are by `origin` or `mode`."""
    counts: Counter[str] = Counter()
    for group in found:
        counts[str(getattr(group, part))] += group.people
    return dict(counts)
