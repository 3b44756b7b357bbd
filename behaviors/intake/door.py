"""The one door: a batch of items becomes records, transfers and an answer for every item.

Partner requests, files and residents' own reports all come through `take_frame`: one
transaction, set-based from end to end, no query an item. A report of one act is a batch of one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from sqlmodel import Session

from behaviors import habits, scoring
from behaviors.intake import candidates, caps, known, overlaps, subjects, writing
from behaviors.intake.candidates import mark
from behaviors.intake.scoring_columns import (
    Int64s,
    choose_rules,
    device_keys,
    fingerprint,
    measure,
    rule_groups,
)
from behaviors.models import Channel, IntakeBatch, RecordStatus, Source
from behaviors.rulebook import RuleBook
from carbonaccount import measures
from carbonaccount.audit import Actor
from carbonaccount.clock import CITY_ZONE

# Acts before the first rule's day have no rule; a clock may be a little ahead of ours.
EARLIEST = datetime(2010, 1, 1, tzinfo=CITY_ZONE).astimezone(UTC)
CLOCK_TOLERANCE = timedelta(minutes=10)
# Records of a person are compared with those of the day before and after, no further.
LONGEST_TRIP = timedelta(hours=24)
LONGEST_ACT = timedelta(days=31)

_NOT_STORED = ("duplicate", "conflict")
STATUSES = ("accepted", "duplicate", "rejected", "conflict", "held")


class ItemResult(NamedTuple):
    """What became of one item."""

    event_id: str | None
    status: str
    code: str
    reduction_g: int
    credits: int
    record_id: int | None


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch: `frame` has idx, event_id, status, code, detail, reduction_g,
    credits and record_id, one row an item, in the order they came.
    """

    batch_id: int
    frame: pl.DataFrame
    counts: dict[str, int]
    reasons: dict[str, int]

    @property
    def accepted(self) -> int:
        """Items recorded now."""
        return self.counts["accepted"]

    @property
    def duplicate(self) -> int:
        """Items that were recorded before, with the same content."""
        return self.counts["duplicate"]

    @property
    def rejected(self) -> int:
        """Items with an error; nothing of them is kept."""
        return self.counts["rejected"]

    @property
    def conflict(self) -> int:
        """Items whose event id was used before with other content; kept apart."""
        return self.counts["conflict"]

    @property
    def held(self) -> int:
        """Items recorded that wait for a person."""
        return self.counts["held"]

    def results(self) -> list[ItemResult]:
        """Return one result an item, in the order they came."""
        return [ItemResult(*row) for row in self.frame.select(ItemResult._fields).iter_rows()]


def take_items(
    session: Session,
    *,
    source: Source,
    channel: Channel,
    items: Sequence[object],
    acting_user: Actor,
    now: datetime,
    content_sha256: str | None = None,
) -> BatchResult:
    """Take a batch of JSON items; see `take_frame`. Never raises for a bad item."""
    book = RuleBook.load(session)
    return take_frame(
        session,
        source=source,
        channel=channel,
        frame=candidates.from_items(items, known_fields(book)),
        book=book,
        acting_user=acting_user,
        now=now,
        content_sha256=content_sha256,
    )


def known_fields(book: RuleBook) -> dict[str, frozenset[str]]:
    """Return the names of the measured fields of each behaviour, of all its rule versions."""
    return {
        code: frozenset(name for rule in book.versions(code) for name in rule.field_names)
        for code in book.behaviors
    }


def take_frame(
    session: Session,
    *,
    source: Source,
    channel: Channel,
    frame: pl.DataFrame,
    book: RuleBook,
    acting_user: Actor,
    now: datetime,
    content_sha256: str | None = None,
    open_unknown: bool = False,
) -> BatchResult:
    """Take a batch of candidates (see intake.candidates) and book it; does not commit.

    `open_unknown` opens pseudonymous accounts for unknown subjects. Raises the database's
    IntegrityError when another transaction recorded one of the event ids meanwhile, and
    InsufficientBalance when somebody spent what this batch takes back: give up the transaction
    and take the batch again.
    """
    frame = _check(frame, source=source, book=book, channel=channel, now=now)
    frame = choose_rules(frame, book)
    frame = _check_trips(frame, book)
    frame = measure(frame, book)
    frame = subjects.find_accounts(
        session, frame, source=source, open_unknown=open_unknown, now=now
    )
    fine = pl.col("code").is_null()
    subjects.lock_accounts(session, frame.filter(fine)["account_id"])
    frame = frame.with_columns(device_keys(frame["device"]))
    frame = frame.with_columns(fingerprint(frame))
    frame = known.mark_seen(session, frame, source=source)
    frame = known.mark_repeated(frame)
    frame = _hold(frame, source=source, channel=channel, book=book)
    frame, resolution = count(session, frame, book=book)
    batch = _open_batch(session, source, channel, now, content_sha256)
    rows = frame.filter(fine)
    ids = writing.write_records(session, rows, resolution=resolution, batch=batch, now=now)
    frame = frame.join(
        pl.DataFrame({"idx": rows["idx"], "new_id": ids}),
        on="idx",
        how="left",
        maintain_order="left",
    )
    writing.write_conflicts(
        session, frame.filter(pl.col("code") == "conflict"), source=source, batch=batch, now=now
    )
    result = _close_batch(session, batch, _answers(frame))
    measures.count_items_on_commit(
        session, source=source.code, channel=channel.value, counts=result.counts
    )
    return result


