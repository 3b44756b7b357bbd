"""Institutions with a plan are reminded of the statement of the year before."""

from datetime import date, datetime

from sqlmodel import Session, col, select

from carbonaccount.institutions.models import (
    Institution,
    InstitutionPerson,
    InstitutionStatus,
    Seat,
)
from carbonaccount.institutions.neutrality_models import (
    NeutralityPlan,
    NeutralityStatement,
    StatementStatus,
)
from carbonaccount.messages.services import Outgoing, send_many
from carbonaccount.scheduler import scheduled

DUE = "statement_due"
# Month and day on which owners are told: after the first quarter, and at the half of the year.
REMINDED_ON = ((3, 31), (6, 30))


@scheduled(
    name="statement-reminders",
    description="Remind institutions with a plan of the statement of the year before",
    hour=9,
    minute=30,
)
def remind(session: Session, *, period: date, now: datetime) -> str:
    """Remind on two days of the year, by the period's date; on others there is nothing to do."""
    if (period.month, period.day) not in REMINDED_ON:
        return "told=0"
    return f"told={tell_owners(session, year=period.year - 1, day=period, now=now)}"


def tell_owners(session: Session, *, year: int, day: date, now: datetime) -> int:
    """Tell owners whose institution has a plan and no published statement of a year.

    A plan that began after the year asks for none. Returns how many messages were new.
    """
    published = select(col(NeutralityStatement.institution_id)).where(
        col(NeutralityStatement.year) == year,
        col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
    )
    rows = session.exec(
        select(col(InstitutionPerson.account_id), Institution)
        .join(Institution, col(Institution.id) == col(InstitutionPerson.institution_id))
        .join(NeutralityPlan, col(NeutralityPlan.institution_id) == col(Institution.id))
        .where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(InstitutionPerson.seat) == Seat.OWNER,
            col(InstitutionPerson.active),
            col(NeutralityPlan.base_year) <= year,
            col(Institution.id).not_in(published),
        )
        .order_by(col(InstitutionPerson.account_id), col(Institution.id))
    ).all()
    outgoing = [
        Outgoing(
            account_id,
            f"statement:{place.public_id}:{day.isoformat()}",
            {
                "institution": place.public_id,
                "year": year,
                "name_zh": place.name_zh,
                "name_en": place.name_en or place.name_zh,
            },
        )
        for account_id, place in rows
    ]
    return send_many(session, kind=DUE, outgoing=outgoing, now=now)
