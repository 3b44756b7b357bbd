"""What people did and by which rule it counts: sources, behaviours, rule versions, records."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class RuleStatus(StrEnum):
    """Where a rule version stands in its life."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    DISCARDED = "discarded"


class RecordStatus(StrEnum):
    """What became of a record; one letter, because there are millions of them."""

    COUNTED = "c"
    HELD = "h"  # waits for a person or for a stopped behaviour
    REPLACED = "r"  # counted once, then better evidence for the same act came in
    DECLINED = "d"  # a person looked at it and did not accept it


class Channel(StrEnum):
    """Through which window of the one door a batch came."""

    API = "api"
    FILE = "file"
    SELF = "self"
    RELEASE = "release"  # held records that are counted after all


class EmissionFactor(SQLModel, table=True):
    """One version of an emission factor, valid for a period of days."""

    __tablename__ = "emission_factor"
    __table_args__ = (sa.UniqueConstraint("code", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(max_length=64)
    version: int
    name_zh: str = Field(max_length=120)
    name_en: str = Field(max_length=160)
    # Decimal text: SQLite would keep a NUMERIC as a binary float.
    value: str = Field(max_length=32)
    unit: str = Field(max_length=32)
    gas: str = Field(max_length=16)
    # draft, in_review, active, withdrawn; shipped ones are active.
    status: str = Field(default="active", max_length=12)
    drafted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    approved_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    valid_from: date | None = None
    valid_to: date | None = None
    data_year: int | None = None
    grade: str = Field(max_length=16)
    # Where it comes from, in English and in Chinese; one may be empty in what the city wrote.
    source: str = Field(sa_type=sa.Text)
    source_zh: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    origin: str = Field(default="library", max_length=16)


class Behavior(SQLModel, table=True):
    """A kind of act. What people read about it lives in `texts`, by language."""

    __tablename__ = "behavior"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    family: str = Field(max_length=32)
    category: str = Field(max_length=16)
    enabled: bool
    self_report: bool
    sort: int
    # Set while the behaviour is stopped: records that come in meanwhile are held, not lost.
    stopped_at: datetime | None = None
    stop_reason: str | None = Field(default=None, max_length=500)
    # Credits for habits are given up to this day, which the method page names.
    habit_ends_on: date | None = None
    # name, what counts, what does not, baseline, not to be combined with; per language.
    texts: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)
    origin: str = Field(default="library", max_length=16)


class RuleVersion(SQLModel, table=True):
    """One version of a behaviour's rule; immutable once published.

    `definition` is `behaviors.scoring.Rule.to_definition()`: exact decimals as text.
    """

    __tablename__ = "rule_version"
    __table_args__ = (sa.UniqueConstraint("behavior_id", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    behavior_id: int = Field(foreign_key="behavior.id", ondelete="RESTRICT")
    version: int
    status: str = Field(max_length=12)
    valid_from: date
    valid_to: date | None = None
    unit_factor_nano: int = Field(sa_type=sa.BigInteger)
    definition: dict[str, object] = Field(sa_type=sa.JSON)
    grade: str = Field(max_length=16)
    citation: str = Field(sa_type=sa.Text)
    created_at: datetime
    published_at: datetime | None = None
    drafted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    approved_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    # A withdrawn version no longer scores acts from this day on.
    withdrawn_from: date | None = None


class Source(SQLModel, table=True):
    """Where records come from: a partner, an operator's files, or residents themselves."""

    __tablename__ = "source"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name_zh: str = Field(max_length=80)
    name_en: str = Field(max_length=80)
    # Codes of the behaviours it may report.
    behaviors: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    # The best evidence grade its records may claim.
    best_evidence: str = Field(default="A", max_length=1)
    # What a resident agrees to when binding it, by language.
    consent_texts: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)
    bindable: bool = True
    active: bool = True
    # New items of the API a business day; repetitions do not count. None: no limit.
    daily_quota: int | None = None
    created_at: datetime

    @property
    def stored_id(self) -> int:
        """Return the id of a source that has been written."""
        if self.id is None:
            raise LookupError("the source has not been written yet")
        return self.id


class SourceKey(SQLModel, table=True):
    """A key with which a source signs its requests."""

    __tablename__ = "source_key"
    __table_args__ = (
        sa.CheckConstraint("algorithm IN ('hmac-sha256', 'ed25519')", name="algorithm"),
    )

    key_id: str = Field(primary_key=True, max_length=32)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT", index=True)
    algorithm: str = Field(max_length=16)
    # The sealed HMAC secret, or the raw Ed25519 public key.
    material: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class SourceNonce(SQLModel, table=True):
    """A nonce that was used; the primary key is what makes a request good once."""

    __tablename__ = "source_nonce"
    __table_args__ = (sa.Index("ix_source_nonce_expires_at", "expires_at"),)

    key_id: str = Field(primary_key=True, max_length=32)
    nonce: str = Field(primary_key=True, max_length=64)
    expires_at: datetime


class SourceSubject(SQLModel, table=True):
    """How a source names one of its customers, and the account the name is bound to.

    `active` follows the consent: off means that nothing more of this subject is taken.
    """

    __tablename__ = "source_subject"
    __table_args__ = (
        sa.UniqueConstraint("source_id", "subject"),
        sa.Index("ix_source_subject_account_id", "account_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT")
    subject: str = Field(sa_type=KeyText, nullable=False)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    active: bool = True
    bound_at: datetime
    unbound_at: datetime | None = None


class BindingCode(SQLModel, table=True):
    """A code a resident shows to an operator's app, which then tells us its name for them."""

    __tablename__ = "binding_code"
    __table_args__ = (sa.Index("ix_binding_code_account_id", "account_id"),)

    code_hash: str = Field(primary_key=True, max_length=64)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class IntakeBatch(SQLModel, table=True):
    """One batch that came through the door, with what became of its items."""

    __tablename__ = "intake_batch"
    __table_args__ = (
        sa.Index("ix_intake_batch_source_id_received_at", "source_id", "received_at"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT")
    channel: str = Field(max_length=8)
    received_at: datetime
    content_sha256: str | None = Field(default=None, max_length=64)
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    conflict: int = 0
    held: int = 0
    # How often each reason was given.
    reasons: dict[str, int] = Field(default_factory=dict, sa_type=sa.JSON)


class ActivityRecord(SQLModel, table=True):
    """One act: what was measured, under which rule it was scored, and what it came to.

    Amounts: `quantity_milli` is the measured quantity x 1000 rounded down, `counted_milli` what
    was left of it after cap and overlap, `reduction_g` and `credits` what was booked.
    `outcome` says why less was counted than measured: ok, capped, overlap, or why it is held.
    """

    __tablename__ = "activity_record"
    __table_args__ = (
        sa.UniqueConstraint("source_id", "event_id"),
        sa.Index("ix_activity_record_account_id_business_day", "account_id", "business_day"),
        # A batch's records are counted against what the batch answered.
        sa.Index("ix_activity_record_batch_id", "batch_id"),
        # A day's totals are worked out anew from its records alone.
        sa.Index("ix_activity_record_business_day", "business_day"),
        # The few that wait for a person, found and counted without looking at the millions.
        sa.Index(
            "ix_activity_record_held",
            "behavior_id",
            "recorded_at",
            sqlite_where=sa.text("status = 'h'"),
            postgresql_where=sa.text("status = 'h'"),
        ),
        sa.CheckConstraint("quantity_milli >= counted_milli", name="counted_at_most_measured"),
        sa.CheckConstraint("counted_milli >= 0 AND reduction_g >= 0 AND credits >= 0", name="sign"),
        sa.CheckConstraint("evidence IN ('A', 'B', 'C', 'D')", name="evidence"),
        sa.CheckConstraint("status IN ('c', 'h', 'r', 'd')", name="status"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    source_id: int
    event_id: str = Field(sa_type=KeyText, nullable=False)
    account_id: int = Field(sa_type=sa.BigInteger)
    subject_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    behavior_id: int
    rule_version_id: int
    occurred_at: datetime
    ended_at: datetime | None = None
    business_day: date
    evidence: str = Field(max_length=1)
    # The measured fields as canonical JSON with decimal texts, e.g. {"distance_km":"3.2"}.
    activity: str = Field(sa_type=sa.Text)
    # Blind index of the vehicle or device, 0 when the source did not name one.
    device_key: int = Field(default=0, sa_type=sa.BigInteger)
    quantity_milli: int = Field(sa_type=sa.BigInteger)
    counted_milli: int = Field(sa_type=sa.BigInteger)
    reduction_g: int = Field(sa_type=sa.BigInteger)
    credits: int = Field(sa_type=sa.BigInteger)
    status: str = Field(max_length=1)
    outcome: str = Field(max_length=16)
    # The record that stood in the way (overlap), or the one that took this one's place.
    overlapped_by: int | None = Field(default=None, sa_type=sa.BigInteger)
    # 64 bits over everything the sender said; tells a repetition from a contradiction.
    fingerprint: int = Field(sa_type=sa.BigInteger)
    revision: int = Field(default=0, sa_type=sa.SmallInteger)
    batch_id: int = Field(sa_type=sa.BigInteger)
    # Set when a held record was counted later: caps serve a day in the order of
    # coalesce(released_batch_id, batch_id), then occurred_at, then id.
    released_batch_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    recorded_at: datetime


class IntakeConflict(SQLModel, table=True):
    """An item whose event id was used before with other content; kept apart for a person."""

    __tablename__ = "intake_conflict"
    __table_args__ = (sa.UniqueConstraint("source_id", "event_id", "fingerprint"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT")
    event_id: str = Field(sa_type=KeyText, nullable=False)
    fingerprint: int = Field(sa_type=sa.BigInteger)
    batch_id: int = Field(sa_type=sa.BigInteger)
    behavior: str = Field(max_length=64)
    occurred_at: datetime
    activity: str = Field(sa_type=sa.Text)
    evidence: str = Field(max_length=1)
    received_at: datetime


class EvidencePhoto(SQLModel, table=True):
    """A photo that came with a self-report: re-encoded, without EXIF, stored as a file."""

    __tablename__ = "evidence_photo"

    record_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="activity_record.id", ondelete="RESTRICT"
    )
    file_name: str = Field(max_length=80, unique=True)
    sha256: str = Field(max_length=64, index=True)
    # Perceptual hash (64-bit difference hash) to find the same picture sent again.
    dhash: int = Field(sa_type=sa.BigInteger)
    # The hash of the picture seen in a mirror.
    dhash_mirrored: int = Field(sa_type=sa.BigInteger)
    # The hash in four parts of 16 bits, by which near ones are found (see photo_matching).
    band_0: int = Field(index=True)
    band_1: int = Field(index=True)
    band_2: int = Field(index=True)
    band_3: int = Field(index=True)
    width_px: int
    height_px: int
    stored_at: datetime


class PhotoMatch(SQLModel, table=True):
    """Two photos that look the same, written when the later one came in; once from each side."""

    __tablename__ = "photo_match"

    record_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="evidence_photo.record_id", ondelete="RESTRICT"
    )
    other_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="evidence_photo.record_id", ondelete="RESTRICT"
    )
    # How many of the 64 bits differ.
    distance: int = Field(sa_type=sa.SmallInteger)
    mirrored: bool


class UploadStatus(StrEnum):
    """How far the import of an uploaded file has come."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"  # somebody asked to stop; it ends after the present batch
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class IntakeUpload(SQLModel, table=True):
    """A file that a member of staff uploaded, how far its import has come, and what it gave.

    `mapping` is `auto`, `ready:<name>` or `toml:` and the text; `lines_total` an estimate until
    the end; `error` has `code` and `params`. Whether somebody is at work on a row that says so is
    told by a lock (see intake.uploads), not by the row.
    """

    __tablename__ = "intake_upload"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'stopping', 'done', 'stopped', 'failed')",
            name="status",
        ),
        sa.Index("ix_intake_upload_uploaded_at", "uploaded_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    source_id: int = Field(foreign_key="source.id", ondelete="RESTRICT")
    staff_id: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    file_name: str = Field(max_length=200)
    mapping: str = Field(sa_type=sa.Text)
    status: str = Field(max_length=12)
    lines_done: int = 0
    lines_total: int | None = None
    counts: dict[str, int] = Field(default_factory=dict, sa_type=sa.JSON)
    reasons: dict[str, int] = Field(default_factory=dict, sa_type=sa.JSON)
    error: dict[str, object] | None = Field(default=None, sa_type=sa.JSON)
    uploaded_at: datetime
    finished_at: datetime | None = None
