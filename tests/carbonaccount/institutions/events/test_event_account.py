"""The arithmetic of an event's account, worked out by hand; docs/events.md has the same numbers."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from behaviors.methods import load_library
from carbonaccount.errors import Invalid
from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions.event_account import (
    Amount,
    EventTotals,
    Group,
    Setting,
    from_json,
    person_km,
    shown_groups,
    to_json,
    totals,
)
from carbonaccount.institutions.event_completeness import (
    NO_FACTOR,
    Gap,
    beyond,
    gaps,
    left_out,
)
from carbonaccount.institutions.event_factors import UsedFactor, catalogue, used_factor

DAY = date(2026, 9, 10)
HERE = "district:370811"
GROUPS = (
    Group(HERE, "bus", 0, 30),
    Group("district:370881", "car", 0, 10),
    Group("province", "train", 1, 20),
    Group("band_1000", "plane", 2, 5),
    Group(HERE, "walk", 0, 15, scanned=False),
)
AMOUNTS = (
    Amount("power", Decimal(2000), Decimal(500)),
    Amount("meal", Decimal(240)),
    Amount("paper", Decimal(1000)),
    Amount("material_wood", Decimal(200)),
    Amount("waste_burnt", Decimal(100)),
    Amount("waste_landfill", Decimal(10)),
    Amount("waste_other", Decimal(40)),
)


def version(code: str, value: str, unit: str, grade: str = "B") -> FactorVersion:
    """Return a factor of the library."""
    return FactorVersion(
        code, 1, code, code, Decimal(value), unit, None, None, None, grade, "a source"
    )


BOOK = FactorBook(
    (
        version("grid.shandong", "0.6191", "kgCO2/kWh"),
        version("paper.a4", "0.00707", "kgCO2e/sheet", "D"),
        version("travel.walk", "0", "kgCO2/pkm", "B-"),
        version("travel.bike", "0.0087", "kgCO2/pkm", "B-"),
        version("travel.bus", "0.052", "kgCO2/pkm", "B-"),
        version("travel.train", "0.03546", "kgCO2e/pkm", "C"),
        version("travel.car", "0.250", "kgCO2/km", "B-"),
        version("travel.nev", "0.1077234", "kgCO2/km", "D"),
        version("travel.plane", "0.14253", "kgCO2e/pkm", "C"),
        version("accommodation.night", "53.5", "kgCO2e/night", "C"),
        version("catering.meal", "2.04", "kgCO2e/meal", "C"),
        version("material.wood", "0.26950416", "kgCO2e/kg", "C"),
        version("waste.incineration", "0.304", "kgCO2/kg", "C"),
        version("waste.landfill", "0.5205327", "kgCO2e/kg", "C"),
    )
)


def setting(**changes: object) -> Setting:
    """Return a conference of two days in Rencheng, to which 120 people came."""
    values: dict[str, object] = {
        "district_code": "370811",
        "days": 2,
        "daily_return": True,
        "head_count": 120,
        "on": DAY,
    }
    return Setting(**{**values, **changes})  # type: ignore[arg-type]


def factor_of(code: str) -> UsedFactor | None:
    """Return the factor of the small library above."""
    return used_factor(BOOK, code, DAY)


def worked(
    groups: tuple[Group, ...] = GROUPS, amounts: tuple[Amount, ...] = AMOUNTS, **changes: object
) -> EventTotals:
    """Return the account of the conference."""
    return totals(
        catalogue(),
        groups=groups,
        amounts=amounts,
        setting=setting(**changes),
        factor_of=factor_of,
    )


def test_the_worked_example_line_by_line() -> None:
    found = worked()
    assert [
        (line.what, int(line.amount), line.people, line.emission_g, line.estimated)
        for line in found.lines
    ] == [
        ("mode:walk", 1800, 15, 0, False),
        # 30 people x 30 km x 2 ways x 2 days = 3,600 km; x 0.052 kg
        ("mode:bus", 3600, 30, 187_200, False),
        # 20 x 600 km x 2 = 24,000; x 0.03546
        ("mode:train", 24000, 20, 851_040, False),
        # 10 x 150 km x 2 x 2 = 6,000; x 0.250
        ("mode:car", 6000, 10, 1_500_000, False),
        # 5 x 1,000 km x 2 = 10,000; x 0.14253
        ("mode:plane", 10000, 5, 1_425_300, False),
        # 40 of 120 did not answer: 40/80 of 45,400 km and of 3,963,540 g
        ("travel:all", 22700, 40, 1_981_770, True),
        # (2,000 - 500) kWh x 0.6191
        ("item:power", 1500, None, 928_650, False),
        # 20 x 1 + 5 x 2 = 30 nights x 53.5 kg; 40/80 of that for who did not answer
        ("item:night", 30, 25, 1_605_000, False),
        ("item:night", 15, 40, 802_500, True),
        # 240 x 2.04
        ("item:meal", 240, None, 489_600, False),
        ("item:paper", 1000, None, 7_070, False),
        # 200 kg x 0.26950416 = 53.900832 kg, up to the gram
        ("item:material_wood", 200, None, 53_901, False),
        ("item:waste_burnt", 100, None, 30_400, False),
        # 10 kg x 0.5205327 = 5.205327 kg, up to the gram
        ("item:waste_landfill", 10, None, 5_206, False),
        ("item:waste_other", 40, None, None, False),
    ]
    assert found.total_g == 9_867_637
    assert (found.scanned, found.entered, found.answered) == (65, 15, 80)
    assert found.response_permille == 666
    # 1,981,770 + 802,500
    assert found.estimated_g == 2_784_270


def test_sums_by_source_and_grade() -> None:
    found = worked()
    assert found.by_source() == {
        "travel": 5_945_310,
        "energy": 928_650,
        "nights": 2_407_500,
        "meals": 489_600,
        "materials": 60_971,
        "waste": 35_606,
    }
    assert found.by_grade() == {
        "B": 928_650,
        "B-": 1_687_200,
        # Train 851,040, plane 1,425,300, nights 1,605,000, meals, wood, both kinds of waste
        "C": 4_460_447,
        "D": 7_070,
        "not_asked": 2_784_270,
    }
    assert sum(found.by_grade().values()) == found.total_g
    # For everybody what participants said is one sum: a grade could tell how few came one way.
    assert found.by_grade(for_all=True) == {
        "B": 928_650,
        "C": 579_107,
        "D": 7_070,
        "asked": 5_568_540,
        "not_asked": 2_784_270,
    }
    assert [line.what for line in found.not_counted] == ["item:waste_other"]


def test_one_person_a_car() -> None:
    # 0.1077234 kg a kilometre, 1 person, 600 km there and back: 129.26808 kg, up to the gram
    (line,) = worked((Group("province", "nev", 0, 1),), (), head_count=1).lines
    assert line.emission_g == 129_269


def test_without_a_factor_in_the_library_nothing_is_invented() -> None:
    book = FactorBook((version("travel.bus", "0.1", "kg/pkm", "A"),))
    factor = used_factor(book, catalogue().modes["bus"].library, DAY)
    assert factor is not None
    assert (factor.value, factor.version, factor.grade) == (Decimal("0.1"), 1, "A")
    assert used_factor(book, catalogue().modes["nev"].library, DAY) is None
    assert used_factor(book, catalogue().items["night"].library, DAY) is None


def test_the_shipped_library_has_what_events_are_counted_with() -> None:
    shipped = {factor.code for factor in load_library().emission_factors}
    assert all(mode.library in shipped for mode in catalogue().modes.values())
    without = [item.code for item in catalogue().items.values() if item.library not in shipped]
    # No source was found for them: they are shown as not counted.
    assert without == ["material", "waste_other"]


@pytest.mark.parametrize(
    ("group", "daily", "km"),
    [
        (Group(HERE, "bus", 0, 1), True, 120),
        (Group(HERE, "bus", 0, 1), False, 60),
        (Group(HERE, "bus", 1, 1), True, 60),
        (Group("province", "bus", 0, 1), True, 1200),
        (Group("world", "plane", 3, 2), True, 80_000),
    ],
)
def test_how_far_people_travel(group: Group, daily: bool, km: int) -> None:
    assert person_km(catalogue(), group, setting(daily_return=daily)) == km


def test_who_did_not_answer_gets_the_mean_rounded_up() -> None:
    # 2 of 3 known: 2 x 60 km x 0.052 = 6.24 kg; the third 3.12 kg, 60 km
    found = worked((Group(HERE, "bus", 0, 2),), (), head_count=3, daily_return=False)
    assert [(int(line.amount), line.emission_g) for line in found.lines] == [
        (120, 6240),
        (60, 3120),
    ]
    # 3 known, 1 missing: 9.36 kg / 3; and nobody missing, nobody estimated
    assert worked((Group(HERE, "bus", 0, 3),), (), head_count=3).estimated_g == 0
    third = worked((Group(HERE, "bike", 0, 7),), (), head_count=8, daily_return=False)
    # 7 x 60 x 0.0087 = 3.654 kg; a seventh is 522 g
    assert third.estimated_g == 522


def test_nobody_known_or_counted() -> None:
    assert worked((), (), head_count=50).lines == ()
    assert worked((), (), head_count=None).response_permille is None


def test_more_green_power_than_purchased_counts_as_none() -> None:
    (line,) = worked((), (Amount("power", Decimal(10), Decimal(11)),)).lines
    assert (line.emission_g, line.floored) == (0, True)


def test_an_account_is_the_same_after_writing_it_down() -> None:
    found = worked()
    assert from_json(to_json(found)) == found
    assert to_json(from_json(to_json(found))) == to_json(found)


def test_sources_without_grams() -> None:
    no_meals = Gap("meals", "absent", "半天")
    unknown = Gap("energy", "not_estimated", "没有分表")
    # Declared and counted; declared and said; declared and not said; counted, not declared.
    by_source = {"travel": 5, "waste": None, "materials": 0}
    said = {"meals": no_meals, "energy": unknown, "travel": Gap("travel", "absent", "x")}
    found = gaps(by_source, ["travel", "energy", "nights", "meals"], said)
    assert found == (unknown, Gap("nights", ""), no_meals, Gap("waste", NO_FACTOR))
    assert [gap.source for gap in left_out(found)] == ["energy", "nights", "waste"]
    assert beyond(by_source, found) == []
    assert gaps({"travel": 1}, ["travel", "meals"], {"meals": no_meals}) == (no_meals,)
    assert beyond({"travel": 1}, (no_meals,)) == ["energy", "nights", "materials", "waste"]
    account = replace(worked(), gaps=found)
    assert from_json(to_json(account)) == account
    before = re.sub(r'"gaps":null,', "", to_json(worked()))
    assert "gaps" not in before
    assert from_json(before).gaps is None


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"bus": 9}, None),
        ({}, None),
        ({"bus": 10}, {"bus": 10}),
        ({"bus": 20, "car": 6, "walk": 5}, {"bus": 20, "": 11}),
        # 3 alone could be told from the sum: the smallest of the others joins
        ({"bus": 20, "car": 12, "walk": 3}, {"bus": 20, "": 15}),
        ({"bus": 12, "walk": 3}, {"": 15}),
    ],
)
def test_small_groups_are_not_told(counts: dict[str, int], shown: dict[str, int] | None) -> None:
    assert shown_groups(counts) == shown


def test_unknown_codes_are_refused() -> None:
    for call, code in (
        (lambda: catalogue().mode("rocket"), "event_mode"),
        (lambda: catalogue().item("night"), "event_item"),
        (lambda: catalogue().distance("same_district", "370811"), "event_origin"),
    ):
        with pytest.raises(Invalid) as error:
            call()
        assert error.value.code == code


def test_the_document_has_the_same_numbers() -> None:
    text = (Path(__file__).resolve().parents[4] / "docs" / "events.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| [^|]*?([\d,]+)(?: \w+)? \| [^|]+ \| ([^|]+) \|$", text, re.M)
    told = [
        (
            int(amount.replace(",", "")),
            None if grams == "not counted" else int(grams.replace(",", "")),
        )
        for amount, grams in rows
    ]
    assert told == [(int(line.amount), line.emission_g) for line in worked().lines]
    assert f"**{worked().total_g:,}**" in text
