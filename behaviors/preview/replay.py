"""Taking in the records of some people once more, where a draft changes which acts overlap.

A draft decides which records count when it belongs to another double-count group, when it
refuses acts that were taken, or when it measures otherwise and equal amounts tell that two
records are one. Then the people concerned are served again: their records come in batch by
batch, as they did, through the very functions of intake that decide overlaps and caps. People
do not touch each other, so everybody's first batch is served at once, then everybody's second.

What people decided stays: a record that could not give way because its credits were spent keeps
its place, and one that was counted again after an appeal counts whatever it overlaps with.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlmodel import Session

from behaviors.intake import caps, known, overlaps
from behaviors.intake.door import LONGEST_TRIP
from behaviors.preview.history import History, blocks_of
from behaviors.preview.measuring import Draft
from behaviors.preview.reading import Int64s
from behaviors.preview.worth import Elsewhere, score_rows
from behaviors.rulebook import RuleBook
from carbonaccount import bulk
from carbonaccount.database import is_sqlite

# How many people are served side by side: few enough for memory, enough for columns to pay.
_PEOPLE_AT_ONCE = 2_000

_SCHEMA: dict[str, Any] = {
    "id": pl.Int64,
    "account_id": pl.Int64,
    "behavior_id": pl.Int64,
    "source_id": pl.Int64,
    "rule_version_id": pl.Int64,
    "event_id": pl.String,
    "occurred_at": known.UTC_TIME,
    "ended_at": known.UTC_TIME,
    "business_day": pl.Date,
    "evidence": pl.String,
    "device_key": pl.Int64,
    "quantity_milli": pl.Int64,
    "reduction_g": pl.Int64,
    "credits": pl.Int64,
    "outcome": pl.String,
    "overlapped_by": pl.Int64,
    "revision": pl.Int64,
    "batch": pl.Int64,
}


class Replayed(NamedTuple):
    """Records of the people who were served again.

    own: of the behaviour and period; columns id, account_id, business_day, evidence,
    quantity_milli, stands, counted.  others: the rest, with what they would be booked with.
    """

    own: pl.DataFrame
    elsewhere: Elsewhere


def former_groups(history: History, draft: Draft, book: RuleBook) -> set[str | None]:
    """Return the double-count groups in which the behaviour's acts of the period stood."""
    chosen = history.selection
    return {
        entry.rule.double_count_group
        for entry in book.entries(book.behavior_by_id[draft.behavior_id].code)
        if entry.valid_from <= chosen.last_day
        and (entry.last_day is None or entry.last_day >= chosen.first_day)
    }


def concerned_people(history: History, draft: Draft, book: RuleBook) -> NDArray[np.int32]:
    """Return whose records a draft may let count otherwise; positions in `history.people`."""
    group, aside = draft.rule.double_count_group, history.aside
    if former_groups(history, draft, book) - {group}:
        return np.unique(np.concatenate([history.persons, aside.persons]))
    found = [np.empty(0, dtype=np.int32)]
    kind = overlaps.GROUP_KINDS.get(group or "")
    for part in (history, aside):
        measured = part.measured.get(draft.id)
        if measured is not None and kind is not None:
            changed = measured.refused.copy()
            if kind == "same_amount":
                changed |= measured.quantity != part.quantity
            found.append(part.persons[changed])
    return np.unique(np.concatenate(found))


def replay(
    session: Session, history: History, draft: Draft, book: RuleBook, persons: NDArray[np.int32]
) -> Replayed:
    """Serve people again under a draft; people for whom nothing overlaps are left out."""
    trial = _Trial(session, history, draft, book)
    parts = [trial.serve(persons[part]) for part in blocks_of(persons.size, _PEOPLE_AT_ONCE)]
    own = pl.concat([part.own for part in parts])
    sums = [sum(values) for values in zip(*(part.elsewhere for part in parts), strict=True)]
    return Replayed(own, Elsewhere(*sums))


