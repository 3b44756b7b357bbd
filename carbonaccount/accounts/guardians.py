"""Ages and guardians: a child under 14 takes rewards only while a grown-up answers for it.

Only the month of birth is kept, told by the resident when an offer asks for an age. The child's
page shows a code that the guardian types in their own account, so both have to agree, and either
may end it.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.limits import Limit
from carbonaccount.accounts.models import Account, Guardian, GuardianCode, Resident
from carbonaccount.accounts.rules import CROCKFORD_ALPHABET
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound

# 个人信息保护法, article 31: under 14 a guardian consents.
AGE_OF_CONSENT = 14
# 民法典, article 17: grown up at 18.
FULL_AGE = 18
OLDEST = 120
CODE_LENGTH = 8
CODE_LIFETIME = timedelta(minutes=30)
GUESSES = Limit("guardian_guess", 10, timedelta(hours=1))
_PURPOSE = "guardian-code"


@dataclass(frozen=True)
class Standing:
    """What is known of a person when a reward asks: month of birth, and whether one answers."""

    born_month: date | None
    has_guardian: bool
    district_code: str | None


def age(born_month: date, day: date) -> int:
    """Return the years somebody born in a month is certainly old on a day.

    Of a birthday only the month is known, so a year is counted when that month is over.
    """
    months = (day.year - born_month.year) * 12 + day.month - born_month.month
    return max(0, (months - 1) // 12)


def needs_guardian(born_month: date | None, day: date) -> bool:
    """Return whether somebody told to be under 14 on this day."""
    return born_month is not None and age(born_month, day) < AGE_OF_CONSENT


# Built once: every press of a button that takes something asks it.
_STANDING = (
    sa.select(
        col(Resident.born_month),
        sa.select(sa.literal(1))
        .where(
            col(Guardian.child_id) == sa.bindparam("account_id"), col(Guardian.ended_at).is_(None)
        )
        .exists(),
        col(Account.district_code),
    )
    .join(Account, col(Account.id) == col(Resident.account_id))
    .where(col(Resident.account_id) == sa.bindparam("account_id"))
)


def standing_of(session: Session, *, account_id: int) -> Standing:
    """Return what an offer may ask of a resident. Raises NotFound for who is no resident."""
    found = session.execute(_STANDING, {"account_id": account_id}).first()
    if found is None:
        raise NotFound("no_resident")
    born_month, has_guardian, district_code = found
    return Standing(born_month, bool(has_guardian), district_code)


def tell_born_month(
    session: Session, *, account_id: int, born_month: date, acting_user: Actor, now: datetime
) -> None:
    """Keep a resident's month of birth, given as its first day.

    Raises Invalid `born_month_invalid` for a month to come or over 120 years ago, Conflict
    `born_month_older` when the month told before made the person younger: nobody grows up by
    telling another month.
    """
    resident = _resident(session, account_id)
    today = business_day(now)
    if born_month.day != 1 or born_month > today or age(born_month, today) > OLDEST:
        raise Invalid("born_month_invalid", field="born_month")
    if resident.born_month is not None and born_month < resident.born_month:
        raise Conflict("born_month_older")
    resident.born_month = born_month
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.tell_born_month",
        subject=f"account:{account_id}",
        now=now,
    )


def _resident(session: Session, account_id: int) -> Resident:
    found = session.get(Resident, account_id)
    if found is None:
        raise NotFound("no_resident")
    return found


def guardian_of(session: Session, *, child_id: int) -> Guardian | None:
    """Return who answers for a child now."""
    return session.exec(
        select(Guardian).where(col(Guardian.child_id) == child_id, col(Guardian.ended_at).is_(None))
    ).first()


def children_of(session: Session, *, guardian_id: int) -> list[tuple[Guardian, str]]:
    """Return whom a resident answers for now, each with the last digits of the child's number."""
    return [
        (row, tail)
        for row, tail in session.exec(
            select(Guardian, col(Resident.phone_tail))
            .join(Resident, col(Resident.account_id) == col(Guardian.child_id))
            .where(col(Guardian.guardian_id) == guardian_id, col(Guardian.ended_at).is_(None))
            .order_by(col(Guardian.id))
        )
    ]


