"""Control totals: records, answers and books of a source's day must tell the same.

The three are counted from three tables, each on its own, for the batches that a source sent in a
business day; the cost is that of the day, not of history.
"""

from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from behaviors.control_models import ControlTotal
from behaviors.models import ActivityRecord, IntakeBatch, Source
from carbonaccount.clock import day_end, day_start
from carbonaccount.job_items import one_by_one
from carbonaccount.ledger.models import Cause, Transfer, TransferKind, Unit

_log = structlog.stdlib.get_logger(__name__)


class Checked(NamedTuple):
    """How many sources sent something on the day, and how many of them do not add up."""

    sources: int
    differing: int


def check_day(session: Session, *, day: date, now: datetime) -> Checked:
    """Count a day of every source anew; a difference is kept and logged. Does not commit."""
    sources = session.exec(select(Source).order_by(col(Source.id))).all()
    counted = one_by_one(
        session,
        sources,
        lambda source: _total(session, source.stored_id, day, now),
        key=lambda source: f"source:{source.code}",
    )
    found = [total for total in counted if total.batches]
    session.exec(sa.delete(ControlTotal).where(col(ControlTotal.day) == day))
    session.add_all(found)
    session.flush()
    differing = [total for total in found if total.differs]
    for total in differing:
        _log.warning("control_total_differs", **total.model_dump(mode="json"))
    return Checked(len(found), len(differing))


def _total(session: Session, source_id: int, day: date, now: datetime) -> ControlTotal:
    sent = (
        col(IntakeBatch.source_id) == source_id,
        col(IntakeBatch.received_at) >= day_start(day),
        col(IntakeBatch.received_at) < day_end(day),
    )
    batches, answered = _numbers(
        session,
        sa.select(
            sa.func.count(), sa.func.sum(col(IntakeBatch.accepted) + col(IntakeBatch.held))
        ).where(*sent),
    )
    records, subjects, grams, credits_ = _numbers(
        session,
        sa.select(
            sa.func.count(col(ActivityRecord.id)),
            sa.func.count(sa.distinct(col(ActivityRecord.account_id))),
            sa.func.sum(col(ActivityRecord.reduction_g)),
            sa.func.sum(col(ActivityRecord.credits)),
        )
        .join(IntakeBatch, col(IntakeBatch.id) == col(ActivityRecord.batch_id))
        .where(*sent),
    )
    booked_g, booked_credits = (_booked(session, sent, unit) for unit in (Unit.G, Unit.CREDIT))
    return ControlTotal(
        source_id=source_id,
        day=day,
        batches=batches,
        answered=answered,
        records=records,
        subjects=subjects,
        reduction_g=grams,
        credits=credits_,
        booked_g=booked_g,
        booked_credits=booked_credits,
        differs=(answered, grams, credits_) != (records, booked_g, booked_credits),
        checked_at=now,
    )


def _booked(session: Session, sent: tuple[sa.ColumnElement[bool], ...], unit: Unit) -> int:
    """Return what the books gave for the records of batches and did not take back."""
    reversal = sa.orm.aliased(Transfer)
    (booked,) = _numbers(
        session,
        sa.select(sa.func.sum(col(Transfer.amount)))
        .join(ActivityRecord, col(ActivityRecord.id) == col(Transfer.cause_id))
        .join(IntakeBatch, col(IntakeBatch.id) == col(ActivityRecord.batch_id))
        .outerjoin(reversal, col(reversal.reverses_id) == col(Transfer.id))
        .where(
            *sent,
            col(Transfer.cause) == Cause.RECORD,
            col(Transfer.kind) == TransferKind.EARN,
            col(Transfer.unit) == unit,
            col(reversal.id).is_(None),
        ),
    )
    return booked


def _numbers(session: Session, statement: Any) -> list[int]:
    # A sum of nothing is NULL; PostgreSQL sums BIGINT into NUMERIC.
    return [int(value or 0) for value in session.execute(statement).one()]
