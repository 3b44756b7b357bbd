"""Who applies for an institution: what they say of themselves, and how the officer reaches them."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from carbonaccount.accounts.help_desk import unmask_phone
from carbonaccount.accounts.models import Resident
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions.models import (
    Institution,
    InstitutionApplicant,
    InstitutionStatus,
)
from carbonaccount.institutions.offset_files import Paper

LONGEST_NAME, SHORTEST_AUTHORITY, LONGEST_AUTHORITY = 40, 4, 200
_OFFICERS = frozenset({Role.INSTITUTION_OFFICER})


@dataclass(frozen=True)
class Applicant:
    """What an officer sees of who applied; `told` is None where nothing was asked."""

    told: InstitutionApplicant | None
    phone_tail: str


def check(name: str, authority: str) -> None:
    """Check what an applicant says. Raises Invalid (applicant_name, applicant_authority)."""
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid("applicant_name", field="applicant", limit=LONGEST_NAME)
    if not SHORTEST_AUTHORITY <= len(authority.strip()) <= LONGEST_AUTHORITY:
        raise Invalid(
            "applicant_authority",
            field="authority",
            minimum=SHORTEST_AUTHORITY,
            limit=LONGEST_AUTHORITY,
        )


def keep(
    session: Session, *, institution: Institution, name: str, authority: str, paper: Paper | None
) -> None:
    """Write down what an applicant said, with the file if there is one."""
    session.add(
        InstitutionApplicant(
            institution_id=institution.stored_id,
            name=name.strip(),
            authority=authority.strip(),
            evidence_sha256=paper.sha256 if paper else "",
            evidence_file=paper.file_name if paper else "",
        )
    )
    session.flush()


def applicant_of(session: Session, *, institution: Institution) -> Applicant:
    """Return who applied; the phone number by its end only."""
    resident = session.get(Resident, institution.applied_by)
    return Applicant(
        session.get(InstitutionApplicant, institution.stored_id),
        resident.phone_tail if resident else "",
    )


def whole_phone(
    session: Session,
    *,
    institution: Institution,
    reason: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> str:
    """Return the applicant's whole number to the officer who has to decide; it is written down.

    Raises Refused (role_missing), Conflict (application_decided), Invalid (unmask_reason), NotFound
    (no_resident).
    """
    require_role(session, acting_user=acting_user, roles=_OFFICERS)
    if institution.status != InstitutionStatus.APPLIED:
        raise Conflict("application_decided")
    return unmask_phone(
        session,
        account_id=institution.applied_by,
        reason=reason,
        vault=vault,
        acting_user=acting_user,
        now=now,
    )
