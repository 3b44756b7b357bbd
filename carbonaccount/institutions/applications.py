"""How an institution comes to be one: a person applies, an officer of the city admits or refuses.

The applicant becomes the first owner. A refused application stays as it was, with its reason; the
person applies anew.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind, District
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, LimitReached, NotFound
from carbonaccount.institutions import applicants, attribution_ends, joining, once, units
from carbonaccount.institutions.credit_codes import read_credit_code
from carbonaccount.institutions.models import (
    Institution,
    InstitutionKind,
    InstitutionMember,
    InstitutionPerson,
    InstitutionStatus,
    Seat,
)
from carbonaccount.institutions.offset_files import Paper
from carbonaccount.institutions.trail import note, read_reason
from carbonaccount.messages.services import Outgoing, send, send_many

OFFICERS = frozenset({Role.INSTITUTION_OFFICER})
# Who may be without a unified social credit code.
WITHOUT_CODE = frozenset({InstitutionKind.FAMILY, InstitutionKind.COMMUNITY})
LONGEST_NAME, LONGEST_NAME_EN = 80, 120
MOST_WAITING = 5
MOST_HEADS = 10_000_000
MOST_AREA_DM2 = 10**12


@dataclass(frozen=True)
class ApplicationContent:
    """What a person writes about an institution; `parent` is a unit number, code or nothing."""

    kind: str
    name_zh: str
    name_en: str
    credit_code: str
    district_code: str | None
    floor_area_dm2: int
    head_count: int
    parent: str
    applicant: str
    authority: str


def apply(
    session: Session,
    *,
    content: ApplicationContent,
    acting_user: Actor,
    now: datetime,
    request_key: str = "",
    paper: Paper | None = None,
) -> Institution:
    """Write an application down; the same key again gives the same application.

    Raises Invalid (institution_kind, institution_name, credit_code_shape, credit_code_check,
    credit_code_needed, district_needed, institution_sizes, unknown_parent, request_key_bad,
    applicant_name, applicant_authority), Conflict (credit_code_taken, request_key_used),
    LimitReached (too_many_applications).
    """
    applicant = acting_user.id or 0
    kind, code = _checked(session, content)
    applicants.check(content.applicant, content.authority)
    public_id = once.public_id_of(request_key, owner=f"{acting_user.kind}:{applicant}")
    # The same form sent twice at once waits here, and then finds the first.
    session.exec(
        select(col(Account.id)).where(col(Account.id) == applicant).with_for_update(key_share=True)
    )
    earlier = session.exec(
        select(Institution).where(col(Institution.public_id) == public_id)
    ).first()
    if earlier is not None:
        return once.the_same(earlier, kind=kind, credit_code=code, name_zh=content.name_zh.strip())
    _refuse_flood(session, applicant)
    parent = units.find_unit(session, written=content.parent) if content.parent.strip() else None
    account = open_account(
        session, kind=AccountKind.INSTITUTION, district_code=content.district_code, now=now
    )
    institution = Institution(
        public_id=public_id,
        account_id=account.stored_id,
        kind=kind,
        name_zh=content.name_zh.strip(),
        name_en=content.name_en.strip(),
        credit_code=code,
        district_code=content.district_code,
        floor_area_dm2=content.floor_area_dm2,
        head_count=content.head_count,
        applied_by=applicant,
        applied_at=now,
    )
    _add_once(session, institution)
    applicants.keep(
        session,
        institution=institution,
        name=content.applicant,
        authority=content.authority,
        paper=paper,
    )
    if parent is not None:
        units.remember_wish(session, child=institution, parent=parent, now=now)
    note(session, institution, "institution.apply", acting_user=acting_user, now=now, kind=kind)
    return institution


def _checked(session: Session, content: ApplicationContent) -> tuple[InstitutionKind, str]:
    if content.kind not in set(InstitutionKind):
        raise Invalid("institution_kind", field="kind")
    kind = InstitutionKind(content.kind)
    if not 1 <= len(content.name_zh.strip()) <= LONGEST_NAME:
        raise Invalid("institution_name", field="name_zh", limit=LONGEST_NAME)
    check_facts(
        session,
        name_en=content.name_en,
        district_code=content.district_code,
        floor_area_dm2=content.floor_area_dm2,
        head_count=content.head_count,
    )
    if content.credit_code.strip():
        return kind, read_credit_code(content.credit_code)
    if kind not in WITHOUT_CODE:
        raise Invalid("credit_code_needed", field="credit_code")
    return kind, ""


def check_facts(
    session: Session,
    *,
    name_en: str,
    district_code: str | None,
    floor_area_dm2: int,
    head_count: int,
) -> None:
    """Check what an owner may change later as well. Raises Invalid naming the field."""
    if len(name_en.strip()) > LONGEST_NAME_EN:
        raise Invalid("institution_name", field="name_en", limit=LONGEST_NAME_EN)
    if district_code is None or session.get(District, district_code) is None:
        raise Invalid("district_needed", field="district")
    if not 0 <= floor_area_dm2 <= MOST_AREA_DM2:
        raise Invalid("institution_sizes", field="floor_area")
    if not 0 <= head_count <= MOST_HEADS:
        raise Invalid("institution_sizes", field="head_count")


def _refuse_flood(session: Session, applicant: int) -> None:
    waiting = session.exec(
        select(sa.func.count())
        .select_from(Institution)
        .where(
            col(Institution.applied_by) == applicant,
            col(Institution.status) == InstitutionStatus.APPLIED,
        )
    ).one()
    if waiting >= MOST_WAITING:
        raise LimitReached("too_many_applications", limit=MOST_WAITING)


def _add_once(session: Session, institution: Institution) -> None:
    try:
        with session.begin_nested():
            session.add(institution)
            session.flush()  # A code that is taken shows itself here, inside the savepoint.
    except IntegrityError:
        raise Conflict("credit_code_taken", field="credit_code") from None


def applications_of(session: Session, *, account_id: int) -> list[Institution]:
    """Return the applications a person made that are not active institutions, newest first."""
    rows = session.exec(
        select(Institution)
        .where(
            col(Institution.applied_by) == account_id,
            col(Institution.status).in_((InstitutionStatus.APPLIED, InstitutionStatus.REFUSED)),
        )
        .order_by(col(Institution.id).desc())
        .limit(20)
    )
    return list(rows)


def withdraw(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> None:
    """Take an application back. Raises NotFound for others', Conflict (application_decided)."""
    institution = locked(session, public_id=public_id)
    if institution.applied_by != acting_user.id:
        raise NotFound("unknown_institution")
    _decide(institution, InstitutionStatus.CLOSED, now)
    note(session, institution, "institution.withdraw", acting_user=acting_user, now=now)


