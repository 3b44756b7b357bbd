"""Control totals: what a source sent in a day, told three times, in a table."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class ControlTotal(SQLModel, table=True):
    """What a source sent in a business day, as its records, the answers and the books tell it.

    answered: items that the door said it took (accepted and held).  records, subjects (people),
    reduction_g, credits: of the records that came with those batches.  booked_g,
    booked_credits: of their transfers that stand.
    """

    __tablename__ = "control_total"

    source_id: int = Field(primary_key=True, foreign_key="source.id", ondelete="RESTRICT")
    day: date = Field(primary_key=True)
    batches: int
    answered: int
    records: int
    subjects: int
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)
    booked_g: int = Field(sa_type=sa.BigInteger)
    booked_credits: int = Field(sa_type=sa.BigInteger)
    differs: bool
    checked_at: datetime