def child_of(session: Session, *, guardian_row_id: int, account_id: int) -> int | None:
    """Return the child of a guardianship that is one of the account's two sides, else None."""
    row = session.get(Guardian, guardian_row_id)
    if row is None or account_id not in (row.child_id, row.guardian_id):
        return None
    return row.child_id


def ask(session: Session, *, child_id: int, vault: Vault, acting_user: Actor, now: datetime) -> str:
    """Return a code that the guardian types; one asked for before ends with it.

    Raises Conflict `guardian_not_needed` when the child did not tell to be under 14, and
    `guardian_there` when somebody answers for it already.
    """
    if not needs_guardian(_resident(session, child_id).born_month, business_day(now)):
        raise Conflict("guardian_not_needed")
    if guardian_of(session, child_id=child_id) is not None:
        raise Conflict("guardian_there")
    _forget_codes(session, child_id=child_id, now=now)
    code = "".join(secrets.choice(CROCKFORD_ALPHABET) for _ in range(CODE_LENGTH))
    session.add(
        GuardianCode(
            code_hash=vault.index(code, purpose=_PURPOSE),
            child_id=child_id,
            created_at=now,
            expires_at=now + CODE_LIFETIME,
        )
    )
    _audit(session, "guardian.ask", child_id, acting_user, now)
    return code


def _forget_codes(session: Session, *, child_id: int, now: datetime) -> None:
    over = sa.or_(col(GuardianCode.child_id) == child_id, col(GuardianCode.expires_at) <= now)
    session.exec(sa.delete(GuardianCode).where(over))


def confirm(
    session: Session,
    *,
    guardian_id: int,
    code: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> Guardian:
    """Make a grown-up answer for the child whose code they typed; the code is used up.

    Raises Invalid `guardian_age_unknown` and `guardian_too_young` (under 18),
    `guardian_code_wrong` for a wrong, used or expired code, `guardian_oneself`.
    """
    _require_grown_up(_resident(session, guardian_id), business_day(now))
    child_id = _use_code(session, code=code, vault=vault, now=now)
    if child_id == guardian_id:
        raise Invalid("guardian_oneself")
    if guardian_of(session, child_id=child_id) is not None:
        raise Conflict("guardian_there")
    row = Guardian(child_id=child_id, guardian_id=guardian_id, confirmed_at=now)
    session.add(row)
    session.flush()
    _audit(session, "guardian.confirm", child_id, acting_user, now)
    return row


def _require_grown_up(resident: Resident, day: date) -> None:
    if resident.born_month is None:
        raise Invalid("guardian_age_unknown", field="born_month")
    if age(resident.born_month, day) < FULL_AGE:
        raise Invalid("guardian_too_young", minimum=FULL_AGE)


def _use_code(session: Session, *, code: str, vault: Vault, now: datetime) -> int:
    plain = code.replace(" ", "").replace("-", "").upper()
    used = session.exec(
        sa.delete(GuardianCode)
        .where(
            col(GuardianCode.code_hash) == vault.index(plain, purpose=_PURPOSE),
            col(GuardianCode.expires_at) > now,
        )
        .returning(col(GuardianCode.child_id))
    ).first()
    if used is None:
        raise Invalid("guardian_code_wrong", field="code")
    return int(used[0])


def end(
    session: Session, *, account_id: int, child_id: int, acting_user: Actor, now: datetime
) -> bool:
    """Let somebody stop answering for a child, by themselves or by the child; False if nobody did.

    Raises NotFound when the account is neither of the two.
    """
    row = guardian_of(session, child_id=child_id)
    if row is None:
        return False
    if account_id not in (row.child_id, row.guardian_id):
        raise NotFound("no_guardian")
    row.ended_at = now
    _audit(session, "guardian.end", child_id, acting_user, now)
    return True


def _audit(session: Session, action: str, child_id: int, actor: Actor, now: datetime) -> None:
    audit.record(session, acting_user=actor, action=action, subject=f"account:{child_id}", now=now)