class _Trial:
    """One draft on one history, with the books as they would be under it."""

    def __init__(self, session: Session, history: History, draft: Draft, book: RuleBook) -> None:
        self._session, self._history, self._draft = session, history, draft
        self._former = book
        self._book = RuleBook(list(book.behaviors.values()), [*book.published, draft.entry])
        self._groups = {entry.id: entry.rule.double_count_group for entry in self._book.published}
        touched = {draft.rule.double_count_group, *former_groups(history, draft, book)} - {None}
        sharing = {e.behavior_id for e in book.published if e.rule.double_count_group in touched}
        self._behaviors = sorted({draft.behavior_id, *sharing})

    def serve(self, persons: NDArray[np.int32]) -> Replayed:
        """Serve some people again."""
        rows = self._under_draft(self._rows(self._history.people.ids[persons]))
        rows = rows.join(self._entangled(rows), on="account_id", how="semi").sort("id")
        served = self._served(rows)
        inside = pl.col("inside")
        own = served.filter(inside).select(
            "id", "account_id", "business_day", "evidence", "quantity_milli", "stands", "counted"
        )
        return Replayed(own, self._elsewhere(served.filter(~inside)))

    def _rows(self, accounts: Int64s) -> pl.DataFrame:
        """Read everything that counted or lost of the behaviours that share a group."""
        behaviors = ", ".join(str(int(number)) for number in self._behaviors)
        columns = ", ".join(f"r.{name}" for name in _SCHEMA if name != "batch")
        text = is_sqlite(self._session)
        times = dict.fromkeys(("occurred_at", "ended_at", "business_day"), pl.String)
        found = bulk.select_matching(
            self._session,
            select=(
                f"SELECT {columns}, coalesce(r.released_batch_id, r.batch_id) FROM {{keys}} "  # noqa: S608 - numbers and names of ours
                "JOIN activity_record r ON r.account_id = k.account_id "
                f"WHERE r.status IN ('c', 'r') AND r.behavior_id IN ({behaviors})"
            ),
            keys={"account_id": ("bigint", pl.Series(accounts))},
            schema={**_SCHEMA, **(times if text else {})},
        )
        return known.from_sqlite_times(found) if text else found

    def _under_draft(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give each row its group, its rule and its quantity under the draft."""
        chosen, draft = self._history.selection, self._draft
        inside = (pl.col("behavior_id") == draft.behavior_id) & pl.col("business_day").is_between(
            chosen.first_day, chosen.last_day
        )
        rows = (
            rows.join(self._measured(rows["account_id"]), on="id", how="left")
            .with_columns(
                pl.when(inside)
                .then(draft.id)
                .otherwise("rule_version_id")
                .alias("rule_version_id"),
                pl.coalesce("measured", "quantity_milli").alias("quantity_milli"),
            )
            .with_columns(
                group=pl.col("rule_version_id").replace_strict(
                    self._groups, return_dtype=pl.String
                ),
            )
        )
        is_trip = overlaps.GROUP_KINDS.get(draft.rule.double_count_group or "") == "interval"
        too_long = (
            inside & pl.lit(is_trip) & (pl.col("ended_at") - pl.col("occurred_at") > LONGEST_TRIP)
        )
        refused = pl.col("refused").fill_null(value=False) | too_long.fill_null(value=False)
        return rows.with_columns(
            inside=inside,
            code=pl.when(refused).then(pl.lit("refused")).otherwise(pl.lit(None, pl.String)),
            # Someone looked at it and found that it overlaps with nothing.
            own_group=pl.when(pl.col("revision") > 0).then(None).otherwise("group"),
        )

    def _measured(self, accounts: pl.Series) -> pl.DataFrame:
        """Return what the draft measures anew of these people's records."""
        wanted = self._history.people.positions(accounts.unique().to_numpy())
        parts = [pl.DataFrame(schema={"id": pl.Int64, "measured": pl.Int64, "refused": pl.Boolean})]
        for part in (self._history, self._history.aside):
            measured = part.measured.get(self._draft.id)
            if measured is not None:
                mine = np.isin(part.persons, wanted)
                columns = (part.ids, measured.quantity, measured.refused)
                parts.append(
                    pl.DataFrame(
                        {
                            name: column[mine]
                            for name, column in zip(parts[0].columns, columns, strict=True)
                        }
                    )
                )
        return pl.concat(parts)

    def _entangled(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the people of whom some records overlap, or did, or would not be taken.

        Had all of their records come at once and none of them lost, no two of them overlap.
        """
        rows = rows.with_row_index("idx")
        taken = rows.filter(pl.col("code").is_null())
        resolution = overlaps.resolve(taken, _standing(rows.clear()), frozen=frozenset())
        concerned = (
            pl.col("code").is_not_null()
            | (pl.col("outcome") == "overlap")
            | pl.col("idx").is_in(list(resolution.losers))
        )
        return rows.filter(concerned).select("account_id").unique()

    def _served(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `stands` and `counted` to the rows of entangled people."""
        rows = _in_order_of_arrival(rows).with_row_index("idx")
        counted = np.zeros(rows.height, dtype=np.int64)
        stands = np.zeros(rows.height, dtype=np.bool_)
        place = dict(zip(rows["id"].to_list(), range(rows.height), strict=True))
        frozen = _frozen(rows)
        standing = _standing(rows.clear())
        turn = pl.col("batch").rank("dense").over("account_id")
        for arriving in rows.with_columns(turn=turn).sort("turn", "idx").partition_by("turn"):
            new = arriving.filter(pl.col("code").is_null()).with_columns(group="own_group")
            resolution = overlaps.resolve(new, standing, frozen=frozen)
            for record_id in resolution.replaced:
                stands[place[record_id]] = False
                counted[place[record_id]] = 0
            standing = standing.filter(~pl.col("record_id").is_in(list(resolution.replaced)))
            lost = arriving["idx"].is_in(list(resolution.losers)).to_numpy()
            out = lost | arriving["code"].is_not_null().to_numpy()
            mine = caps.counted_milli(arriving, standing, self._book, np.flatnonzero(out))
            at = arriving["idx"].to_numpy()
            counted[at], stands[at] = mine, ~out
            arrived = arriving.with_columns(counted_milli=pl.Series(mine)).filter(~pl.Series(out))
            standing = pl.concat([standing, _standing(arrived)])
        return rows.with_columns(stands=pl.Series(stands), counted=pl.Series(counted))

    def _elsewhere(self, rows: pl.DataFrame) -> Elsewhere:
        """Score the records that are not the draft's by their own rules, and compare."""
        total = Elsewhere()
        for version in rows["rule_version_id"].unique().sort().to_list():
            entry = self._former.entry_by_id(version)
            mine = rows.filter(pl.col("rule_version_id") == version)
            ends_on = self._former.behavior_by_id[entry.behavior_id].habit_ends_on
            scored = score_rows(
                Draft(version, entry.behavior_id, entry.rule, ends_on),
                slice(0, mine.height),
                counted=mine["counted"].to_numpy(),
                evidence=evidence_codes(mine["evidence"]),
                days=mine["business_day"].to_physical().to_numpy(),
            )
            g_before, before = mine["reduction_g"].to_numpy(), mine["credits"].to_numpy()
            changed = (scored.grams != g_before) | (scored.credits != before)
            columns = (changed, g_before, scored.grams, before, scored.credits)
            sums = (int(column[changed].sum()) for column in columns)
            total = Elsewhere(*(old + new for old, new in zip(total, sums, strict=True)))
        return total


def _in_order_of_arrival(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort rows as intake took them.

    Ids follow the event ids, and the sender's order within a batch is not kept; it matters
    between acts of one moment and evidence only. There who lost came after whom it lost to.
    """
    same = ["batch", "evidence", "occurred_at"]
    winners = rows.select(pl.col("id").alias("overlapped_by"), *same, winner="id")
    rows = rows.join(winners, on=["overlapped_by", *same], how="left")
    behind = pl.max_horizontal("id", "winner")
    return rows.sort("batch", behind, behind != pl.col("id"), "id").drop("winner")


def _standing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as intake reads what is booked already."""
    if "counted_milli" not in rows.columns:
        rows = rows.with_columns(counted_milli=pl.lit(0, pl.Int64))
    names = [name for name in known.DAY_SCHEMA if name != "record_id"]
    return rows.select(pl.col("id").alias("record_id"), *names, "group")


def _frozen(rows: pl.DataFrame) -> frozenset[int]:
    """Return the records that better evidence did not move: what they earned had been spent."""
    winners = rows.select(pl.col("id").alias("overlapped_by"), winning="evidence")
    kept = rows.join(winners, on="overlapped_by").filter(
        (pl.col("evidence") < pl.col("winning")) & (pl.col("outcome") == "overlap")
    )
    return frozenset(kept["overlapped_by"].to_list())


def evidence_codes(evidence: pl.Series) -> NDArray[np.uint8]:
    """Return the letters of grades as their codes."""
    return np.frombuffer("".join(evidence.to_list()).encode(), dtype=np.uint8)
