"""What was told of members, written once when a part of a month is closed and never changed.

Late records, corrections, and members who leave, change their team or close their account do not
move it: two pages of two days tell the same.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.disclosure import FEWEST_PEOPLE

PERIOD_LENGTH = len("2026-10/1")


class PartClosed(SQLModel, table=True):
    """A part of a month ("2026-10/1") of which was told what may be told; with part 4 the month."""

    __tablename__ = "part_closed"

    part: str = Field(primary_key=True, max_length=PERIOD_LENGTH)
    closed_at: datetime


class ToldTotal(SQLModel, table=True):
    """What members did in a month or a part of it, by behaviour; behaviour 0 is all together.

    Without numbers when it is withheld.
    """

    __tablename__ = "told_total"
    __table_args__ = (
        sa.CheckConstraint(
            f"people >= {FEWEST_PEOPLE} AND records IS NOT NULL AND reduction_g IS NOT NULL OR "
            "people IS NULL AND records IS NULL AND reduction_g IS NULL",
            name="enough",
        ),
    )

    institution_id: int = Field(primary_key=True)
    period: str = Field(primary_key=True, max_length=PERIOD_LENGTH)
    behavior_id: int = Field(primary_key=True)
    people: int | None = None
    records: int | None = Field(default=None, sa_type=sa.BigInteger)
    reduction_g: int | None = Field(default=None, sa_type=sa.BigInteger)


class ToldTeam(SQLModel, table=True):
    """What a team did in a part of a month, as the team was when the part was closed.

    `team` is "" for members without one. Behaviour 0 stands for no act: `people` is then how many
    were in the team on any of the days.
    """

    __tablename__ = "told_team"
    __table_args__ = (
        sa.CheckConstraint(
            f"people >= {FEWEST_PEOPLE} OR behavior_id = 0 AND records = 0", name="enough"
        ),
    )

    institution_id: int = Field(primary_key=True)
    part: str = Field(primary_key=True, max_length=PERIOD_LENGTH)
    behavior_id: int = Field(primary_key=True)
    team: str = Field(primary_key=True, max_length=40)
    people: int
    records: int = Field(sa_type=sa.BigInteger)
