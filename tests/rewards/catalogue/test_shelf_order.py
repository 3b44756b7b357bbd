"""The order of the shelf and what a reader looks for, without a database."""

from dataclasses import replace
from datetime import date
from string import Formatter

import pytest

from carbonaccount.web.messages import SENTENCES, sentence
from rewards import labels
from rewards.models import LimitPeriod
from rewards.queries import period_start
from rewards.shelf import PAGE_ITEMS, Item, Wanted, chosen, page_of, rank

PLAIN = Item(
    reward_id=1,
    public_id="A",
    reward_class="other",
    texts={"zh": {"title": "公交日票", "text": "市区"}, "en": {"title": "Bus day", "text": "City"}},
    picture="",
    price_credits=100,
    stock_left=50,
    stock_per_day=None,
    taken_today=0,
    limit_per_person=None,
    limit_period=LimitPeriod.EVER,
    taken_by_me=0,
    offered_until=date(2026, 12, 31),
    districts=[],
    minimum_age=0,
    allotment="first_come",
    is_favourite=False,
    fund="",
    why_not="",
)


@pytest.mark.parametrize(
    ("changes", "left", "obstacle"),
    [
        ({}, 50, ""),
        ({"stock_per_day": 5, "taken_today": 3}, 2, ""),
        ({"stock_per_day": 5, "taken_today": 5}, 0, "day_stock_empty"),
        ({"stock_left": 1, "stock_per_day": 5, "taken_today": 1}, 1, ""),
        ({"stock_left": 0, "stock_per_day": 5}, 0, "stock_empty"),
        ({"stock_left": 0, "allotment": "draw"}, 0, "stock_empty"),
        # Who stands in a queue waits for stock.
        ({"stock_left": 0, "allotment": "queue"}, 0, ""),
        ({"limit_per_person": 2, "taken_by_me": 1}, 50, ""),
        ({"limit_per_person": 2, "taken_by_me": 2}, 50, "person_limit_reached"),
        ({"fund": "fund_slowed"}, 50, "fund_slowed"),
        ({"why_not": "guardian_needed", "stock_left": 0}, 0, "guardian_needed"),
    ],
)
def test_what_is_left_and_what_is_in_the_way(
    changes: dict[str, object], left: int, obstacle: str
) -> None:
    item = replace(PLAIN, **changes)  # type: ignore[arg-type]
    assert (item.left_today, item.obstacle) == (left, obstacle)


def test_what_one_can_afford_comes_first_and_the_cheapest_of_it() -> None:
    dear = replace(PLAIN, reward_id=2, price_credits=501)
    exact = replace(PLAIN, reward_id=3, price_credits=500)
    out = replace(PLAIN, reward_id=4, price_credits=1, stock_left=0)
    unasked = replace(PLAIN, reward_id=5, price_credits=200, why_not="reward_age_unknown")
    drawn = replace(PLAIN, reward_id=6, price_credits=7, allotment="draw")
    queued = replace(PLAIN, reward_id=7, price_credits=8, allotment="queue", stock_left=0)
    everything = [out, dear, exact, unasked, drawn, queued, PLAIN]
    found = chosen(everything, Wanted(), credits=500)
    assert [item.reward_id for item in found] == [1, 3, 6, 7, 5, 2, 4]
    assert [rank(item, 500) for item in found] == [0, 0, 1, 1, 1, 2, 3]
    # What a press of the button gets now: no draw, no queue, no question of age before it.
    assert page_of(everything, page=1, credits=500).affordable == 2
    now = chosen(everything, Wanted(affordable=True), credits=500)
    assert [item.reward_id for item in now] == [1, 3]
    assert dear.missing(500) == 1


OBSTACLES: dict[str, dict[str, object]] = {
    "stock_empty": {"stock_left": 0},
    "day_stock_empty": {"stock_per_day": 20, "taken_today": 20},
    "person_limit_reached": {"limit_per_person": 3, "taken_by_me": 3},
    **{code: {"fund": code} for code in ("fund_paused", "fund_slowed", "fund_empty")},
}
NAMED = {
    "day_stock_empty": "20",
    "person_limit_reached": "3",
    "reward_age_unknown": "18",
    "reward_too_young": "18",
}


@pytest.mark.parametrize("code", labels.OBSTACLES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_obstacle_is_told_with_all_it_names(code: str, language: str) -> None:
    changes = OBSTACLES.get(code, {"why_not": code, "minimum_age": 18})
    item = replace(PLAIN, **changes)  # type: ignore[arg-type]
    assert item.obstacle == code
    template = SENTENCES[code][language == "en"]
    named = {name for _, name, _, _ in Formatter().parse(template) if name}
    assert named <= item.obstacle_params.keys()
    told = sentence(code, item.obstacle_params, language)
    assert "{" not in told
    assert NAMED.get(code, "") in told
    assert bool(named) is (code in NAMED)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), True),
        (Wanted(words="公交"), True),
        (Wanted(words="BUS day"), True),
        (Wanted(words="bus 市区"), True),
        (Wanted(words="bus museum"), False),
        (Wanted(reward_class="tree"), False),
        (Wanted(reward_class="other"), True),
        (Wanted(district="370811"), True),
        (Wanted(favourites=True), False),
        (Wanted(affordable=True), True),
    ],
)
def test_what_a_reader_looks_for(wanted: Wanted, found: bool) -> None:
    assert bool(chosen([PLAIN], wanted, credits=100)) is found


def test_a_district_sees_what_is_for_it_and_what_is_for_all() -> None:
    local = replace(PLAIN, reward_id=2, districts=["370811"])
    wanted = Wanted(district="370812")
    assert [item.reward_id for item in chosen([PLAIN, local], wanted, credits=0)] == [1]


def test_pages_and_a_page_that_does_not_exist() -> None:
    items = [replace(PLAIN, reward_id=number) for number in range(PAGE_ITEMS + 1)]
    last = page_of(items, page=99, credits=100)
    assert (last.page, last.pages, len(last.items)) == (2, 2, 1)
    assert (last.total, last.affordable) == (PAGE_ITEMS + 1, PAGE_ITEMS + 1)
    assert page_of([], page=0, credits=0).page == 1


def test_periods_begin_where_the_calendar_does() -> None:
    day = date(2026, 11, 21)
    starts = {period: period_start(period, day) for period in LimitPeriod}
    assert starts == {
        LimitPeriod.DAY: day,
        LimitPeriod.MONTH: date(2026, 11, 1),
        LimitPeriod.YEAR: date(2026, 1, 1),
        LimitPeriod.EVER: date(1, 1, 1),
    }
