"""What pages show of appeals: the queue, one's own, and how many were upheld."""

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.appeals import OPEN, UPHELD
from behaviors.models import ActivityRecord
from behaviors.rule_models import Appeal, EvidenceReview
from carbonaccount.accounts.models import Staff
from carbonaccount.city_time import city_day

OVERDUE = "overdue"
# Fewer people than this could be told apart.
LEAST_PEOPLE = 10


@dataclass(frozen=True)
class AppealFilter:
    """Which appeals a list shows: a status, or overdue on a day; empty shows all."""

    status: str = OPEN
    today: date | None = None
    behavior_id: int | None = None


class AppealRow(NamedTuple):
    """An appeal with its record, what a reviewer said before, and who decided the appeal."""

    appeal: Appeal
    record: ActivityRecord
    review: EvidenceReview | None
    decider: Staff | None


class Outcomes(NamedTuple):
    """What became of all appeals: how many were decided, upheld, in time, and by how many people.

    The two rates are in percent, rounded down; they are None for fewer than ten people.
    """

    decided: int
    people: int
    upheld_percent: int | None
    in_time_percent: int | None


def appeal_rows(chosen: AppealFilter) -> sa.Select[Any]:
    """Return the statement of a list; its columns make an AppealRow."""
    wanted: sa.Select[Any] = _with_record()
    if chosen.status == OVERDUE:
        wanted = wanted.where(col(Appeal.status) == OPEN, col(Appeal.due_on) < chosen.today)
    elif chosen.status:
        wanted = wanted.where(col(Appeal.status) == chosen.status)
    if chosen.behavior_id is not None:
        wanted = wanted.where(col(ActivityRecord.behavior_id) == chosen.behavior_id)
    return wanted


def _with_record() -> Any:
    return (
        sa.select(Appeal, ActivityRecord, EvidenceReview, Staff)
        .join(ActivityRecord, col(ActivityRecord.id) == col(Appeal.record_id))
        .outerjoin(EvidenceReview, col(EvidenceReview.record_id) == col(Appeal.record_id))
        .outerjoin(Staff, col(Staff.id) == col(Appeal.decided_by))
    )


def appeal_row(session: Session, appeal_id: int) -> AppealRow | None:
    """Return one appeal."""
    row = session.execute(_with_record().where(col(Appeal.id) == appeal_id)).first()
    return None if row is None else AppealRow(*row)


def appeals_of(session: Session, *, account_id: int) -> list[AppealRow]:
    """Return a resident's appeals, the newest first."""
    rows = session.execute(
        _with_record()
        .where(col(Appeal.account_id) == account_id)
        .order_by(col(Appeal.opened_at).desc(), col(Appeal.id).desc())
    )
    return [AppealRow(*row) for row in rows]


def appeals_about(session: Session, *, record_id: int) -> list[Appeal]:
    """Return the appeals about a record, the newest first."""
    return list(
        session.exec(
            select(Appeal)
            .where(col(Appeal.record_id) == record_id)
            .order_by(col(Appeal.opened_at).desc(), col(Appeal.id).desc())
        )
    )


def open_counts(session: Session, *, today: date) -> tuple[int, int]:
    """Return how many appeals are open, and how many of them are past their day."""
    late = sa.func.coalesce(sa.func.sum(sa.case((col(Appeal.due_on) < today, 1), else_=0)), 0)
    row = session.execute(sa.select(sa.func.count(), late).where(col(Appeal.status) == OPEN)).one()
    return int(row[0]), int(row[1])


def outcomes(session: Session) -> Outcomes:
    """Return what became of the appeals that were decided."""
    in_time = city_day(session, col(Appeal.decided_at)) <= col(Appeal.due_on)
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.count(col(Appeal.account_id).distinct()),
            sa.func.count(sa.case((col(Appeal.status) == UPHELD, 1))),
            sa.func.count(sa.case((in_time, 1))),
        ).where(col(Appeal.status) != OPEN)
    ).one()
    decided, people, upheld, kept = (int(value) for value in row)
    if people < LEAST_PEOPLE:
        return Outcomes(decided, people, None, None)
    return Outcomes(decided, people, 100 * upheld // decided, 100 * kept // decided)
