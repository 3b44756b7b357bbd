"""Messages to one resident, and announcements to everybody."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId


class Message(SQLModel, table=True):
    """A message to one resident: a kind and its numbers; the sentence is made when it is read.

    `cause` makes a message that a job writes twice appear once.
    """

    __tablename__ = "message"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "kind", "cause"),
        sa.Index("ix_message_account_id_sent_at", "account_id", "sent_at"),
        # Every page of a resident counts these.
        sa.Index(
            "ix_message_unread",
            "account_id",
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    kind: str = Field(max_length=32)
    cause: str = Field(max_length=64)
    params: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)
    sent_at: datetime
    read_at: datetime | None = None


class Announcement(SQLModel, table=True):
    """A message to everybody, shown until its last day; one row however many read it."""

    __tablename__ = "announcement"
    __table_args__ = (sa.UniqueConstraint("kind", "cause"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=32)
    cause: str = Field(max_length=64)
    params: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)
    sent_at: datetime
    last_day: date
