"""Institutions, the people who keep their figures, and the members who are counted with them."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class InstitutionKind(StrEnum):
    """What kind of institution it is, in the words of the plans."""

    AGENCY = "agency"  # 党政机关
    PUBLIC = "public"  # 事业单位
    SCHOOL = "school"
    HOSPITAL = "hospital"
    COMPANY = "company"
    COMMUNITY = "community"  # 社区
    FAMILY = "family"
    MARKET = "market"  # 商场


class Seat(StrEnum):
    """What a person may do for an institution; each may do what the ones below it may."""

    OWNER = "owner"  # people, sending in, locking, publishing
    CLERK = "clerk"  # enters data
    READER = "reader"


class InstitutionStatus(StrEnum):
    """How an institution stands with the city."""

    APPLIED = "applied"
    ACTIVE = "active"
    REFUSED = "refused"
    CLOSED = "closed"


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class Institution(SQLModel, table=True):
    """An institution; its carbon account (kind `institution`) holds its lots and what it is given.

    `credit_code` is the unified social credit code (GB 32100-2015, 18 characters), empty for
    families and communities without one. Areas are in square decimetres (100 to the square metre).
    """

    __tablename__ = "institution"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {_in(InstitutionKind)}", name="kind"),
        sa.CheckConstraint(f"status IN {_in(InstitutionStatus)}", name="status"),
        sa.CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        sa.CheckConstraint("floor_area_dm2 >= 0 AND head_count >= 0", name="sizes"),
        # One institution a code among those that stand or are being looked at.
        sa.Index(
            "uq_institution_credit_code",
            "credit_code",
            unique=True,
            sqlite_where=sa.text("credit_code <> '' AND status IN ('applied', 'active')"),
            postgresql_where=sa.text("credit_code <> '' AND status IN ('applied', 'active')"),
        ),
        sa.Index("ix_institution_parent_id", "parent_id"),
        sa.Index("ix_institution_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    account_id: int = Field(
        sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT", unique=True
    )
    kind: str = Field(max_length=12)
    name_zh: str = Field(max_length=80)
    name_en: str = Field(default="", max_length=120)
    credit_code: str = Field(default="", max_length=18)
    district_code: str | None = Field(
        default=None, foreign_key="district.code", ondelete="RESTRICT", max_length=12
    )
    parent_id: int | None = Field(default=None, foreign_key="institution.id", ondelete="RESTRICT")
    floor_area_dm2: int = Field(default=0, sa_type=sa.BigInteger)
    head_count: int = 0
    status: str = Field(default="applied", max_length=12)
    applied_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    applied_at: datetime
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    decision: str = Field(default="", max_length=500)

    @property
    def is_withdrawn(self) -> bool:
        """Return whether it is an application that was taken back: it ended, and no officer did."""
        return self.status == InstitutionStatus.CLOSED and self.decided_by is None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class InstitutionApplicant(SQLModel, table=True):
    """Who applied for an institution, as they say themselves, and what lets them act for it.

    Personal data, for the officer who decides. `authority` is a reference (an office, a document's
    number); the file that proves it lies in the store of papers, "" for none. Institutions from
    before this was asked, and those of published lists, have no such row.
    """

    __tablename__ = "institution_applicant"
    __table_args__ = (sa.CheckConstraint("name <> '' AND authority <> ''", name="told"),)

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", ondelete="RESTRICT")
    name: str = Field(max_length=40)
    authority: str = Field(max_length=200)
    evidence_sha256: str = Field(default="", max_length=64)
    evidence_file: str = Field(default="", max_length=80)


class InstitutionPerson(SQLModel, table=True):
    """A person with a seat at an institution; signs in as any resident does."""

    __tablename__ = "institution_person"
    __table_args__ = (
        sa.CheckConstraint(f"seat IN {_in(Seat)}", name="seat"),
        sa.Index("ix_institution_person_account_id", "account_id"),
    )

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", ondelete="RESTRICT")
    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    seat: str = Field(max_length=8)
    active: bool = True
    joined_at: datetime


class InstitutionInvitation(SQLModel, table=True):
    """A code by which a person takes a seat: shown once, good once, for a day."""

    __tablename__ = "institution_invitation"

    code_hash: str = Field(primary_key=True, max_length=64)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    seat: str = Field(max_length=8)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class InstitutionMember(SQLModel, table=True):
    """That a resident agreed to be counted with an institution, from a day until they leave.

    A resident may be counted with several institutions (a school and a family); leaving keeps the
    row, so that past totals can be recomputed. `team` is the class or department they chose.
    """

    __tablename__ = "institution_member"
    __table_args__ = (
        sa.CheckConstraint("last_day IS NULL OR last_day >= first_day", name="days"),
        sa.Index(
            "uq_institution_member_in_force",
            "institution_id",
            "account_id",
            unique=True,
            sqlite_where=sa.text("last_day IS NULL"),
            postgresql_where=sa.text("last_day IS NULL"),
        ),
        sa.Index("ix_institution_member_account_id", "account_id"),
        # Who came and went in a month is asked by the institution's first page.
        sa.Index("ix_institution_member_institution_id_first_day", "institution_id", "first_day"),
        sa.Index("ix_institution_member_institution_id_last_day", "institution_id", "last_day"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    team: str = Field(default="", max_length=40)
    first_day: date
    last_day: date | None = None
    consented_at: datetime
    notice_version: str = Field(default="", max_length=32)


class InstitutionJoinCode(SQLModel, table=True):
    """The code (and QR) that an institution shows to its members; a new one ends the old."""

    __tablename__ = "institution_join_code"

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", ondelete="RESTRICT")
    code: str = Field(max_length=16, unique=True)
    created_at: datetime


class InstitutionTeam(SQLModel, table=True):
    """A class or department that members can choose when they join."""

    __tablename__ = "institution_team"
    __table_args__ = (sa.UniqueConstraint("institution_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    name: str = Field(max_length=40)
    active: bool = True


class BelongingStatus(StrEnum):
    """How far a unit's wish to belong to another has come."""

    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"
    ENDED = "ended"


class InstitutionBelonging(SQLModel, table=True):
    """A unit's wish to belong to a parent: the child's owner asks, the parent's owner confirms.

    Agreed, the parent sees the child's totals; the row stays when it ends, so that it can be told
    who saw what from when to when. `Institution.parent_id` is the agreed one in force.
    """

    __tablename__ = "institution_belonging"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(BelongingStatus)}", name="status"),
        sa.CheckConstraint("parent_id <> child_id", name="two_units"),
        sa.Index(
            "uq_institution_belonging_open",
            "child_id",
            unique=True,
            sqlite_where=sa.text("status IN ('asked', 'agreed')"),
            postgresql_where=sa.text("status IN ('asked', 'agreed')"),
        ),
        sa.Index("ix_institution_belonging_parent_id", "parent_id", "status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    child_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    parent_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    status: str = Field(default="asked", max_length=8)
    asked_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
