"""One act, one credit: records of one person that tell of the same act cannot both count.

Which records are about the same act depends on the group of their behaviours:

- `interval` (trips): their times overlap, or two sources tell of the same moment;
- `vehicle_day` (driving and charging): other behaviours of one vehicle on one day;
- `same_amount` (waste, renewable power): the same quantity, at the same moment, told by another
  source or as another behaviour.

Better evidence wins; of equal evidence the one that is booked already stays, and within a batch
the one that began first.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

import polars as pl

GROUP_KINDS = {
    "trip": "interval",
    "nev": "vehicle_day",
    "waste": "same_amount",
    "renewable": "same_amount",
}
_COLUMNS = (
    "account_id",
    "group",
    "behavior_id",
    "source_id",
    "occurred_at",
    "ended_at",
    "business_day",
    "evidence",
    "device_key",
    "quantity_milli",
)


@dataclass(frozen=True)
class Act:
    """One record as far as overlaps go; `record_id` when it is booked, `idx` when it is new."""

    record_id: int | None
    idx: int | None
    account_id: int
    group: str
    behavior_id: int
    source_id: int
    occurred_at: datetime
    ended_at: datetime | None
    business_day: date
    evidence: str
    device_key: int
    quantity_milli: int

    @property
    def end(self) -> datetime:
        """The moment it ended; an act without an end is a moment."""
        return self.ended_at or self.occurred_at


@dataclass
class Resolution:
    """`losers`: idx of new rows that do not count, with the act in their way.
    `replaced`: ids of booked records that a new row takes the place of.
    """

    losers: dict[int, Act] = field(default_factory=dict)
    replaced: dict[int, Act] = field(default_factory=dict)


def resolve(new: pl.DataFrame, standing: pl.DataFrame, *, frozen: frozenset[int]) -> Resolution:
    """Decide which of the new rows count, and which booked records give way to them.

    Both frames carry `group` (null: no group). `frozen` names booked records that cannot give
    way because what they earned has been spent. Rows of people with nothing to compare are
    sorted out in columns; only the doubtful ones are looked at one by one.
    """
    new = new.filter(pl.col("group").is_not_null())
    standing = standing.filter(pl.col("group").is_not_null())
    if new.is_empty():
        return Resolution()
    both = pl.concat(
        [
            standing.select("record_id", pl.lit(None, pl.UInt32).alias("idx"), *_COLUMNS),
            new.select(pl.lit(None, pl.Int64).alias("record_id"), "idx", *_COLUMNS),
        ]
    )
    doubtful = _doubtful(both)
    result = Resolution()
    if doubtful.is_empty():
        return result
    acts: dict[tuple[int, str], list[Act]] = defaultdict(list)
    chosen = both.join(doubtful, on=["account_id", "group"], how="semi")
    for row in chosen.iter_rows(named=True):
        act = Act(**row)
        acts[act.account_id, act.group].append(act)
    for (_, group), members in acts.items():
        _resolve_group(members, _STANDING[GROUP_KINDS[group]](), frozen, result)
    return result


def _doubtful(both: pl.DataFrame) -> pl.DataFrame:
    """Return the (account, group) pairs in which two records may be about the same act.

    In the order of beginnings it is enough to compare neighbours: of three trips, if the first
    reaches into the third, it reaches into the second as well.
    """
    keys = ["account_id", "group"]
    kind = pl.col("group").replace_strict(GROUP_KINDS, return_dtype=pl.String)
    trips = both.filter(kind == "interval").sort(*keys, "occurred_at", "source_id")
    before = pl.all().shift(1).name.prefix("before.")
    trips = trips.with_columns(before).filter(
        (pl.col("account_id") == pl.col("before.account_id"))
        & (pl.col("group") == pl.col("before.group"))
        & (_reaches_into_next() | _told_of_one_moment())
    )
    vehicles = (
        both.filter(kind == "vehicle_day")
        .group_by([*keys, "business_day"])
        .agg(pl.col("behavior_id").n_unique())
        .filter(pl.col("behavior_id") > 1)
    )
    amounts = (
        both.filter(kind == "same_amount")
        .group_by([*keys, "occurred_at", "quantity_milli"])
        .agg(pl.len())
        .filter(pl.col("len") > 1)
    )
    return pl.concat([part.select(keys) for part in (trips, vehicles, amounts)]).unique()


def _reaches_into_next() -> pl.Expr:
    return pl.col("occurred_at") < pl.coalesce("before.ended_at", "before.occurred_at")


def _told_of_one_moment() -> pl.Expr:
    """Two sources tell of one moment, or one of them of something that lasts from then on."""
    lasts = pl.col("ended_at").is_not_null() | pl.col("before.ended_at").is_not_null()
    other_source = pl.col("source_id") != pl.col("before.source_id")
    return (pl.col("occurred_at") == pl.col("before.occurred_at")) & (other_source | lasts)


class Standing(Protocol):
    """The acts of one person and group that count so far, found again by what could collide."""

    def add(self, act: Act) -> None:
        """Let an act stand."""

    def remove(self, act: Act) -> None:
        """Take a standing act away."""

    def rivals(self, act: Act) -> list[Act]:
        """Return the standing acts that are about the same thing as this one."""


def _resolve_group(
    members: list[Act], standing: Standing, frozen: frozenset[int], result: Resolution
) -> None:
    """Let new rows in one by one, best evidence first; each stands, replaces or loses."""
    arriving = []
    for act in members:
        if act.idx is None:
            standing.add(act)
        else:
            arriving.append((act.evidence, act.occurred_at, act.idx, act))
    for *_, idx, act in sorted(arriving, key=lambda entry: entry[:3]):
        rivals = standing.rivals(act)
        better = [r for r in rivals if r.evidence <= act.evidence or r.record_id in frozen]
        if better:
            result.losers[idx] = better[0]
            continue
        for rival in rivals:
            standing.remove(rival)
            if rival.record_id is not None:
                result.replaced[rival.record_id] = act
        standing.add(act)


class _Trips:
    """Trips in the order of their beginning; some overlap, where a person decided so."""

    def __init__(self) -> None:
        self._acts: list[tuple[datetime, int, Act]] = []
        self._longest = timedelta()

    def add(self, act: Act) -> None:
        insort(self._acts, (act.occurred_at, id(act), act))
        self._longest = max(self._longest, act.end - act.occurred_at)

    def remove(self, act: Act) -> None:
        self._acts.remove((act.occurred_at, id(act), act))

    def rivals(self, act: Act) -> list[Act]:
        place = bisect_left(self._acts, act.occurred_at, key=lambda entry: entry[0])
        found = []
        for position in range(place - 1, -1, -1):
            other = self._acts[position][2]
            if other.occurred_at + self._longest <= act.occurred_at:
                break
            if other.end > act.occurred_at:
                found.append(other)
        for position in range(place, len(self._acts)):
            other = self._acts[position][2]
            if other.occurred_at >= act.end and other.occurred_at > act.occurred_at:
                break
            if other.occurred_at > act.occurred_at or self._same_moment(act, other):
                found.append(other)
        return found

    @staticmethod
    def _same_moment(one: Act, other: Act) -> bool:
        # One source that tells of two momentary acts with two event ids means two acts.
        return bool(one.source_id != other.source_id or one.ended_at or other.ended_at)


class _VehicleDays:
    """Acts by day, behaviour and vehicle."""

    def __init__(self) -> None:
        self._acts: dict[date, dict[int, dict[int, list[Act]]]] = {}

    def _place(self, act: Act) -> list[Act]:
        by_behavior = self._acts.setdefault(act.business_day, {})
        return by_behavior.setdefault(act.behavior_id, {}).setdefault(act.device_key, [])

    def add(self, act: Act) -> None:
        self._place(act).append(act)

    def remove(self, act: Act) -> None:
        self._place(act).remove(act)

    def rivals(self, act: Act) -> list[Act]:
        found: list[Act] = []
        for behavior_id, vehicles in self._acts.get(act.business_day, {}).items():
            if behavior_id == act.behavior_id:
                continue
            # A source that does not name the vehicle may mean any of them.
            keys = vehicles if act.device_key == 0 else {act.device_key, 0} & vehicles.keys()
            for key in keys:
                found += vehicles[key]
        return found


class _Amounts:
    """Acts by moment and quantity."""

    def __init__(self) -> None:
        self._acts: dict[tuple[datetime, int], list[Act]] = defaultdict(list)

    def add(self, act: Act) -> None:
        self._acts[act.occurred_at, act.quantity_milli].append(act)

    def remove(self, act: Act) -> None:
        self._acts[act.occurred_at, act.quantity_milli].remove(act)

    def rivals(self, act: Act) -> list[Act]:
        told_before = self._acts[act.occurred_at, act.quantity_milli]
        return [
            other
            for other in told_before
            if (other.behavior_id, other.source_id) != (act.behavior_id, act.source_id)
        ]


_STANDING: dict[str, type[_Trips] | type[_VehicleDays] | type[_Amounts]] = {
    "interval": _Trips,
    "vehicle_day": _VehicleDays,
    "same_amount": _Amounts,
}
