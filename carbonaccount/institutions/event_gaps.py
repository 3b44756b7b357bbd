"""What the organiser says of sources that the plan declared and that have no amount."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid
from carbonaccount.institutions.event_account import EventTotals
from carbonaccount.institutions.event_completeness import Gap, gaps
from carbonaccount.institutions.event_models import (
    Event,
    EventMissing,
    EventState,
    MissingKind,
)
from carbonaccount.institutions.event_plans import plan_of
from carbonaccount.institutions.events import locked, trail

LONGEST_WHY = 200


def said_of(session: Session, event: Event) -> dict[str, Gap]:
    """Return what was said of sources without an amount."""
    rows = session.exec(select(EventMissing).where(col(EventMissing.event_id) == event.stored_id))
    return {row.source: Gap(row.source, row.kind, row.why) for row in rows}


def gaps_of(session: Session, event: Event, by_source: Mapping[str, int | None]) -> tuple[Gap, ...]:
    """Return the gaps of an account that is open."""
    return gaps(by_source, plan_of(session, event), said_of(session, event))


def with_plan(session: Session, event: Event, totals: EventTotals) -> EventTotals:
    """Return a closed account; of one from before anybody was asked, with what the plan tells."""
    if totals.gaps is not None:
        return totals
    return replace(totals, gaps=gaps(totals.by_source(), plan_of(session, event), {}))


def say(
    session: Session,
    *,
    event: Event,
    source: str,
    kind: str,
    why: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Say why a declared source has no amount: it did not occur, or could not be estimated.

    Raises Conflict (event_state), Invalid naming the field (event_source: not declared,
    event_missing_kind, event_missing_why).
    """
    event = locked(session, event, EventState.ACCOUNTING)
    if source not in plan_of(session, event):
        raise Invalid("event_source", field="source")
    if kind not in set(MissingKind):
        raise Invalid("event_missing_kind", field="kind")
    if not 1 <= len(why.strip()) <= LONGEST_WHY:
        raise Invalid("event_missing_why", field="why", limit=LONGEST_WHY)
    row = session.get(EventMissing, (event.stored_id, source)) or EventMissing(
        event_id=event.stored_id,
        source=source,
        kind=kind,
        why="",
        entered_by=acting_user.id or 0,
        entered_at=now,
    )
    row.kind, row.why = kind, why.strip()
    row.entered_by, row.entered_at = acting_user.id or 0, now
    session.add(row)
    session.flush()
    trail(session, event, "missing", acting_user=acting_user, now=now, source=source, kind=kind)
