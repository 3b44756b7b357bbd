"""The plan of an event: sources expected, measures to emit less, and letting it stand."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.event_models import (
    Event,
    EventAnswer,
    EventGroup,
    EventLine,
    EventMeasure,
    EventPlanSource,
    EventState,
    Source,
)
from carbonaccount.institutions.events import locked, trail

LONGEST_MEASURE = 200
LONGEST_PLAN = 500
MOST_GRAMS = 10**15


def set_plan(
    session: Session,
    *,
    event: Event,
    sources: Mapping[Source, int | None],
    offset_plan: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write which sources the plan expects (grams, None when not told), and how to offset.

    Raises Conflict (event_state), Invalid (event_grams, event_plan_text).
    """
    event = locked(session, event, EventState.PLANNED)
    if any(not 0 <= grams <= MOST_GRAMS for grams in sources.values() if grams is not None):
        raise Invalid("event_grams", field="sources")
    if len(offset_plan.strip()) > LONGEST_PLAN:
        raise Invalid("event_plan_text", field="offset_plan", limit=LONGEST_PLAN)
    session.exec(sa.delete(EventPlanSource).where(col(EventPlanSource.event_id) == event.stored_id))
    session.add_all(
        EventPlanSource(event_id=event.stored_id, source=source.value, expected_g=grams)
        for source, grams in sources.items()
    )
    event.offset_plan = offset_plan.strip()
    session.flush()
    trail(session, event, "plan", acting_user=acting_user, now=now, sources=len(sources))


def add_measure(
    session: Session,
    *,
    event: Event,
    source: str,
    what: str,
    basis: str,
    expected_g: int,
    acting_user: Actor,
    now: datetime,
) -> EventMeasure:
    """Add a measure to the plan. Raises Invalid (event_source, event_measure, event_grams)."""
    event = locked(session, event, EventState.PLANNED, EventState.RUNNING)
    if source not in set(Source):
        raise Invalid("event_source", field="source")
    if not 1 <= len(what.strip()) <= LONGEST_MEASURE or len(basis.strip()) > LONGEST_MEASURE:
        raise Invalid("event_measure", field="what", limit=LONGEST_MEASURE)
    _check_grams(expected_g, "expected")
    measure = EventMeasure(
        event_id=event.stored_id,
        source=source,
        what=what.strip(),
        basis=basis.strip(),
        expected_g=expected_g,
    )
    session.add(measure)
    session.flush()
    trail(session, event, "add_measure", acting_user=acting_user, now=now, measure=measure.id)
    return measure


def remove_measure(
    session: Session, *, event: Event, measure_id: int, acting_user: Actor, now: datetime
) -> None:
    """Take a measure off the plan before it stands. Raises NotFound (unknown_measure)."""
    event = locked(session, event, EventState.PLANNED)
    session.delete(_measure(session, event, measure_id))
    session.flush()
    trail(session, event, "remove_measure", acting_user=acting_user, now=now, measure=measure_id)


def set_achieved(
    session: Session,
    *,
    event: Event,
    measure_id: int,
    achieved_g: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write what a measure achieved. Raises NotFound (unknown_measure), Invalid (event_grams)."""
    event = locked(session, event, EventState.ACCOUNTING)
    _check_grams(achieved_g, "achieved")
    _measure(session, event, measure_id).achieved_g = achieved_g
    session.flush()
    trail(session, event, "achieved", acting_user=acting_user, now=now, measure=measure_id)


def _check_grams(grams: int, field: str) -> None:
    if not 0 <= grams <= MOST_GRAMS:
        raise Invalid("event_grams", field=field)


def _measure(session: Session, event: Event, measure_id: int) -> EventMeasure:
    found = session.get(EventMeasure, measure_id)
    if found is None or found.event_id != event.id:
        raise NotFound("unknown_measure")
    return found


def begin(session: Session, *, event: Event, acting_user: Actor, now: datetime) -> None:
    """Let the plan stand; participants scan in on the days of the event.

    An event whose days have passed is recorded afterwards: nobody scans in, the organiser enters
    participants and amounts. Raises Conflict (event_state), Invalid (event_plan_missing: no source
    or no measure).
    """
    event = locked(session, event, EventState.PLANNED)
    if not plan_of(session, event) or not measures_of(session, event):
        raise Invalid("event_plan_missing")
    event.state, event.opened_at = EventState.RUNNING, now
    if event.is_recorded_afterwards:
        event.state, event.ended_at = EventState.ACCOUNTING, now
    session.flush()
    trail(session, event, "begin", acting_user=acting_user, now=now)


def replan(session: Session, *, event: Event, acting_user: Actor, now: datetime) -> None:
    """Take an event back to planning, e.g. to postpone it, as long as nobody has answered.

    Raises Conflict (event_state, event_has_answers).
    """
    event = locked(session, event, EventState.RUNNING)
    if _is_answered(session, event):
        raise Conflict("event_has_answers")
    event.state, event.opened_at = EventState.PLANNED, None
    session.flush()
    trail(session, event, "replan", acting_user=acting_user, now=now)


def _is_answered(session: Session, event: Event) -> bool:
    """Return whether participants are known, or amounts were entered."""
    return any(
        session.exec(select(table.id).where(table.event_id == event.id).limit(1)).first()
        for table in (EventAnswer, EventGroup, EventLine)
    )


def plan_of(session: Session, event: Event) -> dict[Source, int | None]:
    """Return the sources that the plan expects, in the guide's order."""
    rows = session.exec(
        select(EventPlanSource).where(col(EventPlanSource.event_id) == event.stored_id)
    )
    found = {Source(row.source): row.expected_g for row in rows}
    return {source: found[source] for source in Source if source in found}


def measures_of(session: Session, event: Event) -> list[EventMeasure]:
    """Return the measures of the plan, the first first."""
    return list(
        session.exec(
            select(EventMeasure)
            .where(col(EventMeasure.event_id) == event.stored_id)
            .order_by(col(EventMeasure.id))
        )
    )
