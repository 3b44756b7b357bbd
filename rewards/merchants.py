"""Merchants, their tills and their people; a person joins with a code that is good once.

Whoever works at a till signs in as any resident does: there are no passwords of shops, and each
use of a coupon names the person who confirmed it.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import Account, District, Resident
from carbonaccount.accounts.rules import CROCKFORD_ALPHABET
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from rewards.merchant_models import (
    Merchant,
    MerchantInvitation,
    MerchantMember,
    MerchantTill,
    RewardMerchant,
)
from rewards.models import Reward

OWNER = "owner"
CASHIER = "cashier"
ROLES = (OWNER, CASHIER)
INVITATION_LIFE = timedelta(days=1)
INVITATION_LENGTH = 10
_INVITATION_PURPOSE = "merchant:invitation"
LONGEST_NAME = 80
LONGEST_TILL_NAME = 40
LONGEST_ADDRESS = 200
# What people write for letters that Crockford's base 32 leaves out.
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0"})


class Membership(NamedTuple):
    """A person's place at a merchant."""

    member: MerchantMember
    merchant: Merchant

    @property
    def is_owner(self) -> bool:
        """Return whether the person looks after people, tills and statements."""
        return self.member.role == OWNER


class Person(NamedTuple):
    """A person of a merchant as its owner sees them."""

    member: MerchantMember
    public_id: str
    phone_tail: str


def add_merchant(
    session: Session,
    *,
    name_zh: str,
    name_en: str,
    district_code: str | None,
    address: str,
    first_till: str,
    acting_user: Actor,
    now: datetime,
) -> Merchant:
    """Admit a merchant with its first till.

    Raises Invalid: merchant_name, merchant_address, district_unknown, till_name. Does not commit.
    """
    _check_merchant(session, name_zh, name_en, district_code, address)
    merchant = Merchant(
        public_id=new_public_id(),
        name_zh=name_zh.strip(),
        name_en=name_en.strip(),
        district_code=district_code,
        address=address.strip(),
        created_at=now,
    )
    session.add(merchant)
    session.flush()
    _audit(session, merchant, "merchant.add", acting_user, now)
    add_till(session, merchant=merchant, name=first_till, acting_user=acting_user, now=now)
    return merchant


