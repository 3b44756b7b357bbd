"""What a city and its institutions add up to: totals by day and month, never shown by person."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId

MONTH_LENGTH = len("2026-03")


class DayChange(SQLModel, table=True):
    """A day whose records changed and whose totals are to be worked out again.

    Written in the transaction of the change, one row a batch and day, so that no change can be
    missed: whoever adds up takes the rows it can see, and later ones wait for the next time.
    `account_id` names a person who now lives elsewhere, so that people are counted where they are.
    """

    __tablename__ = "day_change"

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    business_day: date
    account_id: int | None = Field(default=None, sa_type=sa.BigInteger)


class DayTotal(SQLModel, table=True):
    """The records that count of one day, behaviour, district and evidence grade.

    `district_code` is "" for people whose district is not known. What re-scorings changed is in.
    """

    __tablename__ = "day_total"

    business_day: date = Field(primary_key=True)
    behavior_id: int = Field(primary_key=True)
    district_code: str = Field(primary_key=True, max_length=12)
    evidence: str = Field(primary_key=True, max_length=1)
    records: int
    people: int
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)


class GroupPerson(SQLModel, table=True):
    """That a person ever had a counted record in a group, so that people are counted once.

    Read by nothing but the adding up; a person's rows stand together.
    """

    __tablename__ = "group_person"

    account_id: int = Field(sa_type=sa.BigInteger, primary_key=True)
    behavior_id: int = Field(primary_key=True)
    evidence: str = Field(primary_key=True, max_length=1)


class MonthPerson(SQLModel, table=True):
    """That a person had a counted record in a month ("2026-03"), and in which district they count.

    All rows of a person tell the same district: the one they live in now. The rows of a month
    stand together, so that older months are not read when people of a day are looked up.
    """

    __tablename__ = "month_person"
    __table_args__ = (sa.Index("ix_month_person_account_id", "account_id"),)

    month: str = Field(primary_key=True, max_length=MONTH_LENGTH)
    account_id: int = Field(sa_type=sa.BigInteger, primary_key=True)
    district_code: str = Field(max_length=12)


class CityTotal(SQLModel, table=True):
    """What the public pages show: one row a group, read without adding anything up.

    dimension: all, behavior, district, evidence, month, year or year_district ("2026/370811");
    `key` the group ("" for all).  withheld: may not be told, or others could be worked out.
    """

    __tablename__ = "city_total"

    dimension: str = Field(primary_key=True, max_length=16)
    key: str = Field(primary_key=True, max_length=64)
    records: int = Field(sa_type=sa.BigInteger)
    people: int = Field(sa_type=sa.BigInteger)
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)
    withheld: bool = True
    updated_at: datetime


class InstitutionDay(SQLModel, table=True):
    """What the members of an institution came to on a day, by behaviour and evidence grade."""

    __tablename__ = "institution_day"

    business_day: date = Field(primary_key=True)
    institution_id: int = Field(primary_key=True)
    behavior_id: int = Field(primary_key=True)
    evidence: str = Field(primary_key=True, max_length=1)
    records: int
    people: int
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)


class ActiveMember(SQLModel, table=True):
    """On which days of a month a member had a counted record of a behaviour: bit 0 is the 1st."""

    __tablename__ = "active_member"

    month: str = Field(primary_key=True, max_length=MONTH_LENGTH)
    institution_id: int = Field(primary_key=True)
    behavior_id: int = Field(primary_key=True)
    account_id: int = Field(sa_type=sa.BigInteger, primary_key=True)
    days: int


class InstitutionMonth(SQLModel, table=True):
    """What the members of an institution came to in a month; behaviour 0 is all of them."""

    __tablename__ = "institution_month"

    institution_id: int = Field(primary_key=True)
    month: str = Field(primary_key=True, max_length=MONTH_LENGTH)
    behavior_id: int = Field(primary_key=True)
    records: int = Field(sa_type=sa.BigInteger)
    people: int
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)


class PlanIndicatorValue(SQLModel, table=True):
    """What the city reported of an indicator of a plan for a year; the newest of a year counts.

    `value` is a decimal text in the indicator's unit, `source` says where it was published.
    """

    __tablename__ = "plan_indicator_value"
    __table_args__ = (sa.Index("ix_plan_indicator_value_code", "code", "year", "id"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    code: str = Field(max_length=64)
    year: int
    value: str = Field(max_length=32)
    source: str = Field(max_length=300)
    reported_by: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    reported_at: datetime
