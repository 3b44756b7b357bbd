"""Lists of the panel about institutions and their applications for recognitions."""

from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import District
from carbonaccount.audit import AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.institutions.models import (
    Institution,
    InstitutionMember,
    InstitutionPerson,
)
from carbonaccount.institutions.offset_models import Attribution
from carbonaccount.institutions.recognition_models import RecognitionCase


class InstitutionRow(NamedTuple):
    """An institution with how many have a seat there and how many are counted with it."""

    institution: Institution
    district: District | None
    people: int
    members: int


class CaseRow(NamedTuple):
    """An application for a recognition with its institution."""

    case: RecognitionCase
    institution: Institution


@dataclass(frozen=True)
class InstitutionFilter:
    """What a list of institutions is narrowed to; "" for everything. `q`: name, code or number."""

    kind: str = ""
    district: str = ""
    status: str = ""
    q: str = ""


@dataclass(frozen=True)
class CaseFilter:
    """What a list of applications for recognitions is narrowed to; "" for everything."""

    scheme: str = ""
    status: str = ""


PEOPLE = (
    sa.select(sa.func.count())
    .select_from(InstitutionPerson)
    .where(
        col(InstitutionPerson.institution_id) == col(Institution.id), col(InstitutionPerson.active)
    )
    .correlate(Institution)
    .scalar_subquery()
)
MEMBERS = (
    sa.select(sa.func.count())
    .select_from(InstitutionMember)
    .where(
        col(InstitutionMember.institution_id) == col(Institution.id),
        col(InstitutionMember.last_day).is_(None),
    )
    .correlate(Institution)
    .scalar_subquery()
)


def institution_rows(wanted: InstitutionFilter) -> sa.Select[Any]:
    """Return institutions as rows of InstitutionRow."""
    wide: Any = sa.select(Institution, District, PEOPLE, MEMBERS).outerjoin(
        District, col(District.code) == col(Institution.district_code)
    )
    rows: sa.Select[Any] = wide
    for column, value in (
        (Institution.kind, wanted.kind),
        (Institution.district_code, wanted.district),
        (Institution.status, wanted.status),
    ):
        if value:
            rows = rows.where(col(column) == value)
    if wanted.q:
        rows = rows.where(
            sa.or_(
                col(Institution.name_zh).contains(wanted.q, autoescape=True),
                sa.func.lower(col(Institution.name_en)).contains(wanted.q.lower(), autoescape=True),
                col(Institution.credit_code) == wanted.q.upper(),
                col(Institution.public_id) == wanted.q,
            )
        )
    return rows


def find_institution(session: Session, public_id: str) -> Institution:
    """Return an institution in whatever state. Raises NotFound (institution_not_found)."""
    found = session.exec(select(Institution).where(col(Institution.public_id) == public_id)).first()
    if found is None:
        raise NotFound("institution_not_found")
    return found


def case_rows(wanted: CaseFilter) -> sa.Select[Any]:
    """Return applications for recognitions that were sent in at least once, as CaseRow."""
    wide: Any = (
        sa.select(RecognitionCase, Institution)
        .join(Institution, col(Institution.id) == col(RecognitionCase.institution_id))
        .where(col(RecognitionCase.submitted_at).is_not(None))
    )
    rows: sa.Select[Any] = wide
    if wanted.scheme:
        rows = rows.where(col(RecognitionCase.scheme) == wanted.scheme)
    if wanted.status:
        rows = rows.where(col(RecognitionCase.status) == wanted.status)
    return rows


def find_case(session: Session, public_id: str) -> CaseRow:
    """Return a sent-in application with its institution. Raises NotFound."""
    found = session.exec(
        select(RecognitionCase, Institution)
        .join(Institution, col(Institution.id) == col(RecognitionCase.institution_id))
        .where(
            col(RecognitionCase.public_id) == public_id,
            col(RecognitionCase.submitted_at).is_not(None),
        )
    ).first()
    if found is None:
        raise NotFound("unknown_recognition")
    return CaseRow(*found)


def shares_in_force(session: Session, institution: Institution) -> int:
    """Return how many shares of what sources report an institution is given now."""
    return session.exec(
        select(sa.func.count())
        .select_from(Attribution)
        .where(
            col(Attribution.institution_id) == institution.stored_id,
            col(Attribution.last_day).is_(None),
        )
    ).one()


def trail_of(session: Session, institution: Institution, *, limit: int = 30) -> list[AuditEntry]:
    """Return what was done at an institution, the newest first."""
    return list(
        session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.subject) == f"institution:{institution.public_id}")
            .order_by(col(AuditEntry.id).desc())
            .limit(limit)
        )
    )


def case_trail(session: Session, row: CaseRow, *, limit: int = 30) -> list[AuditEntry]:
    """Return what was done to an application for a recognition, the newest first."""
    entries = session.exec(
        select(AuditEntry)
        .where(
            col(AuditEntry.subject) == f"institution:{row.institution.public_id}",
            col(AuditEntry.action).startswith("recognition."),
        )
        .order_by(col(AuditEntry.id).desc())
    )
    own = (entry for entry in entries if entry.details.get("case") == row.case.public_id)
    return list(islice(own, limit))
