"""Events that an institution makes carbon neutral: plan, answers of participants, account, paper.

After the ministry's guide for large events (MEE 2019 No. 19): plan before, reduce while it runs,
account afterwards, and make good what is left within a year.
"""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.clock import business_day
from carbonaccount.database import BigId, KeyText


class EventKind(StrEnum):
    """What kind of event it is."""

    MEETING = "meeting"
    MATCH = "match"
    MARKET = "market"
    EXHIBITION = "exhibition"
    PERFORMANCE = "performance"


class EventState(StrEnum):
    """How far an event is; `withdrawn` may follow on each of the others."""

    PLANNED = "planned"  # the plan is being written
    RUNNING = "running"  # the plan stands; participants scan in between first and last day
    ACCOUNTING = "accounting"  # nobody scans in any more; amounts are entered
    OFFSET = "offset"  # the account is closed and waits to be made good
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Source(StrEnum):
    """Where the emissions of an event come from, after the guide."""

    TRAVEL = "travel"
    ENERGY = "energy"
    NIGHTS = "nights"
    MEALS = "meals"
    MATERIALS = "materials"
    WASTE = "waste"


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def year_after(day: date) -> date:
    """Return the same day a year later; 28 February for the 29th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


class Event(SQLModel, table=True):
    """An event of an institution, from its first to its last day (business days, both included).

    `scan_code` is what stands on the poster. `daily_return`: people of the city who stay no night
    come and go every day. `head_count` is how many took part, as the organiser states.
    """

    __tablename__ = "institution_event"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {_in(EventKind)}", name="kind"),
        sa.CheckConstraint(f"state IN {_in(EventState)}", name="state"),
        sa.CheckConstraint("last_day >= first_day", name="days"),
        sa.CheckConstraint("expected_people > 0", name="expected_people"),
        sa.CheckConstraint("head_count IS NULL OR head_count > 0", name="head_count"),
        sa.Index("ix_institution_event_institution_id", "institution_id", "first_day"),
        # What the daily reminders look for.
        sa.Index("ix_institution_event_state", "state", "last_day"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    kind: str = Field(max_length=12)
    name_zh: str = Field(max_length=80)
    name_en: str = Field(default="", max_length=120)
    place: str = Field(max_length=120)
    district_code: str = Field(foreign_key="district.code", ondelete="RESTRICT", max_length=12)
    first_day: date
    last_day: date
    expected_people: int
    open_to_public: bool
    daily_return: bool
    state: str = Field(default="planned", max_length=12)
    scan_code: str = Field(max_length=8, unique=True)
    offset_plan: str = Field(default="", max_length=500)
    head_count: int | None = None
    created_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    created_at: datetime
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    state_reason: str = Field(default="", max_length=500)

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id

    @property
    def is_recorded_afterwards(self) -> bool:
        """Return whether its plan came to stand only after its last day."""
        return self.opened_at is not None and business_day(self.opened_at) > self.last_day

    @property
    def days(self) -> int:
        """Return how many days the event lasts."""
        return (self.last_day - self.first_day).days + 1

    @property
    def offset_due(self) -> date:
        """Return the day until which its emissions are to be made good."""
        return year_after(self.last_day)


class EventPlanSource(SQLModel, table=True):
    """A source of emissions that the plan expects, and how much, where it says."""

    __tablename__ = "event_plan_source"
    __table_args__ = (
        sa.CheckConstraint(f"source IN {_in(Source)}", name="source"),
        sa.CheckConstraint("expected_g >= 0", name="expected"),
    )

    event_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="institution_event.id", ondelete="RESTRICT"
    )
    source: str = Field(primary_key=True, max_length=12)
    expected_g: int | None = Field(default=None, sa_type=sa.BigInteger)


class EventMeasure(SQLModel, table=True):
    """What is done to emit less: the effect expected before, and what was found afterwards."""

    __tablename__ = "event_measure"
    __table_args__ = (
        sa.CheckConstraint(f"source IN {_in(Source)}", name="source"),
        sa.CheckConstraint("expected_g >= 0 AND achieved_g >= 0", name="effects"),
        sa.Index("ix_event_measure_event_id", "event_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT")
    source: str = Field(max_length=12)
    what: str = Field(max_length=200)
    # How the expected effect was worked out, in the organiser's words.
    basis: str = Field(default="", max_length=200)
    expected_g: int = Field(sa_type=sa.BigInteger)
    achieved_g: int | None = Field(default=None, sa_type=sa.BigInteger)


class EventAnswer(SQLModel, table=True):
    """Where a participant came from, how, and how many nights they stayed; nothing else.

    `token_hash` is made of a random token in the participant's browser and the event, so that the
    same browser answers once and no two events can be tied together; it is emptied when the
    account is closed.
    """

    __tablename__ = "event_answer"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "token_hash"),
        sa.CheckConstraint("nights >= 0", name="nights"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT")
    token_hash: str | None = Field(default=None, max_length=64)
    origin: str = Field(max_length=20)
    mode: str = Field(max_length=12)
    nights: int


class EventGroup(SQLModel, table=True):
    """Participants without a phone, entered by the organiser: how many of one kind."""

    __tablename__ = "event_group"
    __table_args__ = (
        sa.CheckConstraint("nights >= 0 AND people > 0", name="counts"),
        sa.Index("ix_event_group_event_id", "event_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT")
    origin: str = Field(max_length=20)
    mode: str = Field(max_length=12)
    nights: int
    people: int
    entered_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    entered_at: datetime


class EventLine(SQLModel, table=True):
    """An amount that the organiser measured or bought, of an item of the catalogue.

    Amounts are decimal texts in the item's unit; `green` is the part of purchased electricity
    that is covered by green certificates.
    """

    __tablename__ = "event_line"
    __table_args__ = (sa.Index("ix_event_line_event_id", "event_id"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT")
    item: str = Field(max_length=20)
    amount: str = Field(max_length=24)
    green: str = Field(default="0", max_length=24)
    evidence: str = Field(default="", max_length=200)
    entered_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    entered_at: datetime


class MissingKind(StrEnum):
    """Why a source that the plan declared has no amount."""

    ABSENT = "absent"  # it did not occur
    NOT_ESTIMATED = "not_estimated"  # it occurred, or may have, and nobody knows how much


class EventMissing(SQLModel, table=True):
    """What the organiser says of a source that the plan declared and that has no amount."""

    __tablename__ = "event_missing"
    __table_args__ = (
        sa.CheckConstraint(f"source IN {_in(Source)}", name="source"),
        sa.CheckConstraint(f"kind IN {_in(MissingKind)}", name="kind"),
        sa.CheckConstraint("why <> ''", name="why"),
    )

    event_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="institution_event.id", ondelete="RESTRICT"
    )
    source: str = Field(primary_key=True, max_length=12)
    kind: str = Field(max_length=16)
    why: str = Field(max_length=200)
    entered_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    entered_at: datetime


class EventAccount(SQLModel, table=True):
    """A closed account of an event: what it came to, line by line. Never changed.

    A correction is the next revision, with the reason why the one before was opened again.
    """

    __tablename__ = "event_account"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "revision"),
        sa.CheckConstraint("total_g >= 0", name="total"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT")
    revision: int
    total_g: int = Field(sa_type=sa.BigInteger)
    content: str = Field(sa_type=sa.Text)
    reason: str = Field(default="", max_length=500)
    settled_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    settled_at: datetime


class EventCertificate(SQLModel, table=True):
    """What was published of an event, sealed over every digit; withdrawn, never changed."""

    __tablename__ = "event_certificate"
    __table_args__ = (sa.UniqueConstraint("account_id"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    event_id: int = Field(
        sa_type=BigId, foreign_key="institution_event.id", ondelete="RESTRICT", index=True
    )
    account_id: int = Field(sa_type=BigId, foreign_key="event_account.id", ondelete="RESTRICT")
    number: str = Field(max_length=16, unique=True)
    payload: str = Field(sa_type=sa.Text)
    seal: str = Field(max_length=64)
    published_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    issued_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_reason: str = Field(default="", max_length=500)
