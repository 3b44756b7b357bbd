"""An institution's own challenges."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class Campaign(SQLModel, table=True):
    """A challenge: one behaviour, from a day to a day, with a goal in acts of all members together.

    Nobody checks in: what is counted are the records that members have anyway.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        sa.CheckConstraint("last_day >= first_day", name="days"),
        sa.CheckConstraint("goal_acts > 0", name="goal_acts"),
        sa.Index("ix_campaign_institution_id", "institution_id", "first_day"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    name_zh: str = Field(max_length=60)
    name_en: str = Field(default="", max_length=90)
    behavior: str = Field(max_length=64)
    first_day: date
    last_day: date
    goal_acts: int = Field(sa_type=sa.BigInteger)
    created_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    created_at: datetime
    called_off_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id
