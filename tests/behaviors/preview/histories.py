"""Random rules and random histories, narrow enough that caps are met and acts overlap."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from behaviors.scoring import FieldSpec, Parameter, Rule, unit_factor_nano
from carbonaccount.clock import CITY_ZONE
from tests.behaviors.preview.worlds import (
    FIRST_DAY,
    SOURCES,
    SUBJECTS,
    Batch,
    release,
)

# What measures otherwise than shipped, by behaviour.
_QUANTITIES = {
    "bus_trip": (
        "distance_km",
        "distance_km * 2",
        "max(0, distance_km - 4)",
        "min(distance_km, 8)",
    ),
    "power_saving": (
        "max(0, baseline_kwh - used_kwh)",
        "max(0, baseline_kwh - used_kwh * 2)",
        "baseline_kwh + used_kwh",
        "(baseline_kwh - used_kwh) * 0.333",
    ),
    "recycle_clothes": ("weight_kg", "min(weight_kg, 6)", "max(0, weight_kg - 3)"),
    "nev_driving": ("distance_km", "distance_km / 3"),
}
_RIVALS = {
    "bus_trip": ("metro_trip", "bike_ride"),
    "power_saving": ("clean_plate",),
    "recycle_clothes": ("waste_sorting",),
    "nev_driving": ("ev_charging",),
}
_FIELDS = {
    "power_saving": ("baseline_kwh", "used_kwh"),
    "recycle_clothes": ("weight_kg",),
    "waste_sorting": ("weight_kg",),
    "clean_plate": ("meals",),
    "ev_charging": ("energy_kwh",),
}
TRIED = tuple(_QUANTITIES)
_amounts = st.sampled_from(("0.5", "1", "2", "4.321", "7", "9.999"))
_above = st.sampled_from(("10", "12.5", "20"))
_shares = st.sampled_from(("0", "0.25", "0.3", "0.5", "1", "1.5"))


def changed_rules(shipped: Rule, *, groups: bool) -> st.SearchStrategy[Rule]:
    """Return rules that differ from the shipped one in every way an editor could choose.

    groups: the double-count group as well.
    """

    @st.composite
    def change(draw: st.DrawFn) -> Rule:
        factor = Parameter("ef", draw(st.decimals("0", "3", places=6)), "kg/km", "A", "a test")
        narrower = draw(st.booleans())
        return replace(
            shipped,
            quantity_expression=draw(st.sampled_from(_QUANTITIES[shipped.behavior])),
            factor_expression="ef",
            parameters=(factor,),
            unit_factor_nano=unit_factor_nano("ef", (factor,)),
            fields=tuple(
                replace(item, maximum=_narrower(item) if narrower else item.maximum)
                for item in shipped.fields
            ),
            cap_milli=draw(st.sampled_from((None, 1, 3000, 7500, 12_000, 40_000))),
            multipliers={grade: Decimal(draw(_shares)) for grade in "ABCD"},
            grams_for=frozenset(draw(st.sets(st.sampled_from("ABCD")))),
            credits_per_gram=Decimal(draw(st.sampled_from(("0", "0.1", "1", "2.5")))),
            credits_per_act=draw(st.integers(0, 20)),
            counts_acts=draw(st.booleans()),
            double_count_group=draw(st.sampled_from((None, "trip", "waste", "nev")))
            if groups
            else shipped.double_count_group,
        )

    return change()


def _narrower(item: FieldSpec) -> Decimal:
    return Decimal(13 if item.name == "baseline_kwh" else 7)


@st.composite
def histories(draw: st.DrawFn, behavior: str) -> list[Batch]:
    """Return batches of two sources about two people and a few days."""
    batches: list[Batch] = []
    told = 0
    for _ in range(draw(st.integers(1, 5))):
        items = []
        for _ in range(draw(st.integers(1, 6))):
            told += 1
            items.append(draw(_acts(behavior, f"event-{told:03}")))
        batches.append(Batch(draw(st.sampled_from(SOURCES)), tuple(items), draw(_at_times())))
        if draw(_at_times()):
            batches.append(release())
    return [*batches, release()]


def _at_times() -> st.SearchStrategy[bool]:
    return st.integers(0, 2).map(lambda number: number == 2)


@st.composite
def _acts(draw: st.DrawFn, behavior: str, event_id: str) -> dict[str, Any]:
    code = draw(st.sampled_from((behavior, behavior, *_RIVALS[behavior])))
    day = FIRST_DAY + timedelta(days=draw(st.integers(-1, 2)))
    # Few moments in the day, one shortly before midnight.
    start = datetime.combine(day, time(draw(st.sampled_from((8, 9, 23)))), tzinfo=CITY_ZONE)
    act: dict[str, Any] = {
        "event_id": event_id,
        "subject": draw(st.sampled_from(SUBJECTS)),
        "behavior": code,
        "occurred_at": start.isoformat(),
        "activity": {
            # What intake refused left no trace, so no rule can be tried on it.
            name: draw(_above if name == "baseline_kwh" else _amounts)
            for name in _FIELDS.get(code, ("distance_km",))
        },
        "evidence": draw(st.sampled_from("ABCD")),
    }
    minutes = draw(st.sampled_from((None, None, 10, 90)))
    if minutes is not None:
        act["ended_at"] = (start + timedelta(minutes=minutes)).isoformat()
    if behavior == "nev_driving":
        act["device"] = draw(st.sampled_from(("car-1", "car-2")))
    return act