def _check(
    frame: pl.DataFrame, *, source: Source, book: RuleBook, channel: Channel, now: datetime
) -> pl.DataFrame:
    """Give rows that cannot be taken whatever the books say their first error."""
    frame = candidates.check_keys(frame)
    frame = candidates.check_choice(
        frame, column="behavior", code="unknown_behavior", allowed=book.behaviors
    )
    allowed = (
        [info.code for info in book.behaviors.values() if info.self_report]
        if channel is Channel.SELF
        else source.behaviors
    )
    enabled = [info.code for info in book.behaviors.values() if info.enabled]
    for code, choice in (("behavior_off", enabled), ("behavior_not_allowed", allowed)):
        frame = candidates.check_choice(frame, column="behavior", code=code, allowed=choice)
    frame = candidates.check_choice(
        frame, column="evidence", code="evidence_unknown", allowed=scoring.GRADES
    )
    frame = mark(frame, "evidence_too_good", pl.col("evidence") < source.best_evidence)
    start, end = pl.col("occurred_at"), pl.col("ended_at")
    for code, condition in (
        ("time_format", start.is_null()),
        ("in_future", (start > now + CLOCK_TOLERANCE) | (end > now + CLOCK_TOLERANCE)),
        ("too_old", start < EARLIEST),
        ("ends_before_start", end < start),
        ("too_long", end - start > LONGEST_ACT),
    ):
        frame = mark(frame, code, condition)
    day = start.dt.convert_time_zone(str(CITY_ZONE)).dt.date()
    return frame.with_columns(business_day=day)


def _check_trips(frame: pl.DataFrame, book: RuleBook) -> pl.DataFrame:
    """Refuse trips that last longer than overlaps are looked for."""
    trips = [
        group.entry.id
        for group in rule_groups(frame, book)
        if overlaps.GROUP_KINDS.get(group.entry.rule.double_count_group or "") == "interval"
    ]
    lasts_too_long = pl.col("ended_at") - pl.col("occurred_at") > LONGEST_TRIP
    return mark(frame, "too_long", pl.col("rule_version_id").is_in(trips) & lasts_too_long)


def _hold(frame: pl.DataFrame, *, source: Source, channel: Channel, book: RuleBook) -> pl.DataFrame:
    """Say which rows are recorded but wait for a person: photos, and stopped behaviours."""
    awaits_review = (pl.col("evidence") == "C") & pl.lit(channel is Channel.SELF)
    stopped = pl.col("behavior").is_in([c for c, info in book.behaviors.items() if info.stopped])
    return frame.with_columns(
        source_id=pl.lit(source.id, pl.Int64),
        held=(awaits_review | stopped) & pl.col("code").is_null(),
        held_because=pl.when(stopped).then(pl.lit("stopped")).otherwise(pl.lit("awaiting_review")),
    )


def count(
    session: Session, frame: pl.DataFrame, *, book: RuleBook, overlapping: bool = True
) -> tuple[pl.DataFrame, overlaps.Resolution]:
    """Decide overlaps and caps, and add what each row comes to.

    Without `overlapping` the rows count whatever they overlap with: a person has looked at it.
    Needs `held` (recorded, but counts nothing yet) and `held_because`; adds counted_milli,
    reduction_g, credits, status and outcome. The people's accounts must be locked.
    """
    # By the version of each act's day: a later version may have left the group.
    groups = {entry.id: entry.rule.double_count_group for entry in book.published if overlapping}
    frame = _with_group(frame, groups)
    standing = _with_group(known.standing_records(session, frame), groups)
    resolution = _resolve(session, frame, standing)
    standing = standing.filter(~pl.col("record_id").is_in(list(resolution.replaced)))
    lost = frame["idx"].is_in(list(resolution.losers)).to_numpy()
    held_rows = frame["held"].fill_null(value=False).to_numpy()
    excluded = np.flatnonzero(lost | held_rows)
    counted = caps.counted_milli(frame, standing, book, excluded)
    frame = _score(frame, book, counted)
    capped = pl.col("counted_milli") < pl.col("quantity_milli")
    frame = frame.with_columns(
        status=pl.when(pl.col("held"))
        .then(pl.lit(RecordStatus.HELD.value))
        .otherwise(pl.lit(RecordStatus.COUNTED.value)),
        outcome=pl.when(pl.col("held"))
        .then(pl.col("held_because"))
        .when(pl.Series(lost))
        .then(pl.lit("overlap"))
        .when(pl.col("habit_ended"))
        .then(pl.lit(habits.OUTCOME))
        .when(capped)
        .then(pl.lit("capped"))
        .otherwise(pl.lit("ok")),
    )
    return frame, resolution


