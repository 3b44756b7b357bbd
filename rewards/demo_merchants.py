"""People of the demonstration's merchants: an owner each, who signs in with a number of its own.

The demonstration shows the sign-in code on the page, so these numbers receive nothing.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount.accounts import notices, sessions
from carbonaccount.accounts.services import SignIn, resident_actor, sign_in_resident
from carbonaccount.accounts.sessions import Owner
from carbonaccount.crypto import Vault
from rewards import demo, demo_fund
from rewards.merchant_models import Merchant, MerchantMember
from rewards.merchants import OWNER

# One for each of `demo.SHOPS`, in their order.
OWNER_PHONES = ("13800000021", "13800000022")


def load(session: Session, *, now: datetime, vault: Vault) -> int:
    """Load the demonstration's rewards and merchants; returns how many rewards were added.

    Loading again changes nothing. The caller commits.
    """
    added = demo.load(session, now=now)
    for shop, phone in zip(demo.SHOPS, OWNER_PHONES, strict=True):
        merchant = session.exec(
            select(Merchant).where(col(Merchant.name_zh) == shop.name_zh)
        ).first()
        if merchant is not None and not _has_people(session, merchant):
            _employ(session, merchant, phone, vault, now)
    demo_fund.load(session, now=now, vault=vault)
    return added


def _has_people(session: Session, merchant: Merchant) -> bool:
    found = select(MerchantMember).where(col(MerchantMember.merchant_id) == merchant.id)
    return session.exec(found).first() is not None


def _employ(session: Session, merchant: Merchant, phone: str, vault: Vault, now: datetime) -> None:
    """Register the owner as the sign-in does, and sign them out again."""
    notice = notices.privacy_notice(language="zh", city="", operator="", contact="")
    proven = SignIn(
        phone=phone,
        district_code=merchant.district_code,
        locale="zh",
        notice_version=notice.version,
        notice_text=notice.text,
    )
    account, _token = sign_in_resident(session, sign_in=proven, vault=vault, now=now)
    sessions.revoke_all(
        session,
        owner=Owner(account_id=account.stored_id),
        acting_user=resident_actor(account),
        now=now,
    )
    session.add(
        MerchantMember(
            merchant_id=merchant.id or 0, account_id=account.stored_id, role=OWNER, joined_at=now
        )
    )
    session.flush()
