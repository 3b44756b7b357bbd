"""The first person of an institution that came from a list: invited by the city."""

from datetime import datetime

from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict
from carbonaccount.institutions import applications, people
from carbonaccount.institutions.models import InstitutionStatus, Seat


def invite_first_owner(
    session: Session, *, public_id: str, vault: Vault, acting_user: Actor, now: datetime
) -> str:
    """Return a code with which one person becomes the owner within a day.

    A code that was given before ends with it, and each ends as soon as somebody has a seat.
    Who may do this is decided at the edge: officers of institutions, and operators. Raises
    NotFound (unknown_institution), Conflict (institution_not_active, institution_has_people).
    """
    institution = applications.locked(session, public_id=public_id)
    if institution.status != InstitutionStatus.ACTIVE:
        raise Conflict("institution_not_active")
    if people.people_of(session, institution_id=institution.stored_id):
        raise Conflict("institution_has_people")
    people.end_invitations(session, institution=institution, now=now)
    return people.invite(
        session,
        institution=institution,
        seat=Seat.OWNER,
        vault=vault,
        acting_user=acting_user,
        now=now,
    )
