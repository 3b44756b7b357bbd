"""Who takes part: carbon accounts, the residents and staff behind them, consents and sessions."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


def _stored(row_id: int | None) -> int:
    if row_id is None:
        raise ValueError("the row has no id before it is flushed")
    return row_id


class AccountKind(StrEnum):
    """Who stands behind a carbon account."""

    PERSON = "person"  # a resident who signed up
    PSEUDONYM = "pseudonym"  # a subject of a partner's feed whom nobody has claimed yet
    BENEFICIARY = "beneficiary"  # a project, institution, class, community or event given to
    INSTITUTION = "institution"  # an institution with an inventory and lots of its own


class District(SQLModel, table=True):
    """A county or district of the city, by its official division code."""

    __tablename__ = "district"

    code: str = Field(primary_key=True, max_length=12)
    name_zh: str = Field(max_length=40)
    name_en: str = Field(max_length=60)
    sort: int


class Account(SQLModel, table=True):
    """A personal carbon account; holds nothing by which a person could be told.

    `public_id` is random and may appear in pages, never derived from anything personal.
    """

    __tablename__ = "account"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('person', 'pseudonym', 'beneficiary', 'institution')", name="kind"
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    kind: str = Field(max_length=12)
    district_code: str | None = Field(
        default=None, foreign_key="district.code", ondelete="RESTRICT", max_length=12
    )
    opened_at: datetime
    closed_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        return _stored(self.id)


class Resident(SQLModel, table=True):
    """The personal half of an account: what erasure deletes."""

    __tablename__ = "resident"

    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    # HMAC of the number, to find it; the number itself only sealed.
    phone_index: str = Field(unique=True, max_length=64)
    phone_sealed: bytes
    phone_tail: str = Field(max_length=4)
    locale: str = Field(default="zh", max_length=8)
    # The first day of the month of birth, told by the resident when an offer asks for an age.
    born_month: date | None = None
    created_at: datetime


class Guardian(SQLModel, table=True):
    """A resident who answers for a child under 14: the child may take rewards while it holds."""

    __tablename__ = "guardian"
    __table_args__ = (
        sa.CheckConstraint("child_id <> guardian_id", name="two_people"),
        sa.Index(
            "uq_guardian_in_force",
            "child_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_guardian_guardian_id", "guardian_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    child_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    guardian_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    confirmed_at: datetime
    ended_at: datetime | None = None


class GuardianCode(SQLModel, table=True):
    """A code that a child's page shows and the guardian types in their own account."""

    __tablename__ = "guardian_code"

    code_hash: str = Field(primary_key=True, max_length=64)
    child_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT", unique=True)
    created_at: datetime
    expires_at: datetime


class Staff(SQLModel, table=True):
    """A person who works for the operator; signs in with password and TOTP."""

    __tablename__ = "staff"

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True, max_length=64)
    display_name: str = Field(max_length=80)
    password_hash: str = Field(max_length=255)
    totp_sealed: bytes
    # The last accepted time step: a TOTP code is good once.
    totp_last_step: int = Field(default=0, sa_type=sa.BigInteger)
    active: bool = True
    locale: str = Field(default="zh", max_length=8)
    created_at: datetime
    last_sign_in_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        return _stored(self.id)


class StaffRole(SQLModel, table=True):
    """A role a member of staff holds."""

    __tablename__ = "staff_role"

    staff_id: int = Field(primary_key=True, foreign_key="staff.id", ondelete="RESTRICT")
    role: str = Field(primary_key=True, max_length=32)
    granted_at: datetime


class LoginSession(SQLModel, table=True):
    """A signed-in browser; the cookie carries a token of which only the hash is stored."""

    __tablename__ = "login_session"
    __table_args__ = (
        sa.CheckConstraint("(account_id IS NULL) <> (staff_id IS NULL)", name="one_person"),
        sa.Index("ix_login_session_account_id", "account_id"),
        sa.Index("ix_login_session_staff_id", "staff_id"),
    )

    token_hash: str = Field(primary_key=True, max_length=64)
    account_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    staff_id: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class OneTimeCode(SQLModel, table=True):
    """A code sent to a phone: six digits, single use, bound to the request that asked for it."""

    __tablename__ = "one_time_code"
    __table_args__ = (
        sa.Index("ix_one_time_code_phone_index", "phone_index"),
        sa.Index("ix_one_time_code_expires_at", "expires_at"),
    )

    request_hash: str = Field(primary_key=True, max_length=64)
    phone_index: str = Field(max_length=64)
    # Sealed so that the sign-in can store the number after consent without asking for it again.
    phone_sealed: bytes
    code_hash: str = Field(max_length=64)
    attempts: int = 0
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class RateCount(SQLModel, table=True):
    """How often something was tried in a window; in the database, for all workers together."""

    __tablename__ = "rate_count"
    __table_args__ = (sa.Index("ix_rate_count_expires_at", "expires_at"),)

    scope: str = Field(primary_key=True, max_length=32)
    # A blind index of the number or address, never the thing itself.
    key_index: str = Field(primary_key=True, max_length=64)
    # A window opens with its first try; after its end the row starts again at one.
    window_start: datetime
    count: int
    expires_at: datetime


class Consent(SQLModel, table=True):
    """A consent given by a resident for one purpose, with the text they saw; never overwritten."""

    __tablename__ = "consent"
    __table_args__ = (
        sa.Index("ix_consent_account_id_purpose", "account_id", "purpose"),
        # At most one consent of a purpose is in force.
        sa.Index(
            "uq_consent_in_force",
            "account_id",
            "purpose",
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    purpose: str = Field(max_length=64)
    version: str = Field(max_length=16)
    text_sha256: str = Field(max_length=64)
    channel: str = Field(max_length=16)
    given_at: datetime
    withdrawn_at: datetime | None = None