def _with_group(frame: pl.DataFrame, groups: dict[int, str | None]) -> pl.DataFrame:
    return frame.with_columns(
        group=pl.col("rule_version_id").replace_strict(groups, default=None, return_dtype=pl.String)
    )


def _resolve(session: Session, frame: pl.DataFrame, standing: pl.DataFrame) -> overlaps.Resolution:
    """Resolve overlaps; booked records whose earnings are spent keep their place."""
    new = frame.filter(pl.col("code").is_null() & ~pl.col("held"))
    frozen: frozenset[int] = frozenset()
    while True:
        resolution = overlaps.resolve(new, standing, frozen=frozen)
        spent = writing.unspendable(session, resolution) if resolution.replaced else frozenset()
        if not spent:
            return resolution
        frozen |= spent


def _score(frame: pl.DataFrame, book: RuleBook, counted: Int64s) -> pl.DataFrame:
    """Add counted_milli, reduction_g, credits and habit_ended, a rule's rows at a time."""
    grams = np.zeros(frame.height, dtype=np.int64)
    credited = np.zeros(frame.height, dtype=np.int64)
    ended = np.zeros(frame.height, dtype=np.bool_)
    evidence = frame["evidence"].fill_null("?")
    days = frame["business_day"].to_physical().to_numpy()
    for group in rule_groups(frame, book):
        ends_on = book.behavior_by_id[group.entry.behavior_id].habit_ends_on
        ended[group.rows] = habits.ended_rows(group.entry.rule, ends_on, days[group.rows])
        rule, mine = group.entry.rule, counted[group.rows]
        codes = _evidence_codes(evidence[group.rows])
        computed = scoring.grams_columns(rule, mine)
        credited[group.rows] = scoring.credits_columns(rule, computed, codes, mine)
        records_grams = np.isin(codes, [ord(grade) for grade in rule.grams_for])
        grams[group.rows] = np.where(records_grams, computed, 0)
    return frame.with_columns(
        pl.Series("counted_milli", counted),
        pl.Series("reduction_g", grams),
        pl.Series("credits", np.where(ended, 0, credited)),
        pl.Series("habit_ended", ended),
    )


def _evidence_codes(evidence: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return evidence.replace_strict(
        {grade: ord(grade) for grade in scoring.GRADES}, return_dtype=pl.UInt8
    ).to_numpy()


def _open_batch(
    session: Session, source: Source, channel: Channel, now: datetime, sha256: str | None
) -> IntakeBatch:
    assert source.id is not None
    batch = IntakeBatch(
        source_id=source.id, channel=channel.value, received_at=now, content_sha256=sha256
    )
    session.add(batch)
    session.flush()  # The records name the batch they came with.
    return batch


def _answers(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn codes and outcomes into one answer an item."""
    code = pl.col("code")
    answered = frame.sort("idx").with_columns(
        status=pl.when(code.is_in(_NOT_STORED))
        .then(code)
        .when(code.is_not_null())
        .then(pl.lit("rejected"))
        .when(pl.col("held"))
        .then(pl.lit("held"))
        .otherwise(pl.lit("accepted")),
        code=pl.coalesce(code, "outcome"),
    )
    # A repetition inside the batch is answered like its first occurrence.
    first = answered.filter(pl.col("new_id").is_not_null()).select(
        first_idx="idx", first_id="new_id", first_g="reduction_g", first_credits="credits"
    )
    answered = answered.join(first, on="first_idx", how="left", maintain_order="left")
    is_duplicate = pl.col("status") == "duplicate"
    refused = pl.col("status").is_in(["rejected", "conflict"])
    return answered.select(
        "idx",
        "event_id",
        "status",
        "code",
        "detail",
        reduction_g=pl.when(is_duplicate)
        .then(pl.coalesce("seen_g", "first_g", 0))
        .when(refused)
        .then(0)
        .otherwise(pl.col("reduction_g")),
        credits=pl.when(is_duplicate)
        .then(pl.coalesce("seen_credits", "first_credits", 0))
        .when(refused)
        .then(0)
        .otherwise(pl.col("credits")),
        record_id=pl.when(is_duplicate)
        .then(pl.coalesce("seen_id", "first_id"))
        .otherwise(pl.col("new_id")),
    )


def _close_batch(session: Session, batch: IntakeBatch, answers: pl.DataFrame) -> BatchResult:
    """Write the counts onto the batch and return the answer."""
    counted = Counter(dict(answers.group_by("status").len().iter_rows()))
    counts = {status: counted[status] for status in STATUSES}
    reasons = dict(
        answers.filter(pl.col("code") != "ok").group_by("code").len().sort("code").iter_rows()
    )
    for status, count in counts.items():
        setattr(batch, status, count)
    batch.reasons = reasons
    session.add(batch)
    session.flush()  # Written in this transaction, while the raw connection is still in use.
    assert batch.id is not None
    return BatchResult(batch.id, answers, counts, reasons)
