"""What the panel reads about residents and staff; never a whole phone number."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, RecordStatus, Source, SourceSubject
from carbonaccount.accounts.models import Account, AccountKind, District, Resident, Staff, StaffRole
from carbonaccount.accounts.roles import Role


@dataclass(frozen=True)
class PeopleFilter:
    """Which residents to list: by district, by the end of the number, or by account number."""

    district: str = ""
    tail: str = ""
    public_id: str = ""


class PersonRow(NamedTuple):
    """An account with its resident, both without anything that tells who it is."""

    account: Account
    phone_tail: str
    locale: str
    district: District | None


class RecordSummary(NamedTuple):
    """How many records of a status an account has, and what they came to."""

    status: str
    records: int
    reduction_g: int
    credits: int


class StaffRow(NamedTuple):
    """A member of staff with their roles, in the roles' own order."""

    member: Staff
    roles: list[Role]


def people_rows(chosen: PeopleFilter) -> sa.Select[Any]:
    """Return the statement of a list; its columns make a PersonRow."""
    wanted: Any = (
        sa.select(Account, col(Resident.phone_tail), col(Resident.locale), District)
        .join(Resident, col(Resident.account_id) == col(Account.id))
        .outerjoin(District, col(District.code) == col(Account.district_code))
        .where(col(Account.kind) == AccountKind.PERSON)
    )
    if chosen.district:
        wanted = wanted.where(col(Account.district_code) == chosen.district)
    if chosen.tail:
        wanted = wanted.where(col(Resident.phone_tail) == chosen.tail)
    if chosen.public_id:
        wanted = wanted.where(col(Account.public_id) == chosen.public_id)
    found: sa.Select[Any] = wanted
    return found


def person_row(session: Session, public_id: str) -> PersonRow | None:
    """Return one account of a resident."""
    row = session.execute(people_rows(PeopleFilter(public_id=public_id))).first()
    return None if row is None else PersonRow(*row)


def bindings_of(session: Session, account_id: int) -> list[tuple[SourceSubject, Source]]:
    """Return the names under which sources know an account, the newest first."""
    rows = session.exec(
        select(SourceSubject, Source)
        .join(Source, col(Source.id) == col(SourceSubject.source_id))
        .where(col(SourceSubject.account_id) == account_id)
        .order_by(col(SourceSubject.bound_at).desc(), col(SourceSubject.id).desc())
    ).all()
    return [(subject, source) for subject, source in rows]


def record_summary(session: Session, account_id: int) -> list[RecordSummary]:
    """Return an account's records by status: counts and sums, no single act."""
    rows = session.execute(
        sa.select(
            col(ActivityRecord.status),
            sa.func.count(),
            sa.func.sum(col(ActivityRecord.reduction_g)),
            sa.func.sum(col(ActivityRecord.credits)),
        )
        .where(col(ActivityRecord.account_id) == account_id)
        .group_by(col(ActivityRecord.status))
    )
    found = {status: RecordSummary(status, int(n), int(g), int(c)) for status, n, g, c in rows}
    return [found[status] for status in RecordStatus if status in found]


def staff_rows(session: Session) -> list[StaffRow]:
    """Return all staff by login."""
    members = session.exec(select(Staff).order_by(col(Staff.login))).all()
    held: dict[int, set[str]] = {}
    for staff_id, role in session.exec(select(StaffRole.staff_id, StaffRole.role)).all():
        held.setdefault(staff_id, set()).add(role)
    return [
        StaffRow(member, [role for role in Role if role in held.get(member.stored_id, set())])
        for member in members
    ]
