"""Members of staff: password with argon2id, time-based codes that are good once, roles.

Argon2id with 19 MiB, two passes and one lane is OWASP's smallest recommended setting; it takes
about 20 ms, so that a busy worker is not brought down by sign-ins.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts import queries, sessions
from carbonaccount.accounts.models import Staff, StaffRole
from carbonaccount.accounts.roles import Role, clashing
from carbonaccount.accounts.rules import check_login, check_password
from carbonaccount.accounts.sessions import Owner
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotAuthenticated, NotFound, Refused

TOTP_STEP_S = 30
TOTP_DRIFT_STEPS = 1
_TOTP_PURPOSE = "totp"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when the login is unknown, so that the answer takes as long as for a known one.
_NOBODYS_HASH = _HASHER.hash(secrets.token_urlsafe(16))
_NOBODYS_SECRET = pyotp.random_base32()


@dataclass(frozen=True)
class NewStaff:
    """A member of staff just added, with the TOTP secret that is shown once."""

    staff: Staff
    totp_secret: str

    def provisioning_uri(self, issuer: str) -> str:
        """Return the address that an authenticator app reads from the QR code."""
        totp = pyotp.TOTP(self.totp_secret)
        return str(totp.provisioning_uri(name=self.staff.login, issuer_name=issuer))


def staff_actor(staff: Staff) -> Actor:
    """Return a member of staff as the one who acts."""
    return Actor("staff", staff.login, staff.id)


def require_role(session: Session, *, acting_user: Actor, roles: frozenset[Role]) -> int:
    """Return the id of the member of staff who acts; raises Refused (role_missing).

    Pages have their own table of roles; what needs two people asks here as well, so that no
    command, job or later page can go round it.
    """
    is_staff = acting_user.kind == "staff" and acting_user.id is not None
    staff = session.get(Staff, acting_user.id) if is_staff else None
    if staff is None or not staff.active:
        raise Refused("role_missing")
    if roles.isdisjoint(queries.roles_of(session, staff.stored_id)):
        raise Refused("role_missing")
    return staff.stored_id


def generate_password() -> str:
    """Return a password of 144 random bits."""
    return secrets.token_urlsafe(18)


def add_staff(
    session: Session,
    *,
    login: str,
    display_name: str,
    password: str,
    roles: frozenset[Role],
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> NewStaff:
    """Add a member of staff.

    Raises Invalid for a malformed login, a short password, no role or roles that are kept apart,
    Conflict for a login that is taken.
    """
    check_login(login)
    check_password(password)
    check_roles(roles)
    if queries.staff_by_login(session, login) is not None:
        raise Conflict("login_taken", login=login)
    secret = pyotp.random_base32()
    staff = Staff(
        login=login,
        display_name=display_name,
        password_hash=_HASHER.hash(password),
        totp_sealed=vault.seal(secret, purpose=_TOTP_PURPOSE),
        created_at=now,
    )
    session.add(staff)
    session.flush()  # The roles refer to the id.
    _audit(session, "staff.add", staff, acting_user, now)
    set_roles(session, staff=staff, roles=roles, acting_user=acting_user, now=now)
    return NewStaff(staff, secret)


def add_first_admin(
    session: Session,
    *,
    login: str,
    display_name: str,
    password: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> NewStaff:
    """Add the administrator who adds all others; works once in the life of a database.

    Raises Conflict with `first_admin_exists` when there is any member of staff already.
    """
    _lock_staff(session)
    if session.exec(select(Staff.id).limit(1)).first() is not None:
        raise Conflict("first_admin_exists")
    return add_staff(
        session,
        login=login,
        display_name=display_name,
        password=password,
        roles=frozenset({Role.SYSTEM_ADMIN}),
        vault=vault,
        acting_user=acting_user,
        now=now,
    )


def _lock_staff(session: Session) -> None:
    # A writing transaction on SQLite is alone anyway.
    if not is_sqlite(session):
        session.exec(sa.text("LOCK TABLE staff IN SHARE ROW EXCLUSIVE MODE"))  # type: ignore[call-overload]


def check_roles(roles: frozenset[Role]) -> None:
    """Refuse no role at all, and more than one of the powers that are kept apart."""
    if not roles:
        raise Invalid("role_needed")
    if clash := clashing(roles):
        raise Invalid("roles_clash", roles=", ".join(sorted(clash)))


def set_roles(
    session: Session,
    *,
    staff: Staff,
    roles: frozenset[Role],
    acting_user: Actor,
    now: datetime,
) -> None:
    """Give a member of staff exactly these roles.

    Raises Invalid: role_needed for none, roles_clash for two of the powers that are kept apart.
    """
    check_roles(roles)
    # Two grants at the same time would each miss the other's role.
    session.exec(select(Staff.id).where(col(Staff.id) == staff.id).with_for_update()).one()
    held = queries.roles_of(session, staff.stored_id)
    wanted = frozenset(role.value for role in roles)
    session.exec(
        sa.delete(StaffRole).where(
            col(StaffRole.staff_id) == staff.id, col(StaffRole.role).not_in(wanted)
        )
    )
    for role in sorted(wanted - held):
        session.add(StaffRole(staff_id=staff.stored_id, role=role, granted_at=now))
    _audit(session, "staff.roles", staff, acting_user, now, roles=sorted(wanted))


def renew_credentials(
    session: Session,
    *,
    staff: Staff,
    password: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> NewStaff:
    """Replace password and second factor, and sign out all browsers. Raises Invalid."""
    check_password(password)
    secret = pyotp.random_base32()
    staff.password_hash = _HASHER.hash(password)
    staff.totp_sealed = vault.seal(secret, purpose=_TOTP_PURPOSE)
    session.add(staff)
    _audit(session, "staff.renew", staff, acting_user, now)
    owner = Owner(staff_id=staff.stored_id)
    sessions.revoke_all(session, owner=owner, acting_user=acting_user, now=now)
    return NewStaff(staff, secret)


def deactivate_staff(session: Session, *, login: str, acting_user: Actor, now: datetime) -> Staff:
    """Bar a member of staff and sign out all their browsers; raises NotFound."""
    staff = find_staff(session, login=login)
    staff.active = False
    _audit(session, "staff.deactivate", staff, acting_user, now)
    owner = Owner(staff_id=staff.stored_id)
    sessions.revoke_all(session, owner=owner, acting_user=acting_user, now=now)
    return staff


def find_staff(session: Session, *, login: str) -> Staff:
    """Return a member of staff; raises NotFound with `staff_not_found`."""
    staff = queries.staff_by_login(session, login)
    if staff is None:
        raise NotFound("staff_not_found", login=login)
    return staff


def sign_in_staff(
    session: Session, *, login: str, password: str, totp: str, vault: Vault, now: datetime
) -> tuple[Staff, str]:
    """Check password and code, open a session and return its token.

    Raises NotAuthenticated with `staff_sign_in_failed` whatever was wrong; nothing tells an
    unknown login from a wrong password, neither the words nor the time.
    """
    staff = queries.staff_by_login(session, login)
    known = staff is not None and staff.active
    password_hash = staff.password_hash if staff is not None and known else _NOBODYS_HASH
    secret = (
        vault.open(staff.totp_sealed, purpose=_TOTP_PURPOSE)
        if staff is not None and known
        else _NOBODYS_SECRET
    )
    password_holds = _password_holds(password_hash, password)
    step = matching_step(secret, totp, now=now)
    if staff is None or not known or not password_holds or step is None:
        raise NotAuthenticated("staff_sign_in_failed")
    _use_step(session, staff, step)
    staff.last_sign_in_at = now
    if _HASHER.check_needs_rehash(staff.password_hash):
        staff.password_hash = _HASHER.hash(password)
    _audit(session, "staff.sign_in", staff, staff_actor(staff), now)
    return staff, sessions.open_login(session, owner=Owner(staff_id=staff.stored_id), now=now)


def record_failed_sign_in(session: Session, *, login: str, now: datetime) -> None:
    """Put a failed sign-in on the trail; a login that nobody has is not written down."""
    staff = queries.staff_by_login(session, login)
    subject = "staff:unknown" if staff is None else f"staff:{staff.login}"
    audit.record(
        session,
        acting_user=Actor("staff", "unknown"),
        action="staff.sign_in",
        subject=subject,
        now=now,
        success=False,
    )


def _password_holds(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the time step a code belongs to, one step early or late allowed, else None."""
    totp = pyotp.TOTP(secret, interval=TOTP_STEP_S)
    current = int(now.timestamp()) // TOTP_STEP_S
    steps = range(current - TOTP_DRIFT_STEPS, current + TOTP_DRIFT_STEPS + 1)
    # No early end: each of the three is compared, so that time tells nothing.
    matches = [step for step in steps if pyotp.utils.strings_equal(code, totp.generate_otp(step))]
    return max(matches, default=None)


def _use_step(session: Session, staff: Staff, step: int) -> None:
    """Use a time step up; the guard in the statement lets one of two parallel requests win."""
    used = session.exec(
        sa.update(Staff)
        .where(col(Staff.id) == staff.id, col(Staff.totp_last_step) < step)
        .values(totp_last_step=step)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:
        raise NotAuthenticated("staff_sign_in_failed")


def _audit(
    session: Session,
    action: str,
    staff: Staff,
    acting_user: Actor,
    now: datetime,
    roles: list[str] | None = None,
) -> None:
    subject = f"staff:{staff.login}"
    audit.record(
        session, acting_user=acting_user, action=action, subject=subject, now=now, roles=roles
    )
