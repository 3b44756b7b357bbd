"""A counter with a cashier, two members of staff, and coupons that are used at it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.models import Staff
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from rewards import coupon_codes, merchants, scanning
from rewards.merchant_models import Merchant, Settlement
from rewards.models import Coupon
from rewards.scanning import Answer, Place
from rewards.settlement_queries import sample_of
from rewards.settling import approve, draft, record_check, submit
from tests.rewards.redeeming.arranging import (
    DAY,
    NOW,
    Shop,
    open_people,
    open_shop,
    redeem,
    use,
)

# The day after, when what was used at NOW can be settled.
TOMORROW = NOW + timedelta(days=1)


@dataclass
class Counter:
    """Everything around one till."""

    app: Flask
    session: Session
    shop: Shop = field(init=False)
    holder: int = field(init=False)
    clerk: int = field(init=False)
    ann: Actor = field(init=False)
    ben: Actor = field(init=False)

    def __post_init__(self) -> None:
        self.shop = open_shop(self.session)
        self.holder, self.clerk = open_people(self.session, 2, credits=5000)
        self.ann, self.ben = self.employ("ann"), self.employ("ben")
        self.join(self.clerk, merchants.OWNER)
        self.session.commit()

    @property
    def vault(self) -> Vault:
        """Return the application's vault."""
        found: Vault = self.app.extensions["carbonaccount.vault"]
        return found

    @property
    def merchant(self) -> Merchant:
        """Return the merchant."""
        return self.session.get_one(Merchant, self.shop.merchant_id)

    @property
    def place(self) -> Place:
        """Return who presses, and where."""
        return Place(self.shop.merchant_id, self.shop.till_id, self.clerk)

    def employ(self, login: str) -> Actor:
        """Add a member of staff."""
        staff = Staff(
            login=login, display_name=login, password_hash="x", totp_sealed=b"x", created_at=NOW
        )
        self.session.add(staff)
        self.session.flush()
        return Actor("staff", login, staff.id)

    def join(self, account_id: int, role: str) -> None:
        """Let a person join the merchant with an invitation."""
        acting = Actor("resident", "x", account_id)
        code = merchants.invite(
            self.session,
            merchant=self.merchant,
            role=role,
            vault=self.vault,
            acting_user=acting,
            now=NOW,
        )
        merchants.join(
            self.session,
            code=code,
            account_id=account_id,
            vault=self.vault,
            acting_user=acting,
            now=NOW,
        )

    def coupon(self, key: str = "key") -> Coupon:
        """Let the holder take the reward."""
        return redeem(self.session, self.shop, self.holder, key)

    def used(self, number: int) -> list[Coupon]:
        """Let the holder take and use some coupons."""
        coupons = [self.coupon(f"key-{each}") for each in range(number)]
        for coupon in coupons:
            use(self.session, self.shop, coupon, self.clerk)
        self.session.commit()
        return coupons

    def look(self, text: str, key: str = "look-0001", now: datetime = NOW) -> Answer:
        """Scan or type something."""
        answer = scanning.look(
            self.session, place=self.place, request_key=key, text=text, vault=self.vault, now=now
        )
        self.session.commit()
        return answer

    def shown(self, coupon: Coupon, now: datetime = NOW) -> str:
        """Return the text of the QR code that the holder's page shows."""
        return coupon_codes.shown(coupon, vault=self.vault, now=now).qr_text

    def press(
        self, key: str = "use-00001", look_key: str = "look-0001", now: datetime = NOW
    ) -> Answer:
        """Confirm what was looked at."""
        answer = scanning.use(
            self.session,
            place=self.place,
            request_key=key,
            look_key=look_key,
            acting_user=Actor("resident", "x", self.clerk),
            now=now,
        )
        self.session.commit()
        return answer

    def undo(self, coupon: Coupon, key: str = "undo-0001", now: datetime = NOW) -> Answer:
        """Take a use back."""
        answer = scanning.undo(
            self.session,
            place=self.place,
            request_key=key,
            coupon_public_id=coupon.public_id,
            reason="扫错了",
            acting_user=Actor("resident", "x", self.clerk),
            now=now,
        )
        self.session.commit()
        return answer

    def draft(self) -> Settlement:
        """Draft a settlement of the one day."""
        settlement = draft(
            self.session,
            merchant_id=self.shop.merchant_id,
            first_day=DAY,
            last_day=DAY,
            acting_user=self.ann,
            now=TOMORROW,
        )
        self.session.commit()
        return settlement

    def approved(self) -> Settlement:
        """Draft, submit, check and approve a settlement."""
        settlement = self.draft()
        public_id = settlement.public_id
        submit(self.session, public_id=public_id, acting_user=self.ann, now=TOMORROW)
        for row in sample_of(self.session, settlement_id=settlement.id or 0):
            record_check(
                self.session,
                public_id=public_id,
                coupon_public_id=row.coupon.public_id,
                result="fine",
                note="",
                acting_user=self.ben,
                now=TOMORROW,
            )
        approve(self.session, public_id=public_id, acting_user=self.ben, now=TOMORROW)
        self.session.commit()
        return settlement
