"""The jobs in the database: what was done for a period, and what was tried."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId


class JobRun(SQLModel, table=True):
    """One run of a job for one period; the unique key is what makes it happen once."""

    __tablename__ = "job_run"
    __table_args__ = (sa.UniqueConstraint("job", "period"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    job: str = Field(max_length=64)
    period: date
    started_at: datetime
    finished_at: datetime | None = None
    summary: str | None = Field(default=None, max_length=500)
    # The leader's epoch; None for a run by hand.
    epoch: int | None = Field(default=None, sa_type=sa.BigInteger)


class JobAttempt(SQLModel, table=True):
    """How a job stands for a period: how often it was tried, and what came of it at last.

    error: the code of a refusal or the class of an exception; never its text, which may name
    people.  asked_by: who of the staff asked for the last try, empty for the scheduler.  epoch:
    that of the leader that tried last, None for a try by hand.  fenced: tries of leaders whose
    epoch was over when they wanted to commit.  dry_run: what the job would have done.
    """

    __tablename__ = "job_attempt"
    __table_args__ = (sa.UniqueConstraint("job", "period", "dry_run"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    job: str = Field(max_length=64)
    period: date
    dry_run: bool = False
    state: str = Field(max_length=12)  # waiting, running, done, failed, fenced
    attempts: int = 0
    fenced: int = 0
    epoch: int | None = Field(default=None, sa_type=sa.BigInteger)
    asked_by: str = Field(default="", max_length=80)
    started_at: datetime
    finished_at: datetime | None = None
    error: str = Field(default="", max_length=100)
    summary: str = Field(default="", max_length=500)
