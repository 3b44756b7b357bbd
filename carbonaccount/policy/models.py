"""The city's own decisions, each with a day from which it holds; a change is a new row."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class CreditPolicy(SQLModel, table=True):
    """What a credit is worth and how long it lasts; for the budget, never shown as money."""

    __tablename__ = "credit_policy"
    __table_args__ = (
        sa.UniqueConstraint("valid_from"),
        sa.CheckConstraint("value_micro_yuan >= 0", name="value_not_negative"),
        sa.CheckConstraint("valid_years BETWEEN 1 AND 10", name="valid_years"),
    )

    id: int | None = Field(default=None, primary_key=True)
    valid_from: date
    # Millionths of a yuan a credit: 1,000 is one yuan a thousand credits.
    value_micro_yuan: int = Field(sa_type=sa.BigInteger)
    # Credits end with the Nth calendar year after the year of issue.
    valid_years: int = 1
    # What the rewards of one calendar year may cost, in fen.
    yearly_budget_fen: int = Field(sa_type=sa.BigInteger)
    set_by: str = Field(max_length=80)
    set_at: datetime


class Holiday(SQLModel, table=True):
    """A day that is not what its weekday says: a public holiday, or a Saturday worked."""

    __tablename__ = "holiday"

    day: date = Field(primary_key=True)
    is_workday: bool
    name_zh: str = Field(max_length=40)
    # The announcement the day is taken from, empty for none given.
    source: str = Field(default="", max_length=300)