def admit(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Institution:
    """Admit an institution; its applicant becomes the owner.

    Raises Refused (role_missing), NotFound, Conflict (application_decided).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    institution = locked(session, public_id=public_id)
    _decide(institution, InstitutionStatus.ACTIVE, now, staff_id=staff_id)
    session.add(
        InstitutionPerson(
            institution_id=institution.stored_id,
            account_id=institution.applied_by,
            seat=Seat.OWNER,
            joined_at=now,
        )
    )
    session.flush()
    _tell(session, institution, "institution_admitted", now)
    note(session, institution, "institution.admit", acting_user=acting_user, now=now)
    return institution


def refuse(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Institution:
    """Refuse an application; the applicant reads the reason. Raises what `admit` raises."""
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    reason = read_reason(reason)
    institution = locked(session, public_id=public_id)
    _decide(institution, InstitutionStatus.REFUSED, now, staff_id=staff_id, reason=reason)
    _tell(session, institution, "institution_refused", now)
    note(
        session, institution, "institution.refuse", acting_user=acting_user, now=now, reason=reason
    )
    return institution


def close(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Institution:
    """Close an active institution: pages, units, memberships and shares end; its books stay.

    Members and people with a seat are told.

    Raises Refused (role_missing), NotFound, Conflict (institution_not_active).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    reason = read_reason(reason)
    institution = locked(session, public_id=public_id)
    if institution.status != InstitutionStatus.ACTIVE:
        raise Conflict("institution_not_active")
    institution.status = InstitutionStatus.CLOSED
    institution.decided_by, institution.decided_at = staff_id, now
    institution.decision = reason
    units.end_all(session, institution=institution, now=now)
    _tell_of_the_end(session, institution, now)
    joining.end_all(session, institution=institution, now=now)
    attribution_ends.end_untied(session, institution=institution, acting_user=acting_user, now=now)
    note(session, institution, "institution.close", acting_user=acting_user, now=now, reason=reason)
    return institution


def _decide(
    institution: Institution,
    status: InstitutionStatus,
    now: datetime,
    *,
    staff_id: int | None = None,
    reason: str = "",
) -> None:
    if institution.status != InstitutionStatus.APPLIED:
        raise Conflict("application_decided")
    institution.status = status
    institution.decided_by, institution.decided_at = staff_id, now
    institution.decision = reason


def locked(session: Session, *, public_id: str) -> Institution:
    """Return an institution that nobody else changes until the commit. Raises NotFound."""
    found = session.exec(
        select(Institution)
        .where(col(Institution.public_id) == public_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("unknown_institution")
    return found


def _tell_of_the_end(session: Session, institution: Institution, now: datetime) -> None:
    """Tell members and everybody with a seat, each once, that an institution is closed."""
    members = sa.select(col(InstitutionMember.account_id)).where(
        col(InstitutionMember.institution_id) == institution.stored_id,
        col(InstitutionMember.last_day).is_(None),
    )
    seats = sa.select(col(InstitutionPerson.account_id)).where(
        col(InstitutionPerson.institution_id) == institution.stored_id,
        col(InstitutionPerson.active),
    )
    params = _names(institution)
    outgoing = [
        Outgoing(account_id, f"institution:{institution.public_id}", params)
        for account_id in session.scalars(sa.union(members, seats))
    ]
    send_many(session, kind="institution_closed", outgoing=outgoing, now=now)


def _names(institution: Institution) -> dict[str, Any]:
    return {
        "institution": institution.public_id,
        "name_zh": institution.name_zh,
        "name_en": institution.name_en,
    }


def _tell(session: Session, institution: Institution, kind: str, now: datetime) -> None:
    params = _names(institution)
    send(
        session,
        account_id=institution.applied_by,
        kind=kind,
        cause=f"institution:{institution.public_id}",
        params=params,
        now=now,
    )
