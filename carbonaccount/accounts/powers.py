"""Who may give which power to whom: 三员分立 among administrators.

The system administrator appoints security administrators and nobody else; the security
administrator gives all other roles. So neither can make another of its own kind, and nobody
changes anything about themselves.
"""

from datetime import datetime

from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.accounts import queries, staff
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import NewStaff
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, Refused

GRANTS: dict[Role, frozenset[Role]] = {
    Role.SYSTEM_ADMIN: frozenset({Role.SECURITY_ADMIN}),
    Role.SECURITY_ADMIN: frozenset(Role) - {Role.SECURITY_ADMIN},
}
ADMINISTRATORS = frozenset(GRANTS)
LONGEST_NAME = 80


def grantable(roles: frozenset[str]) -> frozenset[Role]:
    """Return the roles that somebody with these roles may give and take away."""
    return frozenset().union(*(given for role, given in GRANTS.items() if role in roles))


def add_colleague(
    session: Session,
    *,
    login: str,
    display_name: str,
    roles: frozenset[Role],
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> tuple[NewStaff, str]:
    """Add a member of staff; returns them with the password, both to be shown once.

    Raises Refused (role_not_yours_to_grant), Invalid and Conflict as `staff.add_staff` does.
    """
    _require_grantable(session, roles, acting_user)
    name = display_name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid("display_name_length", field="display_name", limit=LONGEST_NAME)
    password = staff.generate_password()
    added = staff.add_staff(
        session,
        login=login,
        display_name=name,
        password=password,
        roles=roles,
        vault=vault,
        acting_user=acting_user,
        now=now,
    )
    return added, password


def change_roles(
    session: Session,
    *,
    login: str,
    roles: frozenset[Role],
    acting_user: Actor,
    now: datetime,
) -> None:
    """Give a colleague exactly these roles; what is added or taken must be one's to give.

    Raises NotFound, Refused (not_to_oneself, role_not_yours_to_grant), Invalid (role_needed,
    roles_clash).
    """
    member = _colleague(session, login, acting_user)
    held = frozenset(map(Role, queries.roles_of(session, member.stored_id)))
    _require_grantable(session, held ^ roles, acting_user)
    staff.set_roles(session, staff=member, roles=roles, acting_user=acting_user, now=now)


def deactivate(session: Session, *, login: str, acting_user: Actor, now: datetime) -> None:
    """Bar a colleague at once; either administrator may, since nobody gains power by it."""
    staff.require_role(session, acting_user=acting_user, roles=ADMINISTRATORS)
    _colleague(session, login, acting_user)
    staff.deactivate_staff(session, login=login, acting_user=acting_user, now=now)


def reactivate(session: Session, *, login: str, acting_user: Actor, now: datetime) -> None:
    """Let a barred colleague in again, whose roles must all be one's to give."""
    member = _colleague(session, login, acting_user)
    _require_all_grantable(session, member, acting_user)
    member.active = True
    session.add(member)
    _audit(session, "staff.reactivate", member, acting_user, now)


def reset_credentials(
    session: Session, *, login: str, vault: Vault, acting_user: Actor, now: datetime
) -> tuple[NewStaff, str]:
    """Give a colleague a new password and second factor; their browsers are signed out.

    Whoever may reset somebody could sign in as them, so their roles must all be one's to give.
    Raises NotFound, Refused, Conflict (staff_inactive).
    """
    member = _colleague(session, login, acting_user)
    _require_all_grantable(session, member, acting_user)
    if not member.active:
        raise Conflict("staff_inactive", login=login)
    password = staff.generate_password()
    renewed = staff.renew_credentials(
        session, staff=member, password=password, vault=vault, acting_user=acting_user, now=now
    )
    return renewed, password


def _colleague(session: Session, login: str, acting_user: Actor) -> Staff:
    """Return somebody else; raises NotFound, Refused (not_to_oneself)."""
    member = staff.find_staff(session, login=login)
    if member.id == acting_user.id:
        raise Refused("not_to_oneself")
    return member


def _require_grantable(session: Session, roles: frozenset[Role], acting_user: Actor) -> None:
    staff_id = staff.require_role(session, acting_user=acting_user, roles=ADMINISTRATORS)
    foreign = roles - grantable(queries.roles_of(session, staff_id))
    if foreign:
        raise Refused("role_not_yours_to_grant", roles=", ".join(sorted(foreign)))


def _require_all_grantable(session: Session, member: Staff, acting_user: Actor) -> None:
    held = frozenset(map(Role, queries.roles_of(session, member.stored_id)))
    _require_grantable(session, held, acting_user)


def _audit(session: Session, action: str, member: Staff, acting_user: Actor, now: datetime) -> None:
    audit.record(
        session, acting_user=acting_user, action=action, subject=f"staff:{member.login}", now=now
    )