def edit_merchant(
    session: Session,
    *,
    merchant: Merchant,
    name_zh: str,
    name_en: str,
    district_code: str | None,
    address: str,
    active: bool,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Change what is known of a merchant; one that is not active takes no coupons."""
    _check_merchant(session, name_zh, name_en, district_code, address)
    merchant.name_zh, merchant.name_en = name_zh.strip(), name_en.strip()
    merchant.district_code, merchant.address = district_code, address.strip()
    merchant.active = active
    session.add(merchant)
    _audit(session, merchant, "merchant.edit", acting_user, now, active=active)


def _check_merchant(
    session: Session, name_zh: str, name_en: str, district_code: str | None, address: str
) -> None:
    if not 1 <= len(name_zh.strip()) <= LONGEST_NAME:
        raise Invalid("merchant_name", field="name_zh", limit=LONGEST_NAME)
    if len(name_en.strip()) > LONGEST_NAME:
        raise Invalid("merchant_name", field="name_en", limit=LONGEST_NAME)
    if len(address.strip()) > LONGEST_ADDRESS:
        raise Invalid("merchant_address", field="address", limit=LONGEST_ADDRESS)
    if district_code is not None and session.get(District, district_code) is None:
        raise Invalid("district_unknown", field="district")


def add_till(
    session: Session, *, merchant: Merchant, name: str, acting_user: Actor, now: datetime
) -> MerchantTill:
    """Add a till. Raises Invalid with till_name, Conflict with till_exists."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_TILL_NAME:
        raise Invalid("till_name", field="name", limit=LONGEST_TILL_NAME)
    till = MerchantTill(merchant_id=merchant.id or 0, name=name)
    try:
        with session.begin_nested():
            session.add(till)
            session.flush()
    except IntegrityError as error:
        raise Conflict("till_exists", field="name", name=name) from error
    _audit(session, merchant, "merchant.till", acting_user, now, till=till.id)
    return till


def set_till_active(
    session: Session,
    *,
    merchant: Merchant,
    till_id: int,
    active: bool,
    acting_user: Actor,
    now: datetime,
) -> MerchantTill:
    """Close a till or open it again. Raises NotFound for a till of another merchant."""
    till = session.get(MerchantTill, till_id)
    if till is None or till.merchant_id != merchant.id:
        raise NotFound("till_not_found")
    till.active = active
    session.add(till)
    _audit(session, merchant, "merchant.till", acting_user, now, till=till_id, active=active)
    return till


def invite(
    session: Session,
    *,
    merchant: Merchant,
    role: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> str:
    """Return a code with which one person joins within a day; only a keyed hash is stored."""
    if role not in ROLES:
        raise Invalid("member_role", field="role")
    code = "".join(secrets.choice(CROCKFORD_ALPHABET) for _ in range(INVITATION_LENGTH))
    session.add(
        MerchantInvitation(
            code_hash=vault.index(code, purpose=_INVITATION_PURPOSE),
            merchant_id=merchant.id or 0,
            role=role,
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
    )
    _audit(session, merchant, "merchant.invite", acting_user, now, role=role)
    return code


def join(
    session: Session,
    *,
    code: str,
    account_id: int,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> Membership:
    """Let a person join with a code. Raises Invalid with invitation_bad: unknown, used or late.

    The statement that marks the code as used is the guard: two people with one code, and one
    gets in.
    """
    written = code.upper().translate(_MISREAD)
    cleaned = "".join(sign for sign in written if sign in CROCKFORD_ALPHABET)
    used = session.exec(
        sa.update(MerchantInvitation)
        .where(
            col(MerchantInvitation.code_hash) == vault.index(cleaned, purpose=_INVITATION_PURPOSE),
            col(MerchantInvitation.used_at).is_(None),
            col(MerchantInvitation.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(MerchantInvitation.merchant_id), col(MerchantInvitation.role))
    ).first()
    if used is None:
        raise Invalid("invitation_bad", field="code")
    merchant_id, role = used
    merchant = session.get_one(Merchant, merchant_id)
    member = _enrol(session, merchant_id, account_id, role, now)
    _audit(session, merchant, "merchant.join", acting_user, now, account=account_id, role=role)
    return Membership(member, merchant)


def _enrol(
    session: Session, merchant_id: int, account_id: int, role: str, now: datetime
) -> MerchantMember:
    """Write the membership; who is an owner already does not become less by a cashier's code."""
    member = session.get(MerchantMember, (merchant_id, account_id))
    if member is None:
        member = MerchantMember(
            merchant_id=merchant_id, account_id=account_id, role=role, joined_at=now
        )
    elif not member.active:
        member.role, member.active, member.joined_at = role, True, now
    elif role == OWNER:
        member.role = OWNER
    session.add(member)
    session.flush()
    return member


def remove_member(
    session: Session, *, merchant: Merchant, public_id: str, acting_user: Actor, now: datetime
) -> None:
    """Take a person off a merchant at once.

    Raises NotFound with member_not_found, Conflict with last_owner: a merchant without an owner
    could invite nobody. Staff may remove that one too, to begin anew.
    """
    lock(session, merchant_id=merchant.id or 0)
    member = session.exec(
        select(MerchantMember)
        .join(Account, col(Account.id) == col(MerchantMember.account_id))
        .where(
            col(MerchantMember.merchant_id) == merchant.id,
            col(MerchantMember.active),
            col(Account.public_id) == public_id,
        )
    ).first()
    if member is None:
        raise NotFound("member_not_found")
    if (
        member.role == OWNER
        and acting_user.kind != "staff"
        and len(owner_accounts(session, merchant_id=merchant.id or 0)) == 1
    ):
        raise Conflict("last_owner")
    member.active = False
    session.add(member)
    _audit(session, merchant, "merchant.leave", acting_user, now, account=member.account_id)


def lock(session: Session, *, merchant_id: int) -> Merchant:
    """Let nobody else change a merchant's people, statements and disputes until the commit.

    Coupons are still used meanwhile: their reference to the merchant does not wait for this.
    Raises NotFound with merchant_not_found.
    """
    merchant = session.exec(
        select(Merchant)
        .where(col(Merchant.id) == merchant_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()
    if merchant is None:
        raise NotFound("merchant_not_found")
    return merchant


def owner_accounts(session: Session, *, merchant_id: int) -> list[int]:
    """Return the accounts of those who look after a merchant."""
    found = session.exec(
        select(col(MerchantMember.account_id)).where(
            col(MerchantMember.merchant_id) == merchant_id,
            col(MerchantMember.role) == OWNER,
            col(MerchantMember.active),
        )
    )
    return list(found)


def memberships(session: Session, *, account_id: int) -> list[Membership]:
    """Return the merchants at which a person works and which take coupons."""
    rows = session.exec(
        select(MerchantMember, Merchant)
        .join(Merchant, col(Merchant.id) == col(MerchantMember.merchant_id))
        .where(
            col(MerchantMember.account_id) == account_id,
            col(MerchantMember.active),
            col(Merchant.active),
        )
        .order_by(col(Merchant.name_zh), col(Merchant.id))
    )
    return [Membership(member, merchant) for member, merchant in rows]


def membership(
    session: Session, *, account_id: int, merchant_id: int, role: str | None = None
) -> Membership:
    """Return a person's place at a merchant; raises Refused with not_your_merchant, owner_only."""
    found = [
        place
        for place in memberships(session, account_id=account_id)
        if place.merchant.id == merchant_id
    ]
    if not found:
        raise Refused("not_your_merchant")
    if role == OWNER and not found[0].is_owner:
        raise Refused("owner_only")
    return found[0]


def tills(session: Session, *, merchant_id: int, active_only: bool = False) -> list[MerchantTill]:
    """Return a merchant's tills by name."""
    wanted = select(MerchantTill).where(col(MerchantTill.merchant_id) == merchant_id)
    if active_only:
        wanted = wanted.where(col(MerchantTill.active))
    return list(session.exec(wanted.order_by(col(MerchantTill.name))))


def people(session: Session, *, merchant_id: int) -> list[Person]:
    """Return who works at a merchant, owners first."""
    rows = session.exec(
        select(MerchantMember, col(Account.public_id), col(Resident.phone_tail))
        .join(Account, col(Account.id) == col(MerchantMember.account_id))
        .outerjoin(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(MerchantMember.merchant_id) == merchant_id, col(MerchantMember.active))
        .order_by(col(MerchantMember.role).desc(), col(MerchantMember.joined_at))
    )
    return [Person(member, public_id, tail or "") for member, public_id, tail in rows]


def rewards_of(session: Session, *, merchant_id: int) -> list[Reward]:
    """Return the rewards whose coupons a merchant takes."""
    return list(
        session.exec(
            select(Reward)
            .join(RewardMerchant, col(RewardMerchant.reward_id) == col(Reward.id))
            .where(col(RewardMerchant.merchant_id) == merchant_id)
            .order_by(col(Reward.id))
        )
    )


def find_merchant(session: Session, *, public_id: str) -> Merchant:
    """Return a merchant; raises NotFound with merchant_not_found."""
    found = session.exec(select(Merchant).where(col(Merchant.public_id) == public_id)).first()
    if found is None:
        raise NotFound("merchant_not_found")
    return found


def _audit(
    session: Session,
    merchant: Merchant,
    action: str,
    acting_user: Actor,
    now: datetime,
    **details: int | str | None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"merchant:{merchant.public_id}",
        now=now,
        reason=None,
        success=True,
        **details,
    )
