"""What a city adds up to: totals by day, kept as records come in, never persons."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId


class DayChange(SQLModel, table=True):
    """A day whose records changed and whose totals are to be worked out again.

    Written in the transaction of the change, one row a batch and day, so that no change can be
    missed: whoever adds up takes the rows it can see, and later ones wait for the next time.
    """

    __tablename__ = "day_change"

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    business_day: date


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
    """That a person has a record in a group, so that people are counted once; city's eyes only."""

    __tablename__ = "group_person"

    behavior_id: int = Field(primary_key=True)
    evidence: str = Field(primary_key=True, max_length=1)
    account_id: int = Field(sa_type=sa.BigInteger, primary_key=True)


class CityTotal(SQLModel, table=True):
    """What the public pages show: one row a group, read without adding anything up.

    dimension: all, behavior, district, evidence or month; `key` the group ("" for all).
    """

    __tablename__ = "city_total"

    dimension: str = Field(primary_key=True, max_length=12)
    key: str = Field(primary_key=True, max_length=64)
    records: int = Field(sa_type=sa.BigInteger)
    people: int = Field(sa_type=sa.BigInteger)
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)
    updated_at: datetime
